#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 30-together.t: two sealers and ten verifiers at once. A round is one seal or one verification.
. "$(dirname "$0")/lib.sh"

: "${ROUNDS:=${CRASH_FULL:+10000}}"
: "${ROUNDS:=1000}"

# round KIND COMMAND...: writes a line "KIND STATUS" into $WORK/rounds, and shows what went wrong.
round() {
	kind=$1
	shift
	out=$(mktemp "$WORK/out/XXXXXX")
	"$@" >"$out" 2>&1 && status=0 || status=$?
	echo "$kind $status" >>"$WORK/rounds"
	[ "$status" -eq 0 ] || cat "$out"
	[ "$kind" != seal ] || jq .names "$out" >>"$WORK/names"
	rm "$out"
}

begin_rounds() {
	mkdir -p "$WORK/out"
	: >"$WORK/rounds"
	: >"$WORK/names"
}

# end_rounds SEALS VERIFICATIONS NAMES: all of them succeeded, and what they said is true: of every name
# one sealer reported that it was sealed, and the ledger has it once.
end_rounds() {
	sort "$WORK/rounds" | uniq -c
	[ "$(grep -c -x 'seal 0' "$WORK/rounds")" -eq "$1" ]
	[ "$(grep -c -x 'verify 0' "$WORK/rounds")" -eq "$2" ]
	[ "$(wc -l <"$WORK/rounds")" -eq $(($1 + $2)) ]
	[ "$(jq -s add "$WORK/names")" -eq "$3" ]
	entries | jq -r 'select(.op == "seal-name").name' | grep '/more-' | sort >"$WORK/sealed"
	[ "$(uniq <"$WORK/sealed" | wc -l)" -eq "$3" ]
	[ "$(wc -l <"$WORK/sealed")" -eq "$3" ]
	guard verify --quiet
}

# A name that only a seal makes known; until then verify warns of it.
add_name() {
	images=$1/overlay-images/images.json
	jq -c --arg name "localhost/more-$2:latest" '.[0].names += [$name]' "$images" >"$images.new"
	mv "$images.new" "$images"
}

# All want to write the same: the new statprint of a tree whose old one is out of date, and a name.
race() {
	sealed_store
	begin_rounds
	groups=$(((ROUNDS + 23) / 24))
	for group in $(seq $groups); do
		chmod 644 "$G"/overlay/*/diff/etc/motd
		add_name "$G" "$group"
		round seal guard seal --all --json &
		for verifier in 1 2 3 4 5 6 7 8 9 10; do
			round verify guard verify --json &
			[ $verifier -ne 5 ] || round seal guard seal --all --json &
		done
		wait
	done
	end_rounds $((groups * 2)) $((groups * 10)) $groups
	# But for those whose ctime was of this very tick, every change was noted down.
	[ "$(entries | jq -s 'map(select(.op == "remeasure")) | length')" -ge $((groups / 2)) ]
}
crash_test "$((ROUNDS / 2)) rounds, each group after the same change" race

seals_of_its_own() {
	root=$WORK/now/more-$1/g
	for number in $(seq "$2"); do
		add_name "$root" "$1-$number"
		round seal "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$root" seal --all --json
	done
}

verifications() {
	for number in $(seq "$1"); do
		round verify guard verify --json
	done
}

# Two sealers of other stores make the ledger grow under those who read it.
at_will() {
	sealed_store
	begin_rounds
	for store in a b; do
		mkdir "$WORK/now/more-$store"
		cp -a "$WORK/kept/g" "$WORK/kept/r" "$WORK/now/more-$store"
		rm -rf "$WORK/now/more-$store/g/libpod"
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$WORK/now/more-$store/g" \
			--runroot "$WORK/now/more-$store/r" --storage-driver overlay init >/dev/null
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$WORK/now/more-$store/g" seal --all --quiet
	done
	each=$(((ROUNDS + 23) / 24))
	seals_of_its_own a $each &
	seals_of_its_own b $each &
	for verifier in 1 2 3 4 5 6 7 8 9 10; do
		verifications $each &
	done
	wait
	end_rounds $((each * 2)) $((each * 10)) $((each * 2))
}
crash_test "$((ROUNDS / 2)) rounds, each process as fast as it can" at_will

# One makes the ledger, one enters the store, the others find both.
inits() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		no_ledger
		for process in 1 2 3 4 5 6; do
			init_store >"$WORK/init.$process" 2>&1 || echo "failed: $?" >>"$WORK/init.$process" &
		done
		wait
		cat "$WORK"/init.? | tee "$WORK/inits"
		expect_no_grep failed "$WORK/inits"
		[ "$(grep -c '^made ledger' "$WORK/inits")" -eq 1 ]
		[ "$(grep -c '^entered store' "$WORK/inits")" -eq 1 ]
		guard seal --all --quiet
		guard verify --quiet
	done
}
crash_test 'six that make the same ledger' inits

done_testing
