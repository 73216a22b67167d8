# SPDX-License-Identifier: Apache-2.0
what='diff1 beside the tree of the base layer'
expect=layer-entry
attack() {
	mkdir -p "$PLACE/$BASE/diff1/srv/data"
	echo EVIL >"$PLACE/$BASE/diff1/srv/data/planted"
}
poisons() { later_build && said ' planted$'; }
