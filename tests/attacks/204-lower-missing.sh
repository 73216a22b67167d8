# SPDX-License-Identifier: Apache-2.0
what='lower removed, the layer stands alone'
expect=layer-lower
attack() { rm "$PLACE/$TOP/lower"; }
