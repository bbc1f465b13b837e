#!/usr/bin/env bash
# Installs the npm packages when the lock file is not the one that was installed last. Offline and quick when it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stamp=node_modules/.wrenn-installed
want="$(sha256sum package-lock.json | cut -d ' ' -f 1)"
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0
if ! command -v npm >/dev/null; then
  echo "error: npm is not installed; Wrenn needs some Node.js >= 20 with npm once, and brings its own Node.js from then on" >&2
  exit 1
fi
exec 9>.install.lock
flock 9
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0
echo "… installing npm packages (once; about a minute)" >&2
# Not `npm ci`: it refuses a lock file without the optional packages of other platforms that a mirror does not carry.
npm install --no-save --no-audit --no-fund --loglevel=error >&2
echo "$want" >"$stamp"
