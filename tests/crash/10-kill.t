#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10-kill.t: kill -9 at every call that writes, of the program and of its keeper.
. "$(dirname "$0")/lib.sh"

# Killed, or told of its keeper's death; a keeper that had answered is not missed.
judge_kill() {
	case $process:$1 in
	parent:137) ;;
	keeper:3) grep -q 'keeper' "$ERR" ;;
	keeper:0) [ "${call#* * }" = send ] ;;
	*) false ;;
	esac
	whole_after "$1"
}

kill_seal() {
	half_sealed_store
	each_call "$1" kill judge_kill seal --all
}
crash_test 'seal, killed at every call' kill_seal parent
crash_test 'seal, its keeper killed at every call' kill_seal keeper

# Half a ledger is none: init makes it, whatever was left.
judge_killed_init() {
	guard status >"$WORK/status" 2>&1 && opened=0 || opened=$?
	case $opened in
	0) ;;
	3) grep -q 'run layerseal init' "$WORK/status" ;;
	*) cat "$WORK/status" && return 1 ;;
	esac
	[ "$1" -ne 0 ] || [ "$opened" -eq 0 ]
	init_store >/dev/null
	guard seal --all --quiet
	guard verify --quiet
	[ -z "$(find "$L" -name '.*' -type f)" ]
}

kill_init() { each_call "$1" kill judge_killed_init init; }
crash_test 'init, killed at every call' kill_init parent
crash_test 'init, its keeper killed at every call' kill_init keeper

done_testing
