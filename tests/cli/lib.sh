# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# lib.sh: command-line tests: one small store of podman's, copied for each test. Source it, define
# tests, call cli_test TITLE FUNCTION, end with done_testing. In a test:
#   $G $R     a fresh copy of the store; image localhost/tiny with two layers
#   $L        where its ledger goes; `sealed_store` makes it and seals everything
#   guard ... layerseal on this store and ledger
# shellcheck disable=SC2034 # G, R, L, OUT and ERR are for the tests

HERE=$(cd "$(dirname "$0")" && pwd)
: "${LAYERSEAL:=$HERE/../../build/layerseal}"
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/layerseal-cli.XXXXXX")
# shellcheck source=tests/lib/tap.sh
. "$HERE/../lib/tap.sh"
tap_start "$WORK/tap"
G=$WORK/now/g
R=$WORK/now/r
L=$WORK/now/ledger

clean_up() {
	umount -R "$G/overlay" 2>/dev/null
	umount -R "$G/vfs" 2>/dev/null
	rm -rf "$WORK"
}
trap clean_up EXIT

store_podman() {
	podman --root "$G" --runroot "$R" --storage-driver overlay "$@" 2>>"$WORK/podman.log"
}

# Made once: a base layer and one on top.
make_store() {
	mkdir -p "$WORK/now" "$WORK/rootfs/bin" "$WORK/rootfs/etc"
	cp /bin/busybox "$WORK/rootfs/bin/busybox"
	ln -s busybox "$WORK/rootfs/bin/sh"
	echo tiny >"$WORK/rootfs/etc/hostname"
	tar -C "$WORK/rootfs" -c . | store_podman import -q - localhost/tiny-base >/dev/null
	printf 'FROM localhost/tiny-base\nCOPY hostname /etc/motd\n' >"$WORK/Containerfile"
	cp "$WORK/rootfs/etc/hostname" "$WORK/hostname"
	store_podman build -q --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK" >/dev/null
	umount -R "$G/overlay" 2>/dev/null
	mv "$WORK/now" "$WORK/kept"
}

fresh_store() {
	umount -R "$G/overlay" 2>/dev/null
	rm -rf "$WORK/now"
	cp -a "$WORK/kept" "$WORK/now"
}

guard() {
	"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" "$@"
}

init_store() {
	guard --runroot "$R" --storage-driver overlay init
}

sealed_store() {
	init_store >/dev/null
	guard seal --all --quiet
}

cli_test() {
	fresh_store
	test_case "$@"
}

make_store
