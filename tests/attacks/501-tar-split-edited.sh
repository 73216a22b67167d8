# SPDX-License-Identifier: Apache-2.0
what='tar-split edited: what push and save emit'
expect=tar-split drivers='overlay vfs' rootless=yes
attack() {
	file=$LAYERS/$TREE_LAYER.tar-split.gz
	zcat "$file" | sed '1s/"payload":"...../"payload":"RVZJT/' | gzip -n >"$WORK/new"
	quietly "$file" cp "$WORK/new" "$file"
}
