# SPDX-License-Identifier: Apache-2.0
what='a manifest list is made' makes=objects
operate() {
	podman manifest create localhost/list
	podman manifest add localhost/list "containers-storage:[$DRIVER@$G+$R]localhost/app" || podman manifest inspect localhost/list
}
