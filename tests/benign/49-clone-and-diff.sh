# SPDX-License-Identifier: Apache-2.0
what='podman container clone, diff, inspect, logs'
operate() {
	run --name first localhost/app
	podman container clone first second
	podman diff first
	podman logs first
	podman inspect first second
	podman rm first second
}
