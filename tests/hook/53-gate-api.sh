# SPDX-License-Identifier: Apache-2.0
what='the mount gate: builds through the API service'
drivers=overlay
# A user's service does not start in this namespace: it cannot read its cgroup.
rootless=no
cleanup() {
	if [ -n "$API_PID" ]; then
		kill "$API_PID"
		wait "$API_PID"
	fi
	in_engine rmdir /sys/fs/cgroup/layerseal-api
}
API_PID=''
remote() {
	by_owner timeout 120 podman --url "unix://$WORK/tmp/podman.sock" "$@"
}
remote_build() {
	# shellcheck disable=SC2046 # a list of flags
	remote build $(build_flags) -t localhost/later -f "$WORK/ctx/Containerfile.$1" "$WORK/ctx"
}
serve() {
	# In a control group of its own: from the root group podman moves every process of the machine to one that
	# only root can read, and rootless podman fails there ever after.
	# shellcheck disable=SC2016 # for the inner shell
	on_store sh -c 'mkdir -p "$1" && echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh /sys/fs/cgroup/layerseal-api \
		podman system service --time 0 "unix://$WORK/tmp/podman.sock" >"$WORK/tmp/service.log" 2>&1 &
	API_PID=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! remote version >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	cat "$WORK/tmp/service.log"
	remote version
	fail 'the service does not answer'
}
operate() {
	gate_install
	serve
	expect_exit 0 remote_build later
	gated seal --all --quiet
	echo 'echo EVIL' >"$TREE/tool.sh"
	gate_refuses 'deny tree-' remote_build later
	expect_grep '/tool.sh' "$ERR"
	gate_refuses 'deny tree-' remote_build from
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 remote create --name made $(run_flags) localhost/app
	gate_refuses 'deny tree-' remote start made
}
