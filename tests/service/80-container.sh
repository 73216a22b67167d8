# SPDX-License-Identifier: Apache-2.0
what='a container with the store mounted elsewhere: sealed here it is clean there, and the other way round'
service=no drivers=overlay
# inside COMMAND...: in a privileged container whose files are this machine's, with the store where podman has it
# by default and the ledger of here, which it cannot write.
inside() {
	# shellcheck disable=SC2046 # a list of flags
	in_engine podman --root "$WORK/outer/g" --runroot "$WORK/outer/r" --storage-driver overlay run --rm --privileged \
		$(run_flags) -v "$G:/var/lib/containers/storage" -v "$LEDGER:/ledger:ro" \
		-v "$LEDGER.trust:/ledger.trust:ro" -v "$LEDGER.trust+head:/ledger.trust+head:ro" \
		-v "$WORK/bin:/layerseal:ro" -v "$WORK/ctx:/ctx:ro" -v "$WORK/inner:/inner" \
		--rootfs /:O "$@"
}
inner_layerseal() { inside /layerseal/layerseal "$@"; }
# With the ledger of here, whose paths are not those of there.
sealed_here() {
	inner_layerseal --ledger /ledger --trust /ledger.trust --root /var/lib/containers/storage \
		--runroot /run/containers/storage --known-as "$G" "$@"
}
# With the ledger that was made there.
sealed_there() {
	in_engine "$WORK/bin/layerseal" --ledger "$WORK/inner/ledger" --trust "$WORK/inner/trust" --root "$G" \
		--runroot "$R" --known-as /var/lib/containers/storage "$@"
}
inner_build() {
	# shellcheck disable=SC2046 # a list of flags
	inside buildah --storage-driver "$DRIVER" bud --layers $(build_flags) -t localhost/inner -f /ctx/Containerfile.later /ctx
}
operate() {
	mkdir -p "$WORK/inner" "$WORK/outer"
	# podman's own database names the paths of here.
	podman ps -a >/dev/null
	for level in stat full oci; do
		expect_exit 0 sealed_here verify --level $level --json
		expect_no_findings
		[ $level != stat ] || jq -e '.by_statprint == .layers' "$OUT"
	done
	# Without the word that it is the same store it is not in the ledger, or another one.
	expect_exit 3 inner_layerseal --ledger /ledger --trust /ledger.trust --root /var/lib/containers/storage verify
	expect_exit 3 inner_layerseal --ledger /ledger --trust /ledger.trust --root /var/lib/containers/storage \
		--known-as /nowhere verify
	expect_grep 'is not in the ledger' "$ERR"
	sealed_ids >"$TAP_DIR/sealed"
	# A build there from what was sealed here; sealed here, because the ledger is.
	inner_build >"$WORK/build.log" 2>&1 || fail "no build: $(cat "$WORK/build.log")"
	expect_grep 'Using cache' "$WORK/build.log"
	expect_exit 1 sealed_here verify --json
	expect_only_new
	expect_exit 1 verify stat
	expect_only_new
	expect_exit 0 layerseal seal --all
	expect_exit 0 sealed_here verify --json
	expect_exit 3 sealed_here seal --all
	# What is poisoned there is found here, and the other way round.
	echo 'echo EVIL' >"$TREE/tool.sh"
	expect_exit 1 sealed_here verify --json
	expect_finding 'tree-content|tree-size' /tool.sh
	expect_exit 1 verify stat

	# The other way round.
	store_kept
	store_seal
	inner_layerseal --ledger /inner/ledger --trust /inner/trust --root /var/lib/containers/storage \
		--runroot /run/containers/storage --storage-driver "$DRIVER" init
	expect_exit 0 inner_layerseal --ledger /inner/ledger --trust /inner/trust --root /var/lib/containers/storage \
		--known-as "$G" seal --all
	for level in stat full; do
		expect_exit 0 sealed_there verify --level $level --json
		expect_no_findings
	done
	jq -e '.by_statprint == 0' "$OUT"
	expect_exit 0 podman images
	expect_exit 0 sealed_there verify
	echo 'echo EVIL' >"$TREE/tool.sh"
	expect_exit 1 sealed_there verify
}
cleanup() { rm -rf "$WORK/inner" "$WORK/outer"; }
