# SPDX-License-Identifier: Apache-2.0
what='podman rmi, then the same image is built again' makes=objects
operate() {
	podman rmi localhost/other
	build -t localhost/other -f "$WORK/ctx/Containerfile.other" "$WORK/ctx"
}
