#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 40-power.t: the power fails: every state of the disk that can be, at every moment (power.py).
. "$(dirname "$0")/lib.sh"
export LAYERSEAL G R

SCENE=$QUICK/scene
L=$SCENE/ledger
BYTES=lseek,write,writev,pwrite64,pwritev,fsync,fdatasync,syncfs,ftruncate,sendto

# recorded VERB...: runs it under strace, with the state before it put aside.
recorded() {
	rm -rf "$QUICK/before"
	cp -a "$SCENE" "$QUICK/before"
	command=$*
	[ "$command" != init ] || set -- --runroot "$R" --storage-driver overlay "$@"
	strace -f -qq -y -xx -s 16777216 -o "$WORK/trace" \
		-e "trace=openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,linkat,$BYTES" \
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" "$@"
	# shellcheck disable=SC2086 # words
	python3 "$HERE/power.py" "$SCENE" "$WORK/trace" "$QUICK/before" $command
}

scene() {
	rm -rf "$SCENE"
	mkdir "$SCENE"
}

power_seal() {
	scene
	init_store >/dev/null
	guard seal --quiet tiny-base
	recorded seal --all
}
crash_test 'the power fails while a seal is made' power_seal

power_init() {
	scene
	recorded init
}
crash_test 'the power fails while a ledger is made' power_init

power_other() {
	scene
	sealed_store
	recorded "$@"
}
crash_test 'the power fails while a key is replaced' power_other key rotate --reason test
crash_test 'the power fails while a ledger is compacted' power_other ledger compact

done_testing
