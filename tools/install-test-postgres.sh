#!/usr/bin/env bash
# Installs the distribution's PostgreSQL server for the second run of the database tests and prints where its programs are.
set -euo pipefail
find_bin() { find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1 | xargs -r dirname || true; }
if [ -z "$(find_bin)" ] && command -v apt-get >/dev/null; then
  echo "… installing the distribution's PostgreSQL for the tests" >&2
  # Its package must not start a server of its own.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >/dev/null 2>&1 \
    || { apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >/dev/null; }
fi
find_bin
