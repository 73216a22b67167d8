# SPDX-License-Identifier: Apache-2.0
what='planted composefs image takes the place of the tree'
expect=layer-entry engines=trixie
attack() {
	evil_tree
	mkdir "$PLACE/$LAYER/composefs-data"
	in_engine mkfs.erofs --quiet "$PLACE/$LAYER/composefs-data/composefs.blob" "$WORK/evil/diff"
}
poisons() { later_build && said '^tool: EVIL'; }
