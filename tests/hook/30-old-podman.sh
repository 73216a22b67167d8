# SPDX-License-Identifier: Apache-2.0
what='podman before 4.4 has no pre-exec hooks, and status says so'
engines=bookworm rootless=no
cleanup() { preexec_end; }
operate() {
	preexec
	in_engine "$WORK/bin/layerseal" hook install preexec
	expect_exit 1 in_engine "$WORK/bin/layerseal" hook status
	expect_grep 'has no pre-exec hooks: install the wrapper' "$OUT"
	in_engine "$WORK/bin/layerseal" hook remove preexec
}
