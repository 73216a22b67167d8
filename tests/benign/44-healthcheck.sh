# SPDX-License-Identifier: Apache-2.0
what='podman healthcheck run'
operate() {
	run -d --name healthy --health-cmd 'test -e /opt.txt' --health-interval disable \
		--entrypoint '["sleep","100"]' localhost/app
	podman healthcheck run healthy
	podman rm -f -t 0 healthy
}
cleanup() { podman rm -f -t 0 healthy; }
