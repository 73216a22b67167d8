# SPDX-License-Identifier: Apache-2.0
what='lower names the layers in another order'
expect=layer-lower
attack() {
	awk -v RS=: '{ list = $0 (NR > 1 ? ":" list : "") } END { printf "%s", list }' "$PLACE/$TOP/lower" >"$WORK/new"
	cat "$WORK/new" >"$PLACE/$TOP/lower"
}
poisons() { later_build && said '^motd: base-motd'; }
