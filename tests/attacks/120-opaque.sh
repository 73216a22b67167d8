# SPDX-License-Identifier: Apache-2.0
what='opaque mark hides a directory of the layers below'
expect=tree-xattr path=/etc rootless=yes
attack() { setfattr -n "$MARK.opaque" -v y "$TREE/etc"; }
poisons() { later_build && said '^passwd: gone'; }
