# SPDX-License-Identifier: Apache-2.0
what='whiteout made of extended attributes (Linux 6.7)'
expect=tree-xattr path=/
attack() {
	: >"$UPPER/tool.sh"
	setfattr -n trusted.overlay.whiteout -v y "$UPPER/tool.sh"
	setfattr -n trusted.overlay.opaque -v x "$UPPER"
}
case $(uname -r) in
[1-5].* | 6.[0-6].*) ;;
*) poisons() { later_build && said '^tool: gone'; } ;;
esac
