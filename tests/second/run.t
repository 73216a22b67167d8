#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two implementations of layerseal-ledger(5) say the same: layerseal, and ledger_check.py, which was written
# from the manual alone. First of ledgers of real stores, then of logs that break each rule (differ.py).
# SECOND_SHARE=N asks about one in N of those.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
: "${GROWTH:=$HERE/../../build/release/bench/growth}"
second() { python3 "$HERE/ledger_check.py" --trust "$L.trust" "$@"; }

# both_believe EXPORT: and print the same.
both_believe() {
	expect_exit 0 "$LAYERSEAL" --trust "$L.trust" ledger check --json "$1"
	jq -r '"size \(.ledger_size)", "root \(.ledger_root[7:])", "key \(.key | split("+")[1])",
		"entries " + ([.entries | to_entries[] | select(.value > 0) | "\(.value) \(.key)"] | join(", ")),
		"that count \(.entries_that_count)"' "$OUT" >"$WORK/theirs"
	expect_exit 0 second "$1"
	sed '/^entries/s/entries //' "$OUT" | tr ',' '\n' | sed 's/^ //' | sort >"$WORK/ours"
	sed '/^entries/s/entries //' "$WORK/theirs" | tr ',' '\n' | sed 's/^ //' | sort | diff - "$WORK/ours"
}
# ... and layerseal the same of the ledger itself.
export_and_compare() {
	guard ledger export "$WORK/now/export" >/dev/null
	both_believe "$WORK/now/export"
	guard ledger check --json | jq -r '"size \(.ledger_size)", "root \(.ledger_root[7:])"' >"$WORK/whole"
	head -n 2 "$WORK/theirs" | diff - "$WORK/whole"
}
neither_believes() {
	expect_exit 3 "$LAYERSEAL" --trust "$L.trust" ledger check "$1"
	expect_exit 3 second "$1"
}

# All ops but anchor (which needs a TPM) and state; one export grows at each step.
a_life() {
	sealed_store
	export_and_compare
	store_podman tag localhost/tiny localhost/tiny:v2
	jq -c '.[0].names += ["odd name\\with \u00e9\u0001 and =@%/-", "-"]' "$G/overlay-images/images.json" >"$WORK/images"
	cat "$WORK/images" >"$G/overlay-images/images.json"
	guard seal --all --quiet
	export_and_compare
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	echo changed >"$G/overlay/$layer/diff/etc/motd"
	guard seal --all --quiet --accept --reason 'patched "by hand": \ é - '
	chmod 600 "$G/overlay/$layer/diff/etc/motd" && chmod 644 "$G/overlay/$layer/diff/etc/motd"
	sleep 0.05
	guard verify --quiet
	export_and_compare
	guard key rotate --reason '-' >/dev/null
	"$LAYERSEAL" key generate --name "$(guard key trust | sed -n '1s/^log //; 1s/+.*//p')" "$WORK/now/spare" >"$WORK/spare"
	guard key trust "$(cat "$WORK/spare")"
	guard key retire "$(cat "$WORK/spare")" >/dev/null
	export_and_compare
	store_podman rmi -f localhost/tiny localhost/tiny:v2 >/dev/null
	guard seal --all --quiet
	guard key rotate >/dev/null
	cp -a "$WORK/kept/g" "$WORK/now/a - \\ störe=1"
	G="$WORK/now/a - \\ störe=1"
	rm -rf "$G/libpod" "$G/db.sql"
	init_store >/dev/null
	guard seal --all --quiet --reason 'second store' --accept
	export_and_compare
	guard ledger compact >/dev/null
	export_and_compare
	for op in init seal-layer seal-image seal-name retire remeasure key-add key-retire; do
		expect_grep "^[1-9][0-9]* $op\$" "$WORK/ours"
	done
}
cli_test 'the ledger of two stores, odd names, changes, retirements, other keys' a_life

one_image() {
	init_store >/dev/null
	export_and_compare
	guard seal tiny --quiet
	export_and_compare
}
cli_test 'the ledger of an image' one_image

golden() {
	cp "$HERE/../golden/v1/trust" "$L.trust"
	both_believe "$HERE/../golden/v1/export"
}
cli_test 'a ledger of the first version, as it was kept' golden

tampered() {
	sealed_store
	store_podman untag localhost/tiny
	store_podman tag localhost/tiny-base localhost/tiny
	guard seal --all --quiet --accept --reason moved
	guard key rotate >/dev/null
	export_and_compare
	cp -a "$L.trust" "$WORK/trust"
	sed -n 's/ from .*/ from 99/p' "$WORK/trust" >"$L.trust"
	neither_believes "$WORK/now/export"
	sed -n 's/ until .*/ until 1/p' "$WORK/trust" >"$L.trust"
	neither_believes "$WORK/now/export"
	"$LAYERSEAL" key generate "$WORK/now/foreign" | sed 's/^/log /' >"$L.trust"
	neither_believes "$WORK/now/export"
	expect_exit 2 second
	cp -a "$WORK/trust" "$L.trust"
	both_believe "$WORK/now/export"
}
cli_test 'another trust file, other bounds' tampered

proofs() {
	sealed_store
	guard key rotate >/dev/null
	size=$(guard status --json | jq .ledger_size)
	for seq in $(seq 0 $((size - 1))); do
		guard ledger proof --seq "$seq" -o "$WORK/now/proof" --entry "$WORK/now/entry"
		expect_exit 0 second --proof "$WORK/now/proof" "$WORK/now/entry"
		expect_grep "^entry $seq of $size\$" "$OUT"
	done
	guard ledger proof --seq 0 -o "$WORK/now/proof"
	expect_exit 3 second --proof "$WORK/now/proof" "$WORK/now/entry"
}
cli_test 'the proof of each entry' proofs

long() {
	mkdir "$WORK/now/long"
	"$GROWTH" "$WORK/now/long" 10000 >/dev/null
	cp "$WORK/now/long/trust" "$L.trust"
	"$LAYERSEAL" --ledger "$WORK/now/long/ledger" --trust "$L.trust" ledger export "$WORK/now/export"
	both_believe "$WORK/now/export"
	expect_grep ' state$' "$WORK/ours"
}
cli_test 'a ledger of ten thousand entries, with snapshots' long

# A real export and its key for random_files, then all groups, two at a time.
fresh_store
sealed_store
guard key rotate >/dev/null
guard ledger export "$WORK/real" >/dev/null
cp "$L.trust" "$WORK/real.trust"
cp "$L/key" "$WORK/real.key"
groups=$(python3 "$HERE/differ.py")
printf '%s\n' "$groups" | cut -d: -f1 | xargs -P 2 -I '{}' sh -c "python3 '$HERE/differ.py' '$LAYERSEAL' \
	'$WORK/d-{}' '{}' '$WORK/real' '$WORK/real.trust' '$WORK/real.key' >'$WORK/{}.log' 2>&1 || echo failed >>'$WORK/{}.log'"
agree() {
	cat "$WORK/$1.log"
	tail -n 1 "$WORK/$1.log" | grep -q '^asked [1-9]'
}
while IFS=: read -r group title; do
	test_case "both agree: $title" agree "$group"
done <<END
$groups
END
done_testing
