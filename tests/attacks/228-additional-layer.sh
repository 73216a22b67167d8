# SPDX-License-Identifier: Apache-2.0
what='additionallayer file: the layer comes from another store'
expect=layer-entry
attack() { printf '%s' "$WORK/evil" >"$PLACE/$LAYER/additionallayer"; }
