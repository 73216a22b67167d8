# SPDX-License-Identifier: Apache-2.0
what='opaque mark removed, hidden files come back'
expect=tree-xattr path=/tmp
attack() { setfattr -x trusted.overlay.opaque "$PLACE/$(layer_parent "$TOP")/diff/tmp"; }
