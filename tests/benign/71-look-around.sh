# SPDX-License-Identifier: Apache-2.0
what='images, ps, inspect, history, tree, df, info, events'
operate() {
	podman images -a
	podman ps -a
	podman image inspect localhost/app localhost/base
	podman history localhost/app
	podman image tree localhost/app
	podman image exists localhost/app
	podman system df -v
	podman info
	podman search --list-tags nothing 2>/dev/null || true
	buildah images -a
	buildah containers
}
