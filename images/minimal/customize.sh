#!/bin/sh
# Makes a fresh Debian or Ubuntu tree, given as $1, the root file system of a capsule.
set -eu
root=$1

echo capsule > "$root/etc/hostname"
cat > "$root/etc/hosts" <<'HOSTS'
127.0.0.1 localhost
127.0.1.1 capsule
::1 localhost ip6-localhost ip6-loopback
HOSTS
# The capsule's network always has its resolver here.
rm -f "$root/etc/resolv.conf"
echo "nameserver 169.254.0.22" > "$root/etc/resolv.conf"

chroot "$root" useradd --create-home --uid 1000 --user-group --shell /bin/bash user
echo "user ALL=(ALL:ALL) NOPASSWD:ALL" > "$root/etc/sudoers.d/user"
chmod 0440 "$root/etc/sudoers.d/user"
# Every capsule gets its own when it starts.
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

# apt's network settings were the host's and may hold a password; its sources are put back without any.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/apt/auth.conf" "$root/etc/apt/sources.list"
rm -rf "$root/etc/apt/auth.conf.d" "$root/etc/apt/sources.list.d"
mkdir -p "$root/etc/apt/sources.list.d"
install -m 0644 "$WRENN_GUEST_SOURCES" "$root/etc/apt/sources.list.d/distribution.sources"
echo 'Acquire::Languages "none";' > "$root/etc/apt/apt.conf.d/90capsule"
# No service manager runs in a capsule, so packages must not try to start services.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

rm -rf "$root/var/lib/apt/lists" "$root/var/cache/apt" "$root/var/log" "$root/tmp" "$root/run"
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial" "$root/var/log/apt" "$root/run"
mkdir -m 1777 "$root/tmp"
