# SPDX-License-Identifier: Apache-2.0
what='a mapping with a dirty page held while sealing, stored to afterwards'
expect=tree-content path=/tool.sh drivers='overlay vfs'
# A second store to a page that is dirty already moves neither ctime nor mtime; sealing must have
# written the page back before it believes a ctime.
before_seal() {
	poke "$WORK/ctx/app.txt" 0 a
	mkfifo "$WORK/go"
	touch -r "$TREE/tool.sh" "$WORK/stamp"
	"$WORK/poke" --hold "$TREE/tool.sh" 5 EVIL <"$WORK/go" >"$WORK/held" &
	exec 8>"$WORK/go"
	until grep -q held "$WORK/held"; do sleep 0.02; done
	touch -r "$WORK/stamp" "$TREE/tool.sh"
}
attack() {
	exec 8>&-
	until grep -q EVIL "$TREE/tool.sh"; do sleep 0.02; done
}
poisons() { later_build && said '^tool: EVIL'; }
cleanup() { rm -f "$WORK/go" "$WORK/held"; }
