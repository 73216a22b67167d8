# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# lib.sh: crash tests: the store of tests/cli/lib.sh, and programs that are killed or refused at every
# call that writes (fault.c). Source it, call crash_test TITLE FUNCTION, end with done_testing.
#
#   keep_ledger, kept_ledger       puts the ledger aside, and takes a copy of it
#   faulty SPEC VERB...            layerseal under fault.c; its exit status, output in $OUT and $ERR
#   each_call PROCESS ACTION JUDGE VERB...   for every n until the command runs undisturbed: the kept
#                                  ledger, the command with its n-th call hit, JUDGE
#   whole_after STATUS             the ledger opens, has what it had, and if STATUS is 0 all of the seal;
#                                  what is missing can be sealed, and then the store is clean

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
: "${FAULT_SO:=$HERE/../../build/release/crash/fault.so}"
FAULT_LOG=$WORK/fault.log
: "${CRASH_FULL:=}"

# The ledger is on a file system without a disk where there is one: thousands of syncs take no time there.
# (The store cannot be: on a tmpfs no statprint is ever recorded.)
QUICK=$(mktemp -d "/dev/shm/layerseal-crash.XXXXXX" 2>/dev/null) || QUICK=$WORK
L=$QUICK/ledger
trap 'clean_up; rm -rf "$QUICK"' EXIT

crash_test() {
	fresh_store
	no_ledger
	test_case "$@"
}

# One of the two images is sealed: what must not get lost.
half_sealed_store() {
	init_store >/dev/null
	guard seal --quiet tiny-base
	keep_ledger
}

keep_ledger() {
	rm -rf "$QUICK/kept" "$QUICK/kept.trust" "$QUICK/kept.trust+head"
	cp -a "$L" "$QUICK/kept"
	cp -a "$L.trust" "$QUICK/kept.trust"
	[ ! -e "$L.trust+head" ] || cp -a "$L.trust+head" "$QUICK/kept.trust+head"
	entries >"$WORK/before.log"
}

kept_ledger() {
	no_ledger
	cp -a "$QUICK/kept" "$L"
	cp -a "$QUICK/kept.trust" "$L.trust"
	[ ! -e "$QUICK/kept.trust+head" ] || cp -a "$QUICK/kept.trust+head" "$L.trust+head"
}

no_ledger() { rm -rf "$L" "$L.trust" "$L.trust+head"; }

entries() { guard log --json | jq -c '.entries[]'; }

faulty() {
	spec=$1
	shift
	[ "$1" != init ] || set -- --runroot "$R" --storage-driver overlay "$@"
	FAULT=$spec FAULT_LOG=$FAULT_LOG LD_PRELOAD=$FAULT_SO \
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" "$@" >"$OUT" 2>"$ERR"
}

# The call that the fault was at: "keeper 12 fdatasync"; fails if it never came to that.
hit_call() { tr -d '\0' <"$FAULT_LOG" | sed -n 's/ *!$//p' | tr -s ' ' | grep -m 1 .; }

# What puts the ledger in its first state, before each of them.
before_each=kept_ledger

each_call() {
	process=$1 action=$2 judge=$3
	shift 3
	n=0 hits=0
	[ "$1" != init ] || before_each=no_ledger
	trap 'echo "$process:$n:$action $* (${call-}): exit status ${status-}"; cat "$ERR"' EXIT
	while :; do
		n=$((n + 1)) status=0
		$before_each
		faulty "$process:$n:$action" "$@" || status=$?
		call=$(hit_call) || break
		hits=$((hits + 1))
		[ "$status" -lt 128 ] || [ "$action" = kill ]
		"$judge" "$status"
	done
	[ "$status" -eq 0 ]
	[ "$hits" -ge "${hits_min:-3}" ]
	trap - EXIT
}

# Nothing but "not sealed" may be said of what was not sealed.
only_unsealed() {
	jq -e '.verdict == "violated" and all(.findings[]; .class | endswith("-unsealed"))' \
		"$1" >/dev/null
}

whole_after() {
	entries >"$WORK/after.log"
	head -n "$(wc -l <"$WORK/before.log")" "$WORK/after.log" | cmp - "$WORK/before.log"
	guard verify --json >"$WORK/verify.json" && verified=0 || verified=$?
	if [ "$verified" -ne 0 ]; then
		[ "$1" -ne 0 ]
		only_unsealed "$WORK/verify.json"
	fi
	guard seal --all --quiet
	guard verify --quiet
}
