# SPDX-License-Identifier: Apache-2.0
what='what is mounted over parts of the store is seen, or said to be out of sight'
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
	# In a namespace of the user's own it is out of sight, as layerseal(7) says: this is no promise.
	user_places "$tree" "$TREE"
	expect_exit 0 verify full
}
# The user's own mount namespace, with a mount over a tree; it must have worked to show anything.
user_places() {
	by_owner podman unshare sh -c "mount --bind '$1' '$2' && cat '$2/tool.sh' && touch '$WORK/tmp/up' && sleep 20" \
		>"$WORK/unshared" 2>&1 &
	tries=0
	until [ -e "$WORK/tmp/up" ] || [ $tries -gt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	grep -q EVIL "$WORK/unshared"
}
cleanup() {
	in_engine umount "$TREE/tool.sh" "$TREE" "$PLACE"
	rm -f "$WORK/tmp/up"
}
