# SPDX-License-Identifier: Apache-2.0
what='what is mounted over parts of the store is seen, in root'"'"'s namespace and in the user'"'"'s'
operate() {
	tree=$WORK/evil/tree
	cp -a "$TREE" "$tree"
	edit_quietly "$tree/tool.sh" 's/GOOD/EVIL/'
	# In root's namespace: over a tree, over one file, over the directory of the driver.
	in_engine mount --bind "$tree" "$TREE"
	expect_exit 1 verify stat
	expect_finding layer-diff
	in_engine umount "$TREE"
	in_engine mount --bind "$tree/tool.sh" "$TREE/tool.sh"
	expect_exit 3 verify stat
	expect_finding tree-unreadable
	in_engine umount "$TREE/tool.sh"
	expect_exit 0 verify stat
	cp -a "$PLACE" "$WORK/evil/place"
	edit_quietly "$WORK/evil/place${TREE#"$PLACE"}/tool.sh" 's/GOOD/EVIL/'
	in_engine mount --bind "$WORK/evil/place" "$PLACE"
	expect_exit 1 verify stat
	expect_finding tree-content /tool.sh
	in_engine umount "$PLACE"
	expect_exit 0 verify stat
	# What could not be seen is refused.
	in_engine mount --bind "$tree" "$TREE"
	in_engine mount --make-unbindable "$TREE"
	unverifiable 'unbindable mount' root_layerseal verify
	in_engine umount "$TREE"
	# In a namespace of the user's own, which root's tools do not see: it is looked for there.
	echo harmless >"$WORK/evil/text"
	chmod -R a+rX "$WORK/evil"
	for pair in "$tree:$TREE" "$tree/tool.sh:$TREE/tool.sh" "$WORK/evil/place:$PLACE" "$WORK/evil:$G" \
		"$WORK/evil/text:$IMAGES/images.json" "$WORK/evil:$LAYERS"; do
		user_mounts --bind "${pair%:*}" "${pair#*:}"
		expect_exit 1 verify stat
		expect_finding store-covered "${pair#*:}"
		user_end
		expect_exit 0 verify stat
	done
	# What covers nothing: as engines mount.
	user_mounts --bind "$PLACE" "$PLACE"
	expect_exit 0 verify stat
	expect_no_findings
	user_end
	if [ "$DRIVER" = overlay ]; then
		mkdir -p "$PLACE/$TREE_LAYER/merged"
		user_mounts -t tmpfs tmpfs "$PLACE/$TREE_LAYER/merged"
		expect_exit 0 verify stat
		user_end
	fi
	user_mounts -t tmpfs tmpfs "$WORK/home"
	expect_exit 0 verify full
	expect_no_findings
	user_end
}
# user_mounts MOUNT-ARGUMENT...: in a namespace of the user's own, until user_end; it must have worked.
user_mounts() {
	rm -f "$WORK/tmp/up" "$WORK/tmp/down"
	by_owner podman unshare sh -c 'up=$1; down=$2; shift 2
		mount "$@" && : >"$up" && i=0
		while [ ! -e "$down" ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i + 1)); done
		umount -l "$(for last; do :; done; echo "$last")"' sh "$WORK/tmp/up" "$WORK/tmp/down" "$@" >"$WORK/unshared" 2>&1 &
	tries=0
	until [ -e "$WORK/tmp/up" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$WORK/unshared" && return 1; }
		sleep 0.1
	done
}
user_end() {
	: >"$WORK/tmp/down"
	wait $!
}
cleanup() {
	in_engine umount "$TREE/tool.sh" "$TREE" "$PLACE"
	: >"$WORK/tmp/down"
}
