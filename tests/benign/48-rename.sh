# SPDX-License-Identifier: Apache-2.0
what='podman rename, update of nothing else'
operate() {
	create --name before localhost/app
	podman rename before after
	podman container exists after
}
