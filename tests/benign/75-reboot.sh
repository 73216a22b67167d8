# SPDX-License-Identifier: Apache-2.0
what='reboot: the run root is gone, nothing is mounted'
operate() {
	create localhost/app
	store_unmount
	rm -rf "$R"
	judge stat
	podman ps -a
}
