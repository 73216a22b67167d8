# SPDX-License-Identifier: Apache-2.0
what='links, other owners and other file systems in the place of the store are refused, with the reason'
swap_back() {
	rm -f "$1"
	mv "$1.real" "$1"
}
operate() {
	# A link in the place of the store, or above it, to what is the very same store.
	mv "$G" "$G.real"
	by_owner ln -s "$G.real" "$G"
	unverifiable 'symbolic link' root_layerseal verify
	unverifiable 'symbolic link' root_layerseal purge --violated
	swap_back "$G"
	expect_exit 0 root_layerseal verify
	# Another's directory.
	mv "$G" "$G.real"
	cp -a "$G.real" "$G"
	chown 0:0 "$G"
	unverifiable 'does not belong to user sealer' root_layerseal verify
	rm -rf "$G"
	mv "$G.real" "$G"
	# A file, a fifo, nothing.
	mv "$G" "$G.real"
	by_owner mkfifo "$G"
	unverifiable 'store .*/g' root_layerseal verify
	rm "$G"
	unverifiable 'store .*/g' root_layerseal verify
	mv "$G.real" "$G"
	# A run root that leads elsewhere.
	mv "$R" "$R.real"
	by_owner ln -s /etc "$R"
	unverifiable 'symbolic link' root_layerseal verify
	swap_back "$R"
	# A file system without id-mapped mounts.
	in_engine mkdir "$WORK/keep/upper" "$WORK/keep/work"
	chown --reference="$G" "$WORK/keep/upper"
	in_engine mount -t overlay -o "lowerdir=$G,upperdir=$WORK/keep/upper,workdir=$WORK/keep/work" overlay "$G"
	unverifiable 'no id-mapped mounts' root_layerseal verify
	in_engine umount "$G"
	# The same on top of a part of it: named.
	in_engine mount -t overlay -o "lowerdir=$LAYERS:/etc" overlay "$LAYERS"
	unverifiable "mounted at $LAYERS" root_layerseal verify
	in_engine umount "$LAYERS"
	expect_exit 0 root_layerseal verify
	# tmpfs has them: the same store there, every byte read.
	in_engine mount -t tmpfs -o mode=755 tmpfs "$WORK/evil"
	in_engine cp -a "$G/." "$WORK/evil"
	in_engine mount --bind "$WORK/evil" "$G"
	# What the user's podman has kept mounted since before that is another store.
	by_owner podman system migrate
	expect_exit 0 root_layerseal verify --json
	jq -e '.by_statprint == 0 and .measured == .layers' "$OUT"
	in_engine umount "$G" "$WORK/evil"
	rm -rf "$WORK/keep/upper" "$WORK/keep/work"
}
cleanup() {
	in_engine umount "$LAYERS" "$G" "$G" "$WORK/evil"
	rm -rf "$G.real" "$R.real"
}
