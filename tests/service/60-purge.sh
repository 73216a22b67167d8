# SPDX-License-Identifier: Apache-2.0
what='root heals the store: the engine runs as the user, what is left and what is put away is the user'"'"'s'
# Everything in the store belongs to the user's ids.
all_of_user() {
	strangers=$(find "$G" "$G.quarantine" "$R" ! -uid 31337 ! \( -uid +699999 -uid -765536 \) 2>/dev/null | head)
	[ -z "$strangers" ] || fail "not the user's: $strangers"
}
operate() {
	poison_tool() { echo 'echo EVIL' >"$TREE/tool.sh"; }
	poison_tool
	expect_exit 1 root_layerseal verify
	expect_exit 0 root_layerseal purge --violated --json
	expect_grep '"removed"' "$OUT"
	all_of_user
	expect_exit 0 podman images
	expect_exit 0 root_layerseal verify --level full
	build -t localhost/app -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	expect_exit 0 root_layerseal seal --all
	expect_exit 0 root_layerseal verify --level oci

	# What the engine cannot read goes to quarantine.
	store_kept
	store_seal
	echo '[{"id": "x"' >"$IMAGES/images.json"
	give "$IMAGES/images.json"
	expect_exit 1 root_layerseal verify
	expect_exit 0 root_layerseal purge --violated
	[ -d "$G.quarantine" ]
	all_of_user
	expect_exit 0 podman images
	store_kept
	store_seal
	rm -rf "${PLACE:?}/${TREE#"$PLACE"/}"
	expect_exit 1 root_layerseal verify
	expect_exit 0 root_layerseal purge --violated
	all_of_user
	expect_exit 0 podman images

	# A file of an owner that the user has no id for is put away as well.
	store_kept
	store_seal
	chown -R 5:5 "$TREE"
	expect_exit 1 root_layerseal verify
	expect_exit 0 root_layerseal purge --violated
	expect_exit 0 root_layerseal verify --level full
	rm -rf "$G.quarantine"

	# Policy purge, in front of a job.
	store_kept
	store_seal
	printf '[findings]\ntree-content = purge\ntree-mtime = purge\n' >"$WORK/keep/heal.conf"
	poison_tool
	expect_exit 1 root_layerseal verify
	expect_exit 0 root_layerseal --config "$WORK/keep/heal.conf" verify --heal
	all_of_user

	# What runs is left alone: the kernel says so, whoever the processes belong to.
	store_kept
	store_seal
	container=$(buildah from localhost/app)
	by_owner podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" unshare sh -c \
		"buildah --root '$G' --runroot '$R' --storage-driver '$DRIVER' mount '$container' && touch '$WORK/tmp/up' && sleep 30" &
	tries=0
	until [ -e "$WORK/tmp/up" ] || [ $tries -gt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	poison_tool
	[ "$DRIVER" = vfs ] || expect_exit 1 root_layerseal purge --violated --unsealed
	[ "$DRIVER" = vfs ] || expect_grep 'kept\|in use\|mounted' "$OUT"
	[ -e "$TREE/tool.sh" ]
}
cleanup() { rm -rf "$G.quarantine" "$WORK/tmp/up"; }
