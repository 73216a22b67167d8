# SPDX-License-Identifier: Apache-2.0
what='another file mounted over one file of the layer'
expect='tree-content|tree-unreadable|tree-unstable' drivers='overlay'
heal=refused
attack() {
	cp -p "$TREE/tool.sh" "$WORK/evil/tool.sh"
	edit_quietly "$WORK/evil/tool.sh" 's/GOOD/EVIL/'
	in_engine mount --bind "$WORK/evil/tool.sh" "$TREE/tool.sh"
}
# The kernel's overlay does not cross mounts, and neither must layerseal be fooled by them.
exit='1|3'
cleanup() { in_engine umount -l "$TREE/tool.sh"; }
