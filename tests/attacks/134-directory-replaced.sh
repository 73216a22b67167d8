# SPDX-License-Identifier: Apache-2.0
what='directory replaced by an edited copy'
expect=tree-content path=/etc/motd drivers='overlay vfs'
attack() {
	cp -a "$TREE/etc" "$WORK/evil/etc"
	edit_quietly "$WORK/evil/etc/motd" 's/app/bad/'
	rm -r "${TREE:?}/etc"
	quietly "$TREE" mv "$WORK/evil/etc" "$TREE/etc"
}
poisons() { later_build && said '^motd: bad-motd'; }
