# SPDX-License-Identifier: Apache-2.0
what="podman's pre-exec hooks: clean builds, poisoned does not, the rest passes"
engines=trixie
cleanup() { preexec_end; }
operate() {
	preexec
	in_engine "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" hook install preexec
	in_engine "$WORK/bin/layerseal" hook status >"$OUT"
	expect_grep 'preexec in /etc/containers/pre-exec-hooks' "$OUT"
	expect_exit 0 typed_build later
	expect_grep 'Using cache' "$OUT"
	layerseal seal --all --quiet
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 typed podman run --rm $(run_flags) localhost/app
	poison
	refused typed_build later
	refused typed_build from
	expect_exit 0 typed podman images
	expect_exit 0 typed podman build --help
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 typed podman run --rm $(run_flags) localhost/app
	expect_grep EVIL "$OUT"
	in_engine "$WORK/bin/layerseal" hook install --verify-run preexec
	# The ledger's name is not in this command's settings any more: the default one has no such store.
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 3 typed podman run --rm $(run_flags) localhost/app
	in_engine "$WORK/bin/layerseal" hook remove preexec
	[ ! -e "$WORK/etc-containers/podman_preexec_hooks.txt" ]
	expect_exit 0 typed_build later
}
