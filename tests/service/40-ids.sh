# SPDX-License-Identifier: Apache-2.0
what='ids: outside of the map, a changed /etc/subuid, another uid; capabilities and ACLs'
# ids LINE...: the user's lines in /etc/subuid and /etc/subgid, which are bind mounts: written in place.
ids() {
	for file in subuid subgid; do
		grep -v '^sealer:' "$WORK/etc/$file" >"$WORK/etc/new" || true
		printf 'sealer:%s\n' "$@" >>"$WORK/etc/new"
		cat "$WORK/etc/new" >"$WORK/etc/$file"
	done
}
attack_found() {
	expect_exit 1 verify stat
	expect_finding "$1" "$2"
	expect_exit 1 verify full
	expect_finding "$1" "$2"
}
operate() {
	# 65534 is what an id outside of the map looks like in the user's own namespace: not to root.
	printf 'FROM localhost/base\nRUN chown 65534:65534 /etc/motd\n' >"$WORK/ctx/Containerfile.nobody"
	build -t localhost/nobody -f "$WORK/ctx/Containerfile.nobody" "$WORK/ctx"
	expect_exit 0 layerseal seal --all
	tree=$(layer_tree "$(image_layer "$(image_id localhost/nobody)")")
	[ "$(stat -c %u:%g "$tree/etc/motd")" = 765533:765533 ]
	expect_exit 0 verify full
	chown 65534:65534 "$tree/etc/motd"
	attack_found tree-owner /etc/motd
	expect_exit 0 layerseal purge --violated
	expect_exit 0 verify full
	store_kept
	store_seal
	setcap cap_setuid+ep "$TREE/tool.sh"
	attack_found tree-xattr /tool.sh
	store_kept
	store_seal
	setfacl -m u:31337:rwx "$TREE/tool.sh"
	attack_found 'tree-xattr|tree-mode' /tool.sh
	store_kept
	store_seal

	# The ranges moved: one message, no finding, and a way on.
	ids 800000:65536
	expect_exit 3 layerseal verify
	expect_grep 'uids of user sealer.s containers are 31337:1,800000:65536' "$ERR"
	expect_grep 'were 31337:1,700000:65536' "$ERR"
	expect_grep 'user sealer init' "$ERR"
	[ "$(wc -l <"$ERR")" -eq 1 ]
	expect_exit 3 layerseal seal --all
	expect_exit 3 layerseal purge --violated
	ids 700000:65535
	expect_exit 3 layerseal verify
	ids 700000:65536
	expect_exit 0 layerseal verify
	# More ids than before harm nothing once they are entered.
	ids 700000:65536 900000:1000
	expect_exit 3 layerseal verify
	expect_exit 0 layerseal init
	expect_grep entered "$OUT"
	expect_exit 0 layerseal verify --json
	jq -e '.by_statprint == .layers' "$OUT"
}
cleanup() { ids 700000:65536; }
