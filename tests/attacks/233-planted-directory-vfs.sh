# SPDX-License-Identifier: Apache-2.0
what='layer directory without a record (vfs)'
expect=layer-unrecorded drivers=vfs
attack() { cp -a "$TREE" "$PLACE/dir/$(printf %064d 7)"; }
