# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# store.sh: the store that every attack and every benign operation starts from. After engine.sh.
#
#   store_make DRIVER        builds the images of tests/lib/fixture and keeps the result
#   store_kept               the kept store again, in the same place
#   store_seal               everything in it sealed; anew each time: a copy has new inodes, so that no
#                            statprint of another copy would match
#   store_names              sets the variables below for the store
#   later_build [FILE]       the victim's next build: the cached steps of `app`, then a RUN that looks
#   said PATTERN             ... and what that RUN saw
#
# DRIVER          overlay, vfs
# APP OTHER BASE_IMAGE      image ids; `other` is a second, harmless image on the same base
# TOP             the top layer of app; LAYER the one that made /opt.txt; BASE the base layer
# TREE            the tree that a later build sees LAYER's files in (vfs copies them upwards),
# TREE_LAYER      and its layer
# UPPER           the tree of TOP
# EXTRA_LAYER     the layer of an image that is not in the store, see store_extra
# LAYERS IMAGES   $G/<driver>-layers, $G/<driver>-images
# PLACE           $G/overlay or $G/vfs
# MARK            prefix of overlay's extended attributes

FIXTURE=$LIB/fixture

# A rootfs whose every file is made here: a static busybox, and one of each kind of thing.
store_context() {
	ctx=$WORK/ctx
	rm -rf "$ctx"
	mkdir -p "$ctx/rootfs/bin" "$ctx/rootfs/etc" "$ctx/rootfs/srv/data" "$ctx/rootfs/tmp"
	cp "$FIXTURE"/* "$ctx"
	cp /bin/busybox "$ctx/rootfs/bin/busybox"
	for applet in sh cat chmod cp date env id ls ln mkdir mkfifo mknod mv rm sleep stat test touch find; do
		ln -s busybox "$ctx/rootfs/bin/$applet"
	done
	printf 'root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$ctx/rootfs/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$ctx/rootfs/etc/group"
	echo base-motd >"$ctx/rootfs/etc/motd"
	mknod "$ctx/rootfs/null" c 1 3
	echo data >"$ctx/rootfs/srv/data/old.txt"
	echo odd >"$ctx/rootfs/srv/data/$(printf 'odd \\ name\n\303\244')"
	cp "$ctx/rootfs/bin/busybox" "$ctx/rootfs/bin/ping"
	setcap cap_net_raw+ep "$ctx/rootfs/bin/ping"
	echo application >"$ctx/app.txt"
	chmod 1777 "$ctx/rootfs/tmp"
}

build() {
	# shellcheck disable=SC2046 # a list of flags
	podman build $(build_flags) "$@"
}

store_make() {
	DRIVER=$1
	store_clear
	rm -rf "$WORK/kept" "$WORK/extra"
	store_context
	build -t localhost/base -f "$ctx/Containerfile.base" "$ctx" || return 1
	build -t localhost/app -f "$ctx/Containerfile.app" "$ctx" || return 1
	build -t localhost/other -f "$ctx/Containerfile.other" "$ctx" || return 1
	store_names
	store_extra || return 1
	store_unmount
	mkdir "$WORK/kept"
	cp -a "$G" "$R" "$WORK/kept"
}

# $WORK/extra: an image `extra` as an archive, and what it looked like in the store, where it no
# longer is: layer/, tar-split.gz, record.json. For what is planted before it is pulled.
store_extra() {
	mkdir "$WORK/extra"
	give "$WORK/extra"
	build -t localhost/extra -f "$ctx/Containerfile.extra" "$ctx" || return 1
	podman save -q --format oci-archive -o "$WORK/extra/extra.oci" localhost/extra || return 1
	EXTRA_LAYER=$(image_layer "$(image_id localhost/extra)")
	if [ "$DRIVER" = overlay ]; then
		cp -a "$PLACE/$EXTRA_LAYER" "$WORK/extra/layer"
	fi
	cp -a "$LAYERS/$EXTRA_LAYER.tar-split.gz" "$WORK/extra/tar-split.gz"
	jq -c --arg id "$EXTRA_LAYER" '.[] | select(.id == $id)' "$LAYERS/layers.json" >"$WORK/extra/record.json"
	podman rmi localhost/extra
}

store_unmount() {
	in_engine umount -R -l "$G/$DRIVER" "$G" "$R/$DRIVER" "$R" 2>/dev/null || true
}

# A second time: a podman that was stopped may leave a child that still cleans up.
store_clear() {
	store_remove 2>/dev/null || {
		sleep 1
		store_remove
	}
	mkdir -p "$WORK/tmp"
	give "$WORK" "$WORK/tmp"
}

store_remove() {
	store_unmount
	rm -rf "$G" "$R" "$LEDGER" "$LEDGER.trust" "$LEDGER.trust+head" "$WORK/tmp" "$WORK/evil" "$WORK/var-lib-containers"/*
}

# give PATH...: to the owner of the store.
give() { [ -z "${ROOTLESS-}" ] || chown 31337:31337 "$@"; }

store_kept() {
	store_clear
	cp -a "$WORK/kept/g" "$G"
	cp -a "$WORK/kept/r" "$R"
	mkdir "$WORK/evil"
}

store_seal() {
	layerseal init >"$WORK/seal.log" 2>&1 && layerseal seal --all >>"$WORK/seal.log" 2>&1 && return 0
	seal_status=$?
	cat "$WORK/seal.log"
	echo "sealing failed with $seal_status"
	return 1
}

# An additional image store in $WORK/more with an image `shared` of one layer, and a storage.conf that
# names it. For a case's setup; sets MORE_LAYER, its layer, and STORAGE_CONF.
store_additional() {
	store_more_clear
	mkdir "$WORK/more"
	give "$WORK/more"
	cp -a "$WORK/ctx/rootfs" "$WORK/more/rootfs"
	echo 'echo GOOD' >"$WORK/more/rootfs/tool.sh"
	tar -C "$WORK/more/rootfs" -cf "$WORK/more/shared.tar" .
	more_podman import -q "$WORK/more/shared.tar" localhost/shared
	# shellcheck disable=SC2034 # for the attacks
	MORE_LAYER=$(jq -r '.[0].id' "$WORK/more/g/$DRIVER-layers/layers.json")
	in_engine umount -R -l "$WORK/more/g/$DRIVER" || true
	storage_conf "[storage.options]
additionalimagestores = [\"$WORK/more/g\"]"
}

more_podman() {
	by_owner podman --root "$WORK/more/g" --runroot "$WORK/more/r" --storage-driver "$DRIVER" "$@"
}

store_more_clear() { rm -rf "$WORK/more" "$WORK/split" "$WORK/home/.config/containers"; }

# The images in a store of their own, apart from the containers (podman 5): podman 5.4 keeps their
# records and tar-splits in the graph root all the same. After store_kept, in before_seal.
store_split() {
	mkdir "$WORK/split"
	mv "$G/$DRIVER" "$G/$DRIVER-images" "$WORK/split"
	mkdir "$WORK/split/$DRIVER-layers"
	storage_conf "imagestore = \"$WORK/split\""
}

storage_conf() {
	STORAGE_CONF=$WORK/storage.conf
	if [ -n "${ROOTLESS-}" ]; then
		STORAGE_CONF=$WORK/home/.config/containers/storage.conf
		mkdir -p "${STORAGE_CONF%/*}"
	fi
	cat >"$STORAGE_CONF" <<-END
		[storage]
		driver = "$DRIVER"
		graphroot = "$G"
		runroot = "$R"
		$1
	END
	[ -z "${ROOTLESS-}" ] || give -R "$WORK/home/.config"
}

image_id() { podman image inspect --format '{{.Id}}' "$1"; }
image_layer() { jq -r --arg id "$1" '.[] | select(.id == $id) | .layer' "$IMAGES/images.json"; }
layer_parent() { jq -r --arg id "$1" '.[] | select(.id == $id) | .parent' "$LAYERS/layers.json"; }
layer_tree() {
	case $DRIVER in
	overlay) echo "$PLACE/$1/diff" ;;
	vfs) echo "$PLACE/dir/$1" ;;
	esac
}

# shellcheck disable=SC2034 # the variables are for the scripts that source this
store_names() {
	MARK=trusted.overlay
	[ -z "${ROOTLESS-}" ] || MARK=user.overlay
	PLACE=$G/$DRIVER LAYERS=$G/$DRIVER-layers IMAGES=$G/$DRIVER-images
	APP=$(image_id localhost/app)
	OTHER=$(image_id localhost/other)
	BASE_IMAGE=$(image_id localhost/base)
	TOP=$(image_layer "$APP")
	BASE=$(image_layer "$BASE_IMAGE")
	LAYER=$TOP
	until [ "$(layer_parent "$LAYER")" = "$BASE" ]; do
		LAYER=$(layer_parent "$LAYER")
		[ -n "$LAYER" ] || return 1
	done
	UPPER=$(layer_tree "$TOP")
	TREE_LAYER=$LAYER
	[ "$DRIVER" = overlay ] || TREE_LAYER=$TOP
	TREE=$(layer_tree "$TREE_LAYER")
	store_unmount
}

# The victim builds again and adds a step; every step but the last must come from the cache.
later_build() {
	build -t localhost/later -f "${1:-$WORK/ctx/Containerfile.later}" "$WORK/ctx" >"$WORK/build.log" 2>&1 || {
		cat "$WORK/build.log"
		fail "the later build failed"
		return 1
	}
	# FROM alone, in Containerfile.from, caches nothing.
	[ -n "${1-}" ] || expect_grep 'Using cache' "$WORK/build.log"
}

from_build() { later_build "$WORK/ctx/Containerfile.from"; }

said() { expect_grep "$1" "$WORK/build.log"; }
never_said() { ! grep -q -e "$1" "$WORK/build.log" || fail "the build said $1"; }
