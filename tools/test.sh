#!/usr/bin/env bash
# The whole test suite on real VMs and real databases. Needs root; installs what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./wrenn setup
tools/install-test-postgres.sh
tools/check.sh
export PATH="$PWD/node_modules/.bin:$PATH"
WRENN_TEST_PG_BIN="$(tools/install-test-postgres.sh --print)" vitest run --project database --project root --project e2e "$@"
