# SPDX-License-Identifier: Apache-2.0
what='the store restored from a copy: same content, other inodes'
# No engine does this while a watcher runs.
watched=no
operate() {
	store_unmount
	cp -a "$G" "$WORK/tmp/copy"
	rm -rf "$G"
	mv "$WORK/tmp/copy" "$G"
}
