# SPDX-License-Identifier: Apache-2.0
what='podman cp in and out of a container'
operate() {
	create --name copied localhost/app
	podman cp "$WORK/ctx/app.txt" copied:/copied.txt
	podman cp copied:/opt.txt "$WORK/tmp/opt.txt"
	podman rm copied
}
