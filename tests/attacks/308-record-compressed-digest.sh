# SPDX-License-Identifier: Apache-2.0
what='compressed-diff-digest of a record names another blob'
expect=layer-record drivers='overlay vfs'
# A pull that looks for that blob takes this layer for it.
attack() {
	edit_layer "$TREE_LAYER" '."compressed-diff-digest" = "sha256:" + ("e" * 64)'
}
