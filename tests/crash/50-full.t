#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 50-full.t: the ledger's file system is full, or becomes so in the middle of a write.
. "$(dirname "$0")/lib.sh"

DISK=$WORK/disk
L=$DISK/ledger
trap 'umount "$DISK" 2>/dev/null; clean_up; rm -rf "$QUICK"' EXIT

# make_disk ext4|tmpfs: of 16 MB, empty.
make_disk() {
	umount "$DISK" 2>/dev/null
	mkdir -p "$DISK"
	case $1 in
	ext4)
		rm -f "$WORK/disk.img"
		truncate -s 16M "$WORK/disk.img"
		mkfs.ext4 -q -m 0 "$WORK/disk.img" && mount -o loop "$WORK/disk.img" "$DISK"
		;;
	tmpfs) mount -t tmpfs -o size=16M layerseal-crash "$DISK" ;;
	esac
}

# leave BYTES: all but so much is used.
leave() {
	dd if=/dev/zero of="$DISK/filler" bs=64k 2>/dev/null && return 1
	dd if=/dev/zero of="$DISK/filler" bs=1k oflag=append conv=notrunc 2>/dev/null && return 1
	truncate -s "-$1" "$DISK/filler"
	sync -f "$DISK"
}

# What was removed is free some time later: a sandbox (Landlock) keeps the files that it names until the
# kernel gets round to taking it down, and ext4 waits for its journal.
await_room() {
	for _ in $(seq 100); do
		sync -f "$DISK"
		[ "$(stat -f -c %a "$DISK")" -lt "$1" ] || return 0
		sleep 0.05
	done
	return 1
}

# with_more_and_more_room BEFORE JUDGE COMMAND...: until it succeeds; it must have failed before.
with_more_and_more_room() {
	before=$1 judge=$2
	shift 2
	free=0 fails=0 status=3
	rm -f "$DISK/filler"
	$before
	sleep 0.5
	sync -f "$DISK"
	room=$(stat -f -c %a "$DISK")
	trap 'echo "$free bytes free: exit status $status"; cat "$ERR"' EXIT
	while [ "$status" -ne 0 ]; do
		rm -f "$DISK/filler"
		$before
		await_room "$room"
		leave $free
		"$@" >"$OUT" 2>"$ERR" && status=0 || status=$?
		$judge
		free=$((free + step))
	done
	[ $fails -ge 3 ]
	trap - EXIT
}

# add_names FROM TO: names in the store that only a seal makes known; verify warns of them.
add_names() {
	images=$G/overlay-images/images.json
	jq -c --argjson from "$1" --argjson to "$2" \
		'.[0].names += [range($from; $to + 1) | "localhost/more-\(.):latest"]' "$images" >"$images.new"
	mv "$images.new" "$images"
}

names_sealed() {
	entries | jq -s '[.[] | select(.op == "seal-name" and (.name | contains("/more-"))).name] | unique | length'
}

is_refused_for_space() {
	fails=$((${fails:-0} + 1))
	[ "$status" -eq 3 ]
	grep -q -i -e 'no space left' "$ERR"
	expect_no_grep damaged "$ERR"
}

judge_seal() {
	if [ "$status" -ne 0 ]; then
		is_refused_for_space
		# A full disk keeps nobody from looking.
		guard verify --json >"$WORK/verify.json" && verified=0 || verified=$?
		[ "$verified" -eq 1 ]
		only_unsealed "$WORK/verify.json"
	fi
	rm -f "$DISK/filler"
	whole_after "$status"
}

no_room_to_seal() {
	half_sealed_store
	add_names 1 500
	step=8192
	with_more_and_more_room kept_ledger judge_seal guard seal --all
}

judge_init() {
	[ "$status" -eq 0 ] || is_refused_for_space
	rm -f "$DISK/filler"
	init_store >/dev/null
	guard seal --all --quiet
	guard verify --quiet
}

no_room_for_a_ledger() {
	step=1024
	with_more_and_more_room no_ledger judge_init init_store
}

# Some names after the others, until there is no room for more.
until_it_is_full() {
	sealed_store
	leave 200000
	n=0 status=0
	while [ "$status" -eq 0 ]; do
		n=$((n + 20))
		[ $n -lt 2000 ]
		add_names $((n - 19)) $n
		guard seal --all --json >"$OUT" 2>"$ERR" && status=0 || status=$?
	done
	is_refused_for_space
	[ $n -gt 60 ]
	[ "$(names_sealed)" -eq $((n - 20)) ]
	guard verify --quiet 2>"$WORK/warnings"
	rm "$DISK/filler"
	guard seal --all --quiet
	[ "$(names_sealed)" -eq $n ]
	guard verify --quiet
}

for kind in ext4 tmpfs; do
	if make_disk $kind >"$WORK/mount.log" 2>&1; then
		crash_test "$kind: no room for a seal" no_room_to_seal
		crash_test "$kind: no room for a ledger" no_room_for_a_ledger
		crash_test "$kind: seals until it is full" until_it_is_full
	else
		skip "a full $kind" "cannot mount one: $(head -n 1 "$WORK/mount.log")"
	fi
done

done_testing
