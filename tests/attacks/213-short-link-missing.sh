# SPDX-License-Identifier: Apache-2.0
what='short link removed'
expect=link-target
attack() { rm "$PLACE/l/$(link_of "$LAYER")"; }
