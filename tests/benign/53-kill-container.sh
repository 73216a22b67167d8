# SPDX-License-Identifier: Apache-2.0
what='a container killed from outside with its monitor'
operate() {
	run -d --name victim --entrypoint '["sleep","100"]' localhost/app
	pids=$(podman inspect --format '{{.State.ConmonPid}} {{.State.Pid}}' victim)
	# shellcheck disable=SC2086 # two numbers
	kill -9 $pids
	podman ps -a
	judge stat
	podman rm -f -t 0 victim || podman rm -f -t 0 victim
}
cleanup() { podman rm -f -t 0 victim; }
