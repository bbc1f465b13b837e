#!/usr/bin/env bash
# Runs a command with the project's own Node and tools first in PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/install.sh
PATH="$PWD/node_modules/.bin:$PATH" exec "$@"
