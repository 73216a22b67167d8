# SPDX-License-Identifier: Apache-2.0
what='the tree is a fifo'
expect=layer-diff
attack() { rm -r "$PLACE/$LAYER/diff" && mkfifo "$PLACE/$LAYER/diff"; }
