# SPDX-License-Identifier: Apache-2.0
what='the mount point of a committed layer is filled'
expect=layer-scratch
attack() { mkdir -p "$PLACE/$LAYER/merged" && echo EVIL >"$PLACE/$LAYER/merged/evil"; }
