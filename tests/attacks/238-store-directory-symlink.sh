# SPDX-License-Identifier: Apache-2.0
what='the directory of all layers is a symbolic link'
heal=refused
expect='' exit='1|3'
attack() {
	mv "$PLACE" "$WORK/evil/overlay"
	edit_quietly "$WORK/evil/overlay/$LAYER/diff/tool.sh" 's/GOOD/EVIL/'
	ln -s "$WORK/evil/overlay" "$PLACE"
}
poisons() { later_build && said '^tool: EVIL'; }
