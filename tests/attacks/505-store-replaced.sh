# SPDX-License-Identifier: Apache-2.0
what='the whole store replaced by one with poisoned images, consistent in itself'
expect=image-unsealed drivers='overlay vfs'
attack() {
	podman rmi -f localhost/app localhost/other
	sed 's/echo GOOD/echo EVIL/' "$WORK/ctx/Containerfile.app" >"$WORK/evil/Containerfile"
	build -t localhost/app -f "$WORK/evil/Containerfile" "$WORK/ctx"
}
poisons() { from_build && said '^tool: EVIL'; }
