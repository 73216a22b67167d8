# SPDX-License-Identifier: Apache-2.0
what='a wrapper in PATH: clean builds, poisoned does not, the rest passes'
unshared_build() {
	# shellcheck disable=SC2046 # a list of flags
	typed podman unshare buildah --root "$G" --runroot "$R" --storage-driver "$DRIVER" bud $(build_flags) \
		-t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
}
operate() {
	hook install --dir "$WRAP" wrapper
	expect_exit 0 typed_build later
	expect_grep 'Using cache' "$OUT"
	layerseal seal --all --quiet
	expect_exit 0 typed_build later buildah bud
	layerseal seal --all --quiet
	# In the user namespace it is the same store.
	if [ -n "$ROOTLESS" ]; then
		expect_exit 0 unshared_build
		layerseal seal --all --quiet
	fi
	poison
	[ -z "$ROOTLESS" ] || refused unshared_build
	refused typed_build later
	refused typed_build from
	refused typed_build later podman build
	refused typed_build later buildah build
	refused typed_build later buildah bud
	expect_exit 0 typed podman images
	expect_exit 0 typed podman ps -a
	expect_exit 0 typed podman inspect localhost/app
	expect_exit 0 typed buildah images
	expect_exit 0 typed podman build --help
	expect_exit 125 typed podman inspect localhost/nothing
	layerseal seal --all --quiet --accept --reason 'it was me'
	expect_exit 0 typed_build later
}
