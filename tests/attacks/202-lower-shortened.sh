# SPDX-License-Identifier: Apache-2.0
what='lower leaves a layer out'
expect=layer-lower
attack() { overwrite "$PLACE/$TOP/lower" "s|l/$(link_of "$LAYER"):||"; }
poisons() { later_build && said '^opt: gone'; }
