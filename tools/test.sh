#!/usr/bin/env bash
# The whole test suite on real VMs and real databases. Needs root; installs what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./wrenn setup
WRENN_TEST_PG_BIN="$(tools/install-test-postgres.sh)"
export WRENN_TEST_PG_BIN
tools/check.sh
export PATH="$PWD/node_modules/.bin:$PATH"
vitest run --passWithNoTests --project database "$@"
vitest run --passWithNoTests --project root --project e2e "$@"
