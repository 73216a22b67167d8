#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10-commands.t: what each command does when all is well.
. "$(dirname "$0")/lib.sh"

init_twice() {
	expect_exit 0 init_store
	expect_grep 'entered store' "$OUT"
	expect_exit 0 init_store
	expect_grep 'already in the ledger' "$OUT"
	[ "$(stat -c %a "$L")" = 700 ]
	[ "$(stat -c %a "$L/key")" = 600 ]
}
cli_test 'init makes a ledger, and leaves one alone' init_twice

init_other_settings() {
	init_store >/dev/null
	expect_exit 1 guard --runroot "$WORK" --storage-driver overlay init
	expect_grep 'with other settings' "$ERR"
}
cli_test 'init refuses to change a known store' init_other_settings

seal_and_verify() {
	sealed_store
	expect_exit 0 guard verify
	expect_grep '^clean: store' "$OUT"
	expect_grep '2 layers (2 by statprint' "$OUT"
	for level in stat full oci; do
		expect_exit 0 guard verify --level $level --quiet
		[ ! -s "$OUT" ] && [ ! -s "$ERR" ]
	done
}
cli_test 'a sealed store is clean at every level, and quiet says nothing' seal_and_verify

seal_again() {
	sealed_store
	before=$(guard status --json | jq .ledger_size)
	expect_exit 0 guard seal --all
	expect_grep 'sealed 0 layers' "$OUT"
	[ "$(guard status --json | jq .ledger_size)" = "$before" ]
}
cli_test 'sealing what is sealed writes nothing' seal_again

unsealed_is_violated() {
	init_store >/dev/null
	expect_exit 1 guard verify
	expect_grep 'deny layer-unsealed' "$OUT"
	expect_grep 'deny image-unsealed' "$OUT"
	expect_grep 'layerseal seal --all' "$OUT"
}
cli_test 'what was never sealed is violated, and the remedy is named' unsealed_is_violated

seal_one_image() {
	init_store >/dev/null
	expect_exit 0 guard seal tiny-base
	expect_exit 0 guard verify localhost/tiny-base:latest
	expect_exit 1 guard verify tiny
	expect_exit 1 guard verify
	expect_exit 0 guard seal localhost/tiny
	expect_exit 0 guard verify
}
cli_test 'single images can be sealed and verified' seal_one_image

manifest_digest() {
	sealed_store
	layer=$(guard store --json | jq -r '.layers[] | select(.parent == null).id')
	tree=$(guard show --json "$layer" | jq -r '.entries[0].tree')
	[ "sha256:$(guard manifest "$layer" | sha256sum | cut -d' ' -f1)" = "$tree" ]
	[ "sha256:$(guard manifest --current "$layer" | sha256sum | cut -d' ' -f1)" = "$tree" ]
	guard manifest "$layer" >"$WORK/manifest"
	expect_grep '^/etc/hostname 5 100644 1 0 0 0 ' "$WORK/manifest"
	digest=$(fsverity digest --compact "$G/overlay/$layer/diff/etc/hostname")
	expect_grep "$digest" "$WORK/manifest"
}
cli_test 'the manifest is what was sealed, with the digests of fsverity(1)' manifest_digest

log_and_show() {
	sealed_store
	expect_exit 0 guard log
	expect_grep 'init .*/g' "$OUT"
	expect_grep 'seal-layer' "$OUT"
	expect_exit 0 guard log --json -n 1
	jq -e '.schema == "layerseal.log/1" and (.entries | length) == 1' "$OUT"
	expect_exit 0 guard show localhost/tiny:latest
	expect_grep 'op seal-name' "$OUT"
	expect_exit 2 guard show 0123456789
	expect_grep "no entry about '0123456789'" "$ERR"
}
cli_test 'log and show' log_and_show

json_schemas() {
	sealed_store
	guard verify --json | jq -e '.schema == "layerseal.verify/1" and .verdict == "clean" and .findings == []'
	guard status --json | jq -e '.schema == "layerseal.status/1" and .layers == 2 and .writable and
		.sandbox.seccomp and .sandbox.cpu and (.sandbox.landlock | type) == "number"'
	guard store --json | jq -e '.schema == "layerseal.store/1" and ([.layers[].state] | all(. == "sealed"))'
	guard seal --all --json | jq -e '.schema == "layerseal.seal/1" and .unchanged == 4'
}
cli_test 'JSON documents name their schema' json_schemas

help_is_short() {
	expect_exit 0 "$LAYERSEAL" --help
	[ ! -s "$ERR" ]
	[ "$(awk 'length > 80' "$OUT" | wc -l)" = 0 ]
	for verb in init seal verify status log show manifest store hook version; do
		expect_grep "^  $verb " "$OUT"
		grep -q "Cm $verb" "$HERE/../../man/layerseal.1"
	done
	expect_exit 0 "$LAYERSEAL" version
}
cli_test '--help fits 80 columns and names every verb of the man page' help_is_short

findings_are_documented() {
	tr -d '\n\134' <"$HERE/../../src/base/finding.h" | grep -oE 'X\([A-Z_]+, *"[a-z-]+"' |
		sed 's/.*"\(.*\)"/\1/' | sort -u >"$WORK/code"
	sed -n 's/^\.It Cm //p' "$HERE/../../man/layerseal-findings.7" | sort -u >"$WORK/man"
	diff "$WORK/code" "$WORK/man"
}
cli_test 'every finding class is in layerseal-findings(7), and no other' findings_are_documented

accept_a_change() {
	sealed_store
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	echo changed >"$G/overlay/$layer/diff/etc/motd"
	expect_exit 1 guard verify
	expect_exit 1 guard seal --all
	expect_grep 'tree-content' "$OUT"
	expect_exit 1 guard verify
	expect_exit 2 guard seal --all --accept
	expect_exit 2 guard seal --all --reason 'because'
	expect_exit 0 guard seal --all --accept --reason 'patched by hand'
	expect_exit 0 guard verify
	expect_exit 0 guard log
	expect_grep '(patched by hand)' "$OUT"
}
cli_test 'a change is refused, and accepted only with a reason' accept_a_change

remeasure() {
	sealed_store
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	chmod 600 "$G/overlay/$layer/diff/etc/motd"
	chmod 644 "$G/overlay/$layer/diff/etc/motd"
	sleep 0.05
	expect_exit 0 guard verify --json
	jq -e '.measured == 1 and .remeasured == 1' "$OUT"
	expect_exit 0 guard verify --json
	jq -e '.measured == 0 and .remeasured == 0' "$OUT"
}
cli_test 'new inode times without a change are measured once' remeasure

# Anchors aside, nothing has to be written to verify.
read_only_ledger() {
	sealed_store
	rm "$L/db/lock.mdb"
	mount --bind "$L" "$L"
	mount -o remount,bind,ro "$L"
	status=0
	guard verify >"$OUT" 2>"$ERR" || status=$?
	guard status --json >"$OUT.status" 2>>"$ERR" || status=$?
	sealing=0
	guard seal --all >"$OUT.seal" 2>"$ERR.seal" || sealing=$?
	umount "$L"
	[ "$status" -eq 0 ] && [ "$sealing" -eq 3 ]
	jq -e '.writable == false and .sandbox.seccomp' "$OUT.status"
	expect_grep 'Read-only file system' "$ERR.seal"
}
cli_test 'a ledger on a read-only mount can be verified' read_only_ledger

done_testing
