#!/usr/bin/env bash
# All checks that need neither root nor a VM: format, lint and import direction, types, size budget, unit tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/install.sh
export PATH="$PWD/node_modules/.bin:$PATH"
biome ci --diagnostic-level=error .
oxlint --type-aware --deny-warnings
tsc -b
knip
node tools/size-budget.ts
vitest run --project unit --reporter=dot
