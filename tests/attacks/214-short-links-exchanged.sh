# SPDX-License-Identifier: Apache-2.0
what='short links of two layers exchanged'
expect=link-target rootless=yes
attack() {
	ln -sfn "../$BASE/diff" "$PLACE/l/$(link_of "$LAYER")"
	ln -sfn "../$LAYER/diff" "$PLACE/l/$(link_of "$BASE")"
}
poisons() { later_build && said '^motd: base-motd'; }
