# SPDX-License-Identifier: Apache-2.0
what='podman image prune'
operate() {
	podman untag localhost/other
	podman image prune -f
}
