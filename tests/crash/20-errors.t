#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 20-errors.t: every call that writes fails once (EIO, ENOSPC), fails from then on, or writes only half.
. "$(dirname "$0")/lib.sh"

# The pin is written where it can be: its failures are no failures of a run (tests/cli/30-anchor.t).
printf '[anchor]\npin = no\n' >"$WORK/errors.conf"
export LAYERSEAL_CONFIG="$WORK/errors.conf"

# Where a failure is no loss: LMDB can do without what is reserved ahead; a tree that was not brought to
# the disk gets no statprint; what was written in part is written again.
may_be_ignored() {
	case ${call#* * }:$action in
	fallocate:EIO* | syncfs:* | *:short) ;;
	*) false ;;
	esac
}

# Never success for what is not on the disk; the reason is said, and it is not the store's fault.
judge_error() {
	case $1 in
	0) may_be_ignored ;;
	1) # a layer that the disk does not have
		[ "${call#* * }" = syncfs ]
		grep -q '^deny tree-unreadable' "$OUT"
		;;
	3)
		grep -q '^layerseal: ' "$ERR"
		expect_no_grep damaged "$ERR"
		[ ! -s "$OUT" ]
		;;
	*) false ;;
	esac
}

judge_seal() {
	judge_error "$1"
	whole_after "$1"
}

fail_seal() {
	half_sealed_store
	each_call "$1" "$2" judge_seal seal --all
}

judge_init() {
	judge_error "$1"
	init_store >/dev/null
	guard seal --all --quiet
	guard verify --quiet
}

fail_init() { each_call "$1" "$2" judge_init init; }

# A verdict does not depend on what verify would like to note down for the next time.
judge_verify() {
	case $1 in
	0) grep -q '^clean' "$OUT" ;;
	3)
		expect_no_grep damaged "$ERR"
		expect_no_grep '^clean' "$OUT"
		;;
	*) false ;;
	esac
	entries >"$WORK/after.log"
	head -n "$(wc -l <"$WORK/before.log")" "$WORK/after.log" | cmp - "$WORK/before.log"
	guard verify --quiet
}

fail_verify() {
	sealed_store
	keep_ledger
	find "$G/overlay" -name hostname -exec chmod 644 {} +
	hits_min=1
	each_call "$1" "$2" judge_verify verify
}

for action in EIO EIO+ ENOSPC ENOSPC+ short; do
	for process in parent keeper; do
		# The parent writes nothing of a seal itself.
		[ $process:$action = parent:short ] ||
			crash_test "seal, $process: $action" fail_seal $process $action
		crash_test "init, $process: $action" fail_init $process $action
	done
	crash_test "verify, keeper: $action" fail_verify keeper $action
done

# Printed too late, and still not a success.
nowhere_to_print() {
	half_sealed_store
	guard seal --all >/dev/full 2>"$ERR" && status=0 || status=$?
	[ "$status" -eq 3 ]
	whole_after 0
}
crash_test 'seal, standard output full' nowhere_to_print

done_testing
