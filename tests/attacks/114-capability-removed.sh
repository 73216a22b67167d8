# SPDX-License-Identifier: Apache-2.0
what='file capability removed'
expect=tree-xattr path=/bin/ping drivers='overlay vfs'
ping_file() {
	[ "$DRIVER" = vfs ] && echo "$TREE/bin/ping" || echo "$PLACE/$BASE/diff/bin/ping"
}
attack() { setcap -r "$(ping_file)"; }
poisons() { [ -z "$(mounted localhost/app getcap bin/ping)" ]; }
