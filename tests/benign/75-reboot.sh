# SPDX-License-Identifier: Apache-2.0
what='reboot: the run root is gone, nothing is mounted'
# No engine does this while a watcher runs.
watched=no
operate() {
	create localhost/app
	store_unmount
	rm -rf "$R"
	judge stat
	podman ps -a
}
