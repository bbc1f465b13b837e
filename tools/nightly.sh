#!/usr/bin/env bash
# The tests that take many minutes: long runs, many machines, repeated cold boots.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/install.sh
./wrenn setup
export PATH="$PWD/node_modules/.bin:$PATH"
vitest run --project nightly "$@"
FUZZ_TIMES=50 vitest run --project unit packages/guest-agent/src/filesystem/watch.test.ts
