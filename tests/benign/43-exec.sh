# SPDX-License-Identifier: Apache-2.0
what='a running container, exec, verify meanwhile, stop'
operate() {
	run -d --name busy --entrypoint '["sleep","100"]' localhost/app
	podman exec busy sh -c 'echo changed > /opt.txt; rm /derived.txt'
	judge stat
	judge full
	podman stop -t 0 busy
	podman rm busy
}
cleanup() { podman rm -f -t 0 busy; }
