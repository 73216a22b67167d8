#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 60-export.t: an export that is killed, or fails, at each call that writes: what is there is the old export or
# the new one, readers need nothing else, and the next export makes it whole.
# shellcheck source=tests/audit/lib.sh
. "$(dirname "$0")/../audit/lib.sh"
: "${FAULT_SO:=$HERE/../../build/release/crash/fault.so}"

# faulty SPEC: exports under fault.c (tests/crash)
faulty() {
	rm -f "$WORK/fault.log"
	FAULT=$1 FAULT_LOG=$WORK/fault.log LD_PRELOAD=$FAULT_SO \
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" ledger export "$X" >"$OUT" 2>"$ERR"
}

was_hit() {
	tr -d '\0' <"$WORK/fault.log" | grep -q '!'
}

size_of() {
	expect_exit 0 guard ledger check --json "$1"
	jq .ledger_size "$OUT"
}

# each_call ACTION STATUS: what the export does when its n-th call is hit, for every n.
each_call() {
	n=0 hits=0 old=0
	trap 'echo "call $n ($1)"; cat "$ERR"' EXIT
	while :; do
		n=$((n + 1)) status=0
		rm -rf "$X"
		[ ! -e "$X.old" ] || cp -a "$X.old" "$X"
		faulty "parent:$n:$1" || status=$?
		was_hit || break
		hits=$((hits + 1))
		if [ "$status" -ne 0 ]; then
			[ "$status" = "$2" ]
			[ ! -e "$X/checkpoint" ] || size_of "$X" >"$WORK/size"
			[ ! -e "$X.old" ] || grep -qx '300\|700' "$WORK/size"
			grep -qx 700 "$WORK/size" || old=$((old + 1))
		fi
		expect_exit 0 guard ledger export "$X"
		[ "$(size_of "$X")" = 700 ]
		[ -z "$(find "$X" -name '.*' -type f)" ]
	done
	trap - EXIT
	[ "$status" -eq 0 ]
	[ "$hits" -gt 10 ]
	[ "$old" -gt 5 ]
}

longer() {
	grow 300 100
	guard ledger export "$X.old" >/dev/null
	grow 700 100
	: >"$WORK/size"
	each_call "$1" "$2"
}
audit_test 'an export that grows, killed at every call' longer kill 137
audit_test 'an export that grows, on a failing disk' longer EIO 3
audit_test 'an export that grows, on a full disk' longer ENOSPC+ 3

fresh() {
	grow 700 100
	: >"$WORK/size"
	each_call "$1" "$2"
}
audit_test 'a new export, killed at every call' fresh kill 137
audit_test 'a new export, on a full disk' fresh ENOSPC 3

done_testing
