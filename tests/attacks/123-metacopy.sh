# SPDX-License-Identifier: Apache-2.0
what='metacopy mark takes the bytes of a file from another layer'
expect=tree-xattr path=/tool.sh
# Works only where the kernel or mountopt allows metacopy=on.
attack() {
	setfattr -n trusted.overlay.metacopy "$UPPER/app.txt"
	setfattr -n trusted.overlay.metacopy "$TREE/tool.sh"
	setfattr -n trusted.overlay.redirect -v /debug.sh "$TREE/tool.sh"
}
