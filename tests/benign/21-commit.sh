# SPDX-License-Identifier: Apache-2.0
what='podman commit of a changed container' makes=objects
operate() {
	run --name work localhost/app -c 'echo changed'
	podman commit -q work localhost/committed
	podman rm work
}
