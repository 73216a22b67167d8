# SPDX-License-Identifier: Apache-2.0
what='short link replaced by a directory'
expect='link-target'
attack() {
	evil_tree
	link=$PLACE/l/$(link_of "$LAYER")
	rm "$link"
	mv "$WORK/evil/diff" "$link"
}
