# SPDX-License-Identifier: Apache-2.0
what='the mount gate: images in a store of their own'
drivers=overlay
engines=trixie rootless=no
before_seal() {
	store_split
	GATE_STORE="imagestore = \"$WORK/split\""
}
cleanup() { store_more_clear; }
operate() {
	gate_install
	expect_exit 0 run_app
	later_build
	gated seal --all --quiet
	later_build
	echo 'echo EVIL' >"$WORK/split/overlay/$LAYER/diff/tool.sh"
	gate_refuses 'deny tree-' run_app
	gate_refuses '/tool.sh' build -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
