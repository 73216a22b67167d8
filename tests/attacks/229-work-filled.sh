# SPDX-License-Identifier: Apache-2.0
what='the work directory of a committed layer is filled'
expect=layer-scratch
attack() { mkdir -p "$PLACE/$LAYER/work/work" && echo EVIL >"$PLACE/$LAYER/work/work/evil"; }
