# SPDX-License-Identifier: Apache-2.0
what='two names of one file become two files'
expect=tree-hardlink drivers='overlay vfs'
attack() {
	rm "$TREE/hard.txt"
	quietly "$TREE" cp -p "$TREE/opt.txt" "$TREE/hard.txt"
}
poisons() { later_build && said '^-rw-r--r-- *1 .* hard.txt$'; }
