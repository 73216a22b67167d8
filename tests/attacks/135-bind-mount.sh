# SPDX-License-Identifier: Apache-2.0
what='another tree mounted over the layer'
expect=layer-diff drivers='overlay vfs'
heal=refused
attack() {
	# Podman mounts its directory over itself when it starts to work, unless it is a mount point.
	in_engine mount --bind "$PLACE" "$PLACE"
	cp -a "$TREE" "$WORK/evil/tree"
	edit_quietly "$WORK/evil/tree/tool.sh" 's/GOOD/EVIL/'
	in_engine mount --bind "$WORK/evil/tree" "$TREE"
}
poisons() { later_build && said '^tool: EVIL'; }
