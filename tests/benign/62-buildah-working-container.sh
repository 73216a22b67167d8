# SPDX-License-Identifier: Apache-2.0
what='a working container of buildah stays, mounted and changed'
# Mounting as a user needs `podman unshare`.
rootless=no
operate() {
	container=$(buildah from localhost/app)
	mount=$(buildah mount "$container")
	in_engine sh -c "echo changed >'$mount/opt.txt'"
	buildah rename "$container" other-name
}
