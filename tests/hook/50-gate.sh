# SPDX-License-Identifier: Apache-2.0
what='the mount gate: clean layers are mounted, a poisoned one is not, whoever asks'
drivers=overlay
bud() {
	# shellcheck disable=SC2046 # a list of flags
	buildah bud --layers $(build_flags) -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
later() { build -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"; }
operate() {
	gate_install
	later_build
	said 'tool: GOOD'
	gated seal --all --quiet
	later_build
	expect_exit 0 bud
	expect_exit 0 run_app
	expect_grep GOOD "$OUT"
	gated seal --all --quiet
	expect_exit 0 gated verify --quiet
	echo 'echo EVIL' >"$TREE/tool.sh"
	gate_refuses 'deny tree-' later
	expect_grep '/tool.sh' "$ERR"
	expect_grep 'was not mounted, its layers are violated' "$ERR"
	gate_refuses 'deny tree-' bud
	gate_refuses 'deny tree-' run_app
	# What builds on it is refused, what does not is not.
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 podman run --rm $(run_flags) localhost/base cat /etc/motd
	gated seal --all --quiet --accept --reason 'it was me'
	expect_exit 0 run_app
	expect_grep EVIL "$OUT"
}
