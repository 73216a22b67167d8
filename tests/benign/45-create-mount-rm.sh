# SPDX-License-Identifier: Apache-2.0
what='create, mount, write, umount, rm of a container'
# Mounting as a user needs `podman unshare`.
rootless=no
operate() {
	id=$(create localhost/app)
	mount=$(podman mount "$id")
	in_engine sh -c "echo changed >'$mount/opt.txt' && chmod 700 '$mount/etc' && rm '$mount/tool.sh'"
	judge stat
	podman umount "$id"
	podman rm "$id"
}
