# SPDX-License-Identifier: Apache-2.0
what='an image is mounted, verified while mounted, and unmounted'
# Mounting as a user needs `podman unshare`.
rootless=no
operate() {
	podman image mount localhost/app
	podman image mount localhost/base
	judge stat
	judge full
	podman image umount -a
}
