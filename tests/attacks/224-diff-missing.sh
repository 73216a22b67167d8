# SPDX-License-Identifier: Apache-2.0
what='the tree is gone'
expect=layer-diff
attack() { rm -r "$PLACE/$LAYER/diff"; }
