# SPDX-License-Identifier: Apache-2.0
what="the caller's PATH and environment, and where the store is"
tests='path_of_caller environment storage_conf additional_store symlinked_root symlink_moved engine_options named_engine'
quick='path_of_caller environment'
rootful_only='storage_conf additional_store'

# surrounded VARIABLE=VALUE... -- FLAG...: a guarded build with these in its environment.
surrounded() {
	variables=
	while [ "$1" != -- ]; do
		variables="$variables $1"
		shift
	done
	shift
	# shellcheck disable=SC2046,SC2086 # lists
	by_owner env $variables timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" \
		--root "$G" --runroot "$R" --storage-driver "$DRIVER" build -- podman build $(build_flags) "$@"
}

# A podman that is found first would hand out what it likes.
fake_podman() {
	mkdir -p "$WORK/fake"
	printf '#!/bin/sh\necho fake >>%s\nexec /usr/bin/podman "$@"\n' "$WORK/fake/called" >"$WORK/fake/podman"
	chmod 755 "$WORK/fake/podman"
	cp "$WORK/fake/podman" "$WORK/fake/buildah"
	rm -f "$WORK/fake/called"
	give -R "$WORK/fake"
}
path_of_caller() {
	fake_podman
	expect_exit 0 by_owner env PATH="$WORK/fake:/usr/bin:/bin" podman --version
	[ -e "$WORK/fake/called" ]
	rm "$WORK/fake/called"
	expect_exit 0 surrounded PATH="$WORK/fake:/usr/bin:/bin" -- -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	[ ! -e "$WORK/fake/called" ] || fail "the caller's podman was run"
	expect_clean
}
environment() {
	mkdir -p "$WORK/tmp/xdg"
	give "$WORK/tmp/xdg"
	expect_exit 0 surrounded STORAGE_DRIVER=btrfs STORAGE_OPTS=overlay.mount_program=/bin/false XDG_DATA_HOME="$WORK/tmp/xdg" \
		XDG_CONFIG_HOME="$WORK/tmp/xdg" -- -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	has_name localhost/new
	expect_clean
}
# What it sets cannot lead the engine to another store than the one that was verified.
storage_conf() {
	mkdir -p "$WORK/tmp/other"
	cat >"$WORK/tmp/storage.conf" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$WORK/tmp/other/g"
		runroot = "$WORK/tmp/other/r"
	END
	expect_exit 0 surrounded CONTAINERS_STORAGE_CONF="$WORK/tmp/storage.conf" -- -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	has_name localhost/new
	expect_clean
	[ ! -e "$WORK/tmp/other/g" ] || fail 'another store was made'
}
# ... nor add one whose images nobody sealed.
additional_store() {
	mkdir -p "$WORK/more"
	cp -a "$G" "$WORK/more/g"
	tree=$WORK/more/g/${TREE#"$G"/}
	edit_quietly "$tree/tool.sh" 's/GOOD/EVIL/'
	cat >"$WORK/tmp/storage.conf" <<-END
		[storage]
		driver = "$DRIVER"
		graphroot = "$G"
		runroot = "$R"
		[storage.options]
		additionalimagestores = ["$WORK/more/g"]
	END
	surrounded CONTAINERS_STORAGE_CONF="$WORK/tmp/storage.conf" -- -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" \
		>"$OUT" 2>"$ERR" && status=0 || status=$?
	cat "$ERR"
	expect_no_grep 'tool: EVIL' "$OUT"
	rm -r "$WORK/more"
	if [ "$status" -eq 0 ]; then
		expect_sealed 2
		expect_clean
	else
		[ "$status" -eq 1 ] || [ "$status" -eq 3 ]
		[ ! -s "$OUT" ]
		! has_name localhost/new
	fi
}
# With buildah: podman's database names the store's path.
symlinked_root() {
	ln -s "$G" "$WORK/linked"
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 by_owner timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" \
		build -- buildah --root "$WORK/linked" --runroot "$R" --storage-driver "$DRIVER" bud --layers $(build_flags) \
		-t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	rm "$WORK/linked"
	expect_clean
}
# The link leads to another store once the first one was verified: the engine does not follow.
symlink_moved() {
	rm -rf "$WORK/evil-store"
	cp -a "$G" "$WORK/evil-store"
	edit_quietly "$WORK/evil-store/${TREE#"$G"/}/tool.sh" 's/GOOD/EVIL/'
	ln -sfn "$G" "$WORK/linked"
	race_file
	# shellcheck disable=SC2046 # a list of flags
	in_background by_owner timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" \
		build -- buildah --root "$WORK/linked" --runroot "$R" --storage-driver "$DRIVER" bud --layers $(build_flags) \
		-v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx"
	await one
	ln -sfn "$WORK/evil-store" "$WORK/linked"
	tell two
	tell four
	background_ends
	rm -rf "$WORK/linked" "$WORK/evil-store"
	expect_no_grep 'tool: EVIL' "$BACK.out"
	[ "$status" -eq 0 ] || spoiled
	[ "$status" -ne 0 ] || expect_clean
}
# The store named to the engine alone.
engine_options() {
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 by_owner timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" \
		build podman --root="$G" --runroot="$R" --storage-driver="$DRIVER" build $(build_flags) \
		-t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	expect_clean
}
named_engine() {
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 guard /usr/bin/podman build $(build_flags) -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	expect_clean
}
