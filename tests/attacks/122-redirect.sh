# SPDX-License-Identifier: Apache-2.0
what='redirect mark leads a directory to another one below'
expect=tree-xattr path=/etc
attack() { setfattr -n trusted.overlay.redirect -v /srv "$TREE/etc"; }
poisons() { later_build && said '^passwd: gone'; }
