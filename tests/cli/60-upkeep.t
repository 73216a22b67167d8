#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 60-upkeep.t: the ledger made smaller, mended, backed up and restored, while others use it.
. "$(dirname "$0")/lib.sh"

B=$WORK/backup

upkeep_test() {
	rm -rf "$B"
	cli_test "$@"
}

tag() {
	store_podman tag localhost/tiny "localhost/more:$1"
	umount -R "$G/overlay" 2>/dev/null || true
}

untag() {
	store_podman untag localhost/tiny "localhost/more:$1"
	umount -R "$G/overlay" 2>/dev/null || true
}

# An image of its own, with a long listing.
add_image() {
	rm -rf "$WORK/many"
	mkdir -p "$WORK/many"
	(cd "$WORK/many" && seq -f "$1-%05.0f-of-many-names-that-do-not-compress" 3000 | xargs touch)
	tar -C "$WORK/many" -c . | store_podman import -q - "localhost/many-$1" >/dev/null
	umount -R "$G/overlay" 2>/dev/null || true
}

remove_image() {
	store_podman rmi "localhost/many-$1" >/dev/null
	umount -R "$G/overlay" 2>/dev/null || true
}

bytes() {
	stat -c %s "$L/db/data.mdb"
}

size() {
	guard status --json | jq .ledger_size
}

# ---- compact ----

compact_shrinks() {
	init_store >/dev/null
	for i in 1 2 3; do
		add_image $i
		guard seal --all --quiet
	done
	for i in 1 2 3; do
		remove_image $i
	done
	guard seal --all --quiet
	gone=$(guard store | awk '$1 == "layer" && $3 == "retired" { print $2; exit }')
	guard manifest "$gone" >"$WORK/listing"
	before=$(bytes) entries=$(size)
	guard ledger compact --dry-run --json >"$WORK/plan"
	jq -e '.dry_run and .manifests_dropped == 3 and .manifests_kept == 2' "$WORK/plan"
	test "$(bytes)" = "$before"
	guard ledger compact >"$WORK/out"
	grep 'dropped *3 manifests' "$WORK/out"
	test "$(bytes)" -lt $((before / 2))
	test "$(size)" = "$entries"
	guard verify --quiet --level full
	guard ledger check --manifests
	expect_exit 3 guard manifest "$gone"
	expect_grep 'was retired, and ledger compact dropped it' "$ERR"
	guard show "$gone" | grep "sha256:$(sha256sum <"$WORK/listing" | cut -d' ' -f1)"
}

compact_needs_no_key() {
	sealed_store
	mv "$L/key" "$WORK/key"
	guard ledger compact
	guard ledger check --rebuild
	guard ledger backup "$B"
	guard ledger restore "$B"
	guard verify --quiet
	mv "$WORK/key" "$L/key"
	guard seal --all --quiet
}

# A loop of verifications and a loop of seals beside 20 compactions: nothing fails, nothing is lost.
while_others_work() {
	sealed_store
	entries=$(size)
	(
		for i in $(seq 12); do
			tag "$i" || exit 1
			guard seal --all --quiet || exit 1
		done
	) >"$WORK/seals" 2>&1 &
	seals=$!
	(while [ ! -e "$WORK/stop" ]; do
		guard verify --quiet || [ $? = 1 ] || exit 1
	done) >"$WORK/verifications" 2>&1 &
	verifications=$!
	for i in $(seq 20); do
		guard ledger compact >/dev/null
	done
	guard ledger backup "$B" >/dev/null
	wait $seals || { cat "$WORK/seals"; return 1; }
	: >"$WORK/stop"
	wait $verifications || { cat "$WORK/verifications"; return 1; }
	rm "$WORK/stop"
	test "$(size)" = $((entries + 12))
	guard verify --quiet
	guard ledger check
	guard ledger restore "$B" && return 1
	guard ledger compact >/dev/null
}

# kill -9 at whatever moment: the ledger is as it was, or compacted.
killed() {
	sealed_store
	guard log >"$WORK/log"
	for delay in 0 0.002 0.004 0.006 0.008 0.01 0.013 0.016 0.02 0.03; do
		timeout -s KILL $delay "$LAYERSEAL" --ledger "$L" --trust "$L.trust" ledger compact \
			>/dev/null 2>&1 || true
		guard log | cmp - "$WORK/log"
		guard verify --quiet
	done
	guard seal --all --quiet
	guard ledger compact
	test ! -e "$L/db.new"
	guard ledger check --manifests
}

# ENOSPC while the new database is written.
no_space() {
	sealed_store
	add_image 1
	guard seal --all --quiet
	guard log >"$WORK/log"
	mkdir "$WORK/small"
	mount -t tmpfs -o size=600k none "$WORK/small" || return 0
	cp -a "$L" "$WORK/small/ledger"
	dd if=/dev/zero of="$WORK/small/filler" bs=4k 2>/dev/null || true
	status=0
	"$LAYERSEAL" --ledger "$WORK/small/ledger" --trust "$L.trust" ledger compact 2>"$WORK/err" || status=$?
	rm "$WORK/small/filler"
	"$LAYERSEAL" --ledger "$WORK/small/ledger" --trust "$L.trust" log | cmp - "$WORK/log" || status=bad
	[ ! -e "$WORK/small/ledger/db.new" ] || status=left
	umount "$WORK/small"
	test "$status" = 3
	grep 'space' "$WORK/err"
}

waits_for_a_seal() {
	sealed_store
	flock -s "$L/db/data.mdb" sleep 3 &
	sleep 0.2
	expect_exit 1 guard ledger compact --wait 0
	expect_grep 'somebody is writing' "$ERR"
	guard ledger compact --dry-run
	guard verify --quiet
	guard ledger compact --wait 20
	wait
}

# ---- mending ----

rebuild_mends() {
	sealed_store
	guard log >"$WORK/log"
	guard ledger check --rebuild | grep 'rebuilt ledger'
	guard log | cmp - "$WORK/log"
	guard verify --quiet
	guard ledger check --rebuild --json | jq -e '.manifests_damaged == [] and .checkpoints_left_out == 0'
	expect_exit 2 guard ledger check --rebuild --manifests
	expect_exit 2 guard ledger check --rebuild "$B"
	printf 'no database' >"$L/db/data.mdb"
	expect_exit 3 guard ledger check --rebuild
	expect_grep 'ledger restore' "$ERR"
}

# A listing that is damaged on the disk: found, left out, made again by the next seal.
a_damaged_listing() {
	init_store >/dev/null
	add_image 1
	guard seal --all --quiet
	python3 - "$L/db/data.mdb" <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		# The largest value is a run of pages of its own: a zlib stream behind the header of its first one.
		at = max((i for i in range(0, len(data), 4096) if data[i + 16:i + 18] in (b"\x78\x01", b"\x78\x5e")),
		         key=lambda i: int.from_bytes(data[i + 12:i + 16], "little"))
		data[at + 5000] ^= 1
		open(sys.argv[1], "wb").write(data)
	END
	guard verify --quiet
	expect_exit 3 guard ledger check --manifests
	expect_exit 3 guard ledger compact
	expect_grep 'rebuild leaves it out' "$ERR"
	guard ledger check --rebuild | grep 'left out *damaged manifest'
	guard verify --quiet --level full
	expect_exit 3 guard ledger check --manifests
	guard seal --all --quiet
	guard ledger check --manifests
	entries=$(size)
	guard seal --all --quiet
	test "$(size)" = "$entries"
}

# ---- backup, restore ----

there_and_back() {
	sealed_store
	guard log >"$WORK/log"
	guard ledger backup "$B" | grep 'read them again'
	ls "$B" >"$WORK/files"
	printf 'checkpoint\ndb\ntrust\n' | cmp - "$WORK/files"
	"$LAYERSEAL" --ledger "$B" --trust "$L.trust" log | cmp - "$WORK/log"
	expect_exit 1 guard ledger backup "$B"
	printf 'damage' >"$L/db/data.mdb"
	expect_exit 3 guard verify
	guard ledger restore "$B"
	guard log | cmp - "$WORK/log"
	guard verify --quiet
	rm -rf "$L"
	expect_exit 3 guard verify
	guard ledger restore "$B" --json | jq -e '.ledger_size == 7 and (.key_restored | not)'
	guard verify --quiet
	expect_exit 3 guard seal --all
	rm -rf "$B" "$L.away"
}

with_secrets() {
	sealed_store
	guard ledger backup --with-secrets "$B"
	rm -rf "$L"
	guard ledger restore "$B" | grep 'its key came from the backup'
	tag one
	guard seal --all --quiet
}

never_back() {
	sealed_store
	guard ledger backup "$B"
	tag one
	guard seal --all --quiet
	guard log >"$WORK/log"
	expect_exit 3 guard ledger restore "$B"
	expect_grep 'pin.*remembers' "$ERR"
	# Without the pin beside the trust file, the ledger in place still tells.
	printf '[anchor]\npin = no\n' >"$WORK/conf"
	expect_exit 1 guard --config "$WORK/conf" ledger restore "$B"
	expect_grep 'would be lost' "$ERR"
	guard log | cmp - "$WORK/log"
	rm -rf "$L/db"
	expect_exit 3 guard ledger restore "$B"
	# Whoever removes both vouches for what is lost.
	rm "$L.trust+head"
	guard ledger restore "$B"
	test "$(size)" = 7
}

# Of another ledger, even if it brings its own trust file.
never_another() {
	sealed_store
	guard ledger backup "$B"
	rm -rf "$L" "$L.trust"
	sealed_store
	expect_exit 3 guard ledger restore "$B"
	rm -rf "$L/db"
	expect_exit 3 guard ledger restore "$B"
	expect_grep 'checkpoint' "$ERR"
}

anchors_decide() {
	printf '[anchor]\nfile = %s\n' "$WORK/now/heads" >"$WORK/conf"
	anchored() { guard --config "$WORK/conf" "$@"; }
	anchored --runroot "$R" --storage-driver overlay init >/dev/null
	anchored seal --all --quiet
	anchored ledger backup "$B"
	tag one
	anchored seal --all --quiet
	rm -rf "$L/db"
	expect_exit 3 anchored ledger restore "$B"
	expect_grep anchor "$ERR"
	test ! -e "$L/db"
	chattr -a "$WORK/now/heads" 2>/dev/null || true
}

usage() {
	sealed_store
	for words in 'backup' 'backup a b' 'restore' 'restore a b' 'compact x' 'compact --wait x' \
		'compact --wait' 'restore --wait -1 a' 'backup --secrets a' 'check --rebuild --wait'; do
		# shellcheck disable=SC2086 # words
		expect_exit 2 guard ledger $words
	done
	expect_exit 3 guard ledger restore "$WORK/nothing-there"
	expect_grep 'no backup' "$ERR"
	rm -rf "$L"
	expect_exit 3 guard ledger compact
	expect_exit 3 guard ledger backup "$B"
}

upkeep_test 'compact drops what retired layers needed, and the file shrinks' compact_shrinks
upkeep_test 'upkeep needs no key' compact_needs_no_key
upkeep_test 'seals, verifications and 20 compactions at once' while_others_work
upkeep_test 'compact killed at any moment' killed
upkeep_test 'compact without space for the new database' no_space
upkeep_test 'compact waits for a seal' waits_for_a_seal
upkeep_test 'check --rebuild' rebuild_mends
upkeep_test 'check --rebuild leaves a damaged listing out, seal makes it again' a_damaged_listing
upkeep_test 'backup, damage, loss, restore' there_and_back
upkeep_test 'backup with secrets' with_secrets
upkeep_test 'restore never goes back' never_back
upkeep_test 'restore of another ledger' never_another
upkeep_test 'restore of what an anchor knows to be older' anchors_decide
upkeep_test 'usage, and where there is nothing' usage
done_testing
