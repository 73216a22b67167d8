#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 20-tamper.t: what others can do to exports and proofs, and how layerseal ends: 3 for what is not what was
# signed, 1 for what is not its own, 2 for what makes no sense.
# shellcheck source=tests/audit/lib.sh
. "$(dirname "$0")/lib.sh"

exported() {
	grow 300
	expect_exit 0 guard ledger export "$X"
	expect_exit 0 guard ledger check "$X"
	rm -rf "$X.good"
	cp -a "$X" "$X.good"
}

restored() {
	rm -rf "$X"
	cp -a "$X.good" "$X"
}

all_files() {
	(cd "$X" && find . -type f | sort)
}

# Every byte of the small files; of the large ones every 97th, and both ends.
flipped_bytes() {
	exported
	for file in $(all_files); do
		size=$(stat -c %s "$X/$file")
		step=97
		[ "$size" -gt 500 ] || step=1
		[ "$size" -lt 20000 ] || step=4999
		at=0
		while [ "$at" -lt "$size" ]; do
			byte=$(dd if="$X.good/$file" bs=1 skip="$at" count=1 status=none | od -An -tu1)
			# shellcheck disable=SC2059 # an octal escape
			printf "\\$(printf %o $((byte ^ 4)))" |
				dd of="$X/$file" bs=1 seek="$at" conv=notrunc status=none
			expect_exit 3 guard ledger check "$X" || fail "$file, byte $at"
			at=$((at + step))
		done
		cp "$X.good/$file" "$X/$file"
	done
	expect_exit 0 guard ledger check "$X"
}
audit_test 'a flipped byte in any file of an export' flipped_bytes

other_damage() {
	exported
	for file in $(all_files); do
		for what in missing empty cut longer huge link directory fifo unreadable; do
			case $what in
			missing) rm "$X/$file" ;;
			empty) : >"$X/$file" ;;
			cut) truncate -s -1 "$X/$file" ;;
			longer) printf '\000\000' >>"$X/$file" ;;
			huge) truncate -s 1T "$X/$file" ;;
			link) ln -sf "$X.good/$file" "$X/$file" ;;
			directory) rm "$X/$file" && mkdir "$X/$file" ;;
			fifo) rm "$X/$file" && mkfifo "$X/$file" ;;
			unreadable) rm "$X/$file" && ln -s /dev/full "$X/$file" ;;
			esac
			expect_exit 3 timeout 10 "$LAYERSEAL" --trust "$L.trust" ledger check "$X" ||
				fail "$file, $what"
			restored
		done
	done
}
audit_test 'files that are missing, cut, too long, links, no files' other_damage

checkpoint_of_another() {
	exported
	mv "$L" "$L.first"
	mv "$L.trust" "$L.first.trust"
	grow 300 50 1767000000
	# Another key, of the same name.
	expect_exit 3 guard ledger check "$X"
	expect_grep 'no signature of a trusted key' "$ERR"
	cp "$X/checkpoint" "$WORK/old-checkpoint"
	expect_exit 1 guard ledger export "$X"
	diff -r "$X" "$X.good"
	expect_exit 3 guard ledger consistency "$X" -
	expect_exit 0 guard ledger export "$X.other"
	cp "$X.other/checkpoint" "$X/checkpoint"
	expect_exit 3 guard ledger check "$X"
	expect_grep 'root hash of the checkpoint' "$ERR"
	# What it is beside the right checkpoint is nobody's business.
	restored
	expect_exit 0 "$LAYERSEAL" --trust "$L.first.trust" ledger check "$X"
}
audit_test 'the checkpoint of another log' checkpoint_of_another

rolled_back() {
	grow 100
	cp -a "$L" "$L.before"
	grow 300
	expect_exit 0 guard ledger export "$X"
	cp -a "$X" "$X.good"
	rm -rf "$L"
	cp -a "$L.before" "$L"
	expect_exit 3 guard ledger export "$X"
	expect_grep 'rolled back' "$ERR"
	expect_exit 3 guard ledger consistency "$X" -
	expect_grep 'rolled back' "$ERR"
	# And gone on from there, with other entries.
	grow 400 50 1767000000
	expect_exit 3 guard ledger export "$X"
	expect_grep 'a fork' "$ERR"
	expect_exit 3 guard ledger consistency "$X/checkpoint" -
	expect_grep 'a fork' "$ERR"
	diff -r "$X" "$X.good"
}
audit_test 'a ledger that was rolled back, beside its own export' rolled_back

whose_directory() {
	grow 5
	mkdir "$X"
	echo mine >"$X/precious"
	expect_exit 1 guard ledger export "$X"
	expect_grep 'precious: not a part of an export' "$ERR"
	[ "$(ls "$X")" = precious ]
	rm -rf "$X"
	mkdir "$X" "$X.outside"
	ln -s "$X.outside" "$X/tile"
	expect_exit 3 guard ledger export "$X"
	[ -z "$(ls "$X.outside")" ]
	expect_exit 3 guard ledger export "$WORK/no/such/directory"
	expect_exit 3 guard ledger check "$WORK/nothing"
	expect_exit 3 guard ledger check "$X.outside"
}
audit_test 'directories that are no exports' whose_directory

# An export under an umask that lets others read can be checked by them, without the ledger.
without_the_ledger() {
	exported
	expect_exit 0 "$LAYERSEAL" --ledger "$WORK/nothing" --trust "$L.trust" ledger check --json "$X"
	jq -e '.schema == "layerseal.ledger-check/1" and .ledger_size == 300 and .checkpoints == 1
		and (.entries | add) == 300' "$OUT"
	expect_exit 3 "$LAYERSEAL" --ledger "$WORK/nothing" --trust "$WORK/no-trust" ledger check "$X"
	expect_exit 3 "$LAYERSEAL" --ledger "$WORK/nothing" --trust "$L.trust" ledger check
}
audit_test 'public keys are enough' without_the_ledger

proofs() {
	grow 300
	expect_exit 0 guard ledger proof --seq 17 -o "$WORK/proof" --entry "$WORK/entry"
	[ ! -s "$OUT" ]
	check_proof() { "$LAYERSEAL" --trust "$L.trust" ledger check-proof "$@"; }
	expect_exit 0 check_proof "$WORK/proof" "$WORK/entry"
	expect_grep '^clean: entry 17 of log audit/test' "$OUT"
	expect_grep '^  layerseal/v1 entry' "$OUT"
	check_proof - "$WORK/entry" <"$WORK/proof" >/dev/null
	# Of an older log, too.
	grow 400
	expect_exit 0 check_proof "$WORK/proof" "$WORK/entry"
	expect_exit 0 guard ledger proof --seq 18 --entry "$WORK/entry18"
	expect_exit 3 check_proof "$WORK/proof" "$WORK/entry18"
	sed 's/^index 17/index 18/' "$WORK/proof" >"$WORK/bad"
	expect_exit 3 check_proof "$WORK/bad" "$WORK/entry"
	head -n 9 "$WORK/proof" >"$WORK/bad"
	expect_exit 3 check_proof "$WORK/bad" "$WORK/entry"
	head -c 100000 /dev/zero >"$WORK/bad"
	expect_exit 3 check_proof "$WORK/bad" "$WORK/entry"
	expect_exit 3 check_proof "$WORK/proof" "$WORK/bad"
	expect_exit 3 check_proof "$WORK/nothing" "$WORK/entry"
	expect_exit 2 guard ledger proof --seq 100000
	expect_exit 2 guard ledger proof --seq -1
	expect_exit 2 guard ledger proof
	# Somebody else's key.
	mv "$L" "$L.first"
	mv "$L.trust" "$L.first.trust"
	grow 1
	expect_exit 3 check_proof "$WORK/proof" "$WORK/entry"
}
audit_test 'proofs of entries, good and bad' proofs

of_objects() {
	grow 300
	layer=$(printf '%064x' 3)
	# Both a layer and an image have this id.
	expect_exit 2 guard ledger proof "$layer"
	expect_exit 0 guard ledger proof localhost/name4:latest -o "$WORK/proof" --entry "$WORK/entry"
	expect_exit 0 "$LAYERSEAL" --trust "$L.trust" ledger check-proof "$WORK/proof" "$WORK/entry"
	expect_grep '^  op seal-image' "$OUT"
	expect_grep "^  image $(printf '%064x' 4)" "$OUT"
	expect_exit 2 guard ledger proof 00
	expect_exit 2 guard ledger proof no-such-name
}
audit_test 'proofs of what a name or an id means' of_objects

rotated() {
	grow 100
	expect_exit 0 guard ledger export "$X"
	cp -a "$X" "$X.100"
	expect_exit 0 guard key rotate
	"$LAYERSEAL" --ledger "$L" --trust "$L.trust" key trust >"$WORK/trust"
	expect_exit 0 guard ledger check
	expect_exit 0 guard ledger export "$X"
	expect_exit 0 guard ledger check "$X"
	expect_exit 0 guard ledger check "$X.100"
	expect_exit 0 guard ledger consistency "$X.100" "$X"
	# Who does not know the new key yet.
	sed -n 's/ until .*//p' "$WORK/trust" >"$WORK/old-trust"
	expect_exit 0 "$LAYERSEAL" --trust "$WORK/old-trust" ledger check "$X.100"
	grow 110
	expect_exit 0 guard ledger export "$X"
	expect_exit 3 "$LAYERSEAL" --trust "$WORK/old-trust" ledger check "$X"
	expect_exit 0 guard ledger check "$X"
}
audit_test 'exports around a change of keys' rotated

done_testing
