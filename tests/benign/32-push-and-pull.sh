# SPDX-License-Identifier: Apache-2.0
what='push to a directory, rmi, pull of the same image' makes=objects
operate() {
	podman push -q localhost/app "dir:$WORK/tmp/pushed"
	podman rmi localhost/app
	podman pull -q "dir:$WORK/tmp/pushed"
	# Same ids, but they are made anew.
	: >"$TAP_DIR/sealed"
}
