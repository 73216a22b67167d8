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

# The same by strace, which sees the system calls themselves, and kills after the call instead of before
# it. Each process counts for itself; both are hit at their n-th.
CALLS=write,writev,pwrite64,pwritev,fsync,fdatasync,syncfs,ftruncate,fallocate,sendto

traced() { strace -f -qq -o "$WORK/trace" "$@" "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" seal --all; }

kill_by_strace() {
	half_sealed_store
	traced -e "trace=$CALLS"
	last=$(cut -d ' ' -f 1 "$WORK/trace" | sort | uniq -c | sort -n | awk 'END { print $1 }')
	[ "$last" -gt 10 ]
	for n in $(seq "$last"); do
		kept_ledger
		traced -e "inject=$CALLS:signal=KILL:when=$n" >"$OUT" 2>"$ERR" && status=0 || status=$?
		echo "call $n: exit status $status"
		case $status in
		0 | 3 | 137) whole_after "$status" ;;
		*) cat "$ERR" && return 1 ;;
		esac
	done
}
crash_test 'seal, killed by strace at every system call' kill_by_strace

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
