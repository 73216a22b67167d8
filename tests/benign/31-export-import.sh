# SPDX-License-Identifier: Apache-2.0
what='podman export and import' makes=objects
operate() {
	id=$(create localhost/app)
	podman export -o "$WORK/tmp/tree.tar" "$id"
	podman rm "$id"
	podman import -q "$WORK/tmp/tree.tar" localhost/imported
}
