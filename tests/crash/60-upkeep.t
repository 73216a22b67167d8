#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 60-upkeep.t: kill -9 and failing calls in commands that change more than the log: keys, compaction,
# backups, anchors.
. "$(dirname "$0")/lib.sh"

export LAYERSEAL_CONFIG="$WORK/layerseal.conf"
HEADS=$QUICK/place/heads
trap 'chattr -a "$HEADS" 2>/dev/null; clean_up; rm -rf "$QUICK"' EXIT

upkeep_test() {
	: >"$LAYERSEAL_CONFIG"
	crash_test "$@"
}

# Whatever was left half done: verify goes on meanwhile, and the same command does the rest.
judge_again() {
	guard verify --json >"$WORK/verify.json" || only_unsealed "$WORK/verify.json"
	again >"$WORK/again" 2>&1 || { cat "$WORK/again" && return 1; }
	[ "$(find "$L" | sed "s|$L||" | sort | tr '\n' ' ')" = "$files" ] || { find "$L" && return 1; }
	whole_after 1
}

# hit_again PROCESS ACTION VERB...
hit_again() {
	half_sealed_store
	files=$(find "$L" | sed "s|$L||" | sort | tr '\n' ' ')
	process=$1 action=$2
	shift 2
	each_call "$process" "$action" judge_again "$@"
}

again() {
	case $verb in
	key) guard key rotate --reason test ;;
	ledger) guard ledger compact ;;
	esac
}

for process in parent keeper; do
	verb=key
	upkeep_test "key rotate, $process killed" hit_again $process kill key rotate --reason test
	verb=ledger
	upkeep_test "ledger compact, $process killed" hit_again $process kill ledger compact
done
verb=key
upkeep_test 'key rotate on a disk that fails' hit_again parent EIO+ key rotate --reason test
verb=ledger
upkeep_test 'ledger compact on a disk that fails' hit_again parent EIO+ ledger compact

# A backup is whole or says that it is none; and the ledger is none the worse.
judge_backup() {
	rm -rf "$QUICK/backup"
	whole_after 1
}

backup() {
	half_sealed_store
	each_call "$1" kill judge_backup ledger backup "$QUICK/backup"
}
upkeep_test 'ledger backup, killed' backup parent

# The ledger was lost; a restore that was killed is repeated. The secrets are kept elsewhere.
judge_restore() {
	guard verify --json >"$WORK/verify.json" 2>&1 && verified=0 || verified=$?
	[ "$1" -ne 0 ] || [ "$verified" -eq 0 ] || only_unsealed "$WORK/verify.json"
	[ "$verified" -ne 3 ] || guard ledger restore "$QUICK/backup"
	cp -a "$QUICK/kept/key" "$QUICK/kept/statprint.key" "$L"
	whole_after 1
}

kept_ledger_lost() {
	kept_ledger
	rm -rf "$L"
}

restore() {
	half_sealed_store
	rm -rf "$QUICK/backup"
	guard ledger backup "$QUICK/backup"
	before_each=kept_ledger_lost
	each_call "$1" kill judge_restore ledger restore "$QUICK/backup"
}
upkeep_test 'ledger restore, killed' restore parent

# An anchor that is behind heals by itself; it is never ahead of the ledger.
kept_with_anchor() {
	kept_ledger
	chattr -a "$HEADS" 2>/dev/null || true
	cp "$QUICK/kept.heads" "$HEADS"
}

anchored() {
	printf '[anchor]\nfile = %s\n' "$HEADS" >"$LAYERSEAL_CONFIG"
	chattr -a "$HEADS" 2>/dev/null || true
	rm -rf "${HEADS%/*}"
	mkdir -m 700 "${HEADS%/*}"
	half_sealed_store
	cp "$HEADS" "$QUICK/kept.heads"
	before_each=kept_with_anchor
	each_call "$1" "$2" whole_after seal --all
}
upkeep_test 'seal with an anchor, killed' anchored parent kill
upkeep_test 'seal with an anchor, its keeper killed' anchored keeper kill
upkeep_test 'seal with an anchor on a disk that fails' anchored parent EIO+

done_testing
