# SPDX-License-Identifier: Apache-2.0
what='a container with a volume and a bind mount'
operate() {
	run --rm -v data:/srv/data -v "$WORK/ctx:/ctx" --entrypoint '["sh","-c","cp /ctx/app.txt /srv/data"]' localhost/app
	podman volume rm data
}
