# SPDX-License-Identifier: Apache-2.0
what='the store is found as the user finds it; nothing of the environment or the terminal of root counts'
# The user's own storage.conf; root's environment says otherwise.
found() {
	rm -rf "$LEDGER" "$LEDGER.trust" "$LEDGER.trust+head"
	in_engine env HOME="$WORK/evil" XDG_CONFIG_HOME="$WORK/evil" XDG_DATA_HOME="$WORK/evil" \
		XDG_RUNTIME_DIR="$WORK/evil" CONTAINERS_STORAGE_CONF="$WORK/evil/storage.conf" STORAGE_DRIVER=btrfs \
		STORAGE_OPTS=x=y CONTAINERS_CONF="$WORK/evil/containers.conf" \
		"$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" --user sealer init
}
operate() {
	storage_conf ''
	mkdir -p "$WORK/evil/containers"
	printf '[storage]\ndriver = "btrfs"\ngraphroot = "/evil"\n' >"$WORK/evil/storage.conf"
	cp "$WORK/evil/storage.conf" "$WORK/evil/containers"
	expect_exit 0 found
	expect_grep "store $G ($DRIVER)" "$OUT"
	expect_exit 0 root_layerseal seal --all
	expect_exit 0 root_layerseal verify
	expect_exit 0 root_layerseal --user sealer verify
	root_layerseal log --json >"$OUT"
	expect_grep sealer "$OUT"
	expect_grep 31337:1,700000:65536 "$OUT"
	# Where the user's files say that it is now does not matter to the ledger, and is seen by a hook.
	cp -a "$G" "$WORK/evil/g"
	sed -i "s|^graphroot.*|graphroot = \"$WORK/evil/g\"|" "$STORAGE_CONF"
	expect_exit 0 root_layerseal verify
	expect_exit 3 root_layerseal --user sealer hook check -- podman build .
	expect_grep 'is not in the ledger' "$ERR"
	storage_conf ''
	expect_exit 0 root_layerseal --user sealer hook check -- podman build .
	mkdir -p "$WORK/home/.config/containers"
	echo '[engine]
env = ["STORAGE_DRIVER=vfs"]' >"$WORK/home/.config/containers/containers.conf"
	expect_exit 3 root_layerseal --user sealer hook check -- podman build .
	expect_grep 'STORAGE_DRIVER' "$ERR"
	rm "$WORK/home/.config/containers/containers.conf"
	# A link to what only root may read tells nobody what is in it; a fifo holds nobody up.
	rm "$STORAGE_CONF"
	by_owner ln -s /etc/shadow "$STORAGE_CONF"
	expect_exit 3 found
	expect_grep 'Permission denied' "$ERR"
	rm "$STORAGE_CONF"
	by_owner mkfifo "$STORAGE_CONF"
	expect_exit 3 found
	expect_grep 'no regular file' "$ERR"
	# Who it can be.
	expect_exit 2 root_layerseal --user root init
	expect_exit 2 root_layerseal --user nobody-of-that-name init
	expect_exit 2 by_owner "$WORK/bin/layerseal" --user sealer --ledger "$WORK/home/l" init
	expect_grep 'only root' "$ERR"
}
cleanup() { rm -rf "$WORK/home/.config" "$WORK/home/l"; }
