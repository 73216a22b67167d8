# SPDX-License-Identifier: Apache-2.0
what='unknown file in a layer directory'
expect=layer-entry
attack() { echo EVIL >"$PLACE/$LAYER/evil"; }
