# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# engine.sh: a podman and a buildah of one version, in a mount namespace of their own.
#
#   engine_start NAME    bookworm: this machine's podman (4.3 on Debian 12)
#                        trixie: podman 5.4 in a debootstrapped tree (tests/lib/make-trixie)
#   in_engine CMD...     any command there, as root
#   by_owner CMD...      ... as the owner of the store
#   podman ... buildah ...   on the store $G (run root $R, driver $DRIVER)
#   layerseal ...        on the same store, with the ledger $LEDGER
#   verify LEVEL         layerseal verify, as JSON; by the watcher, where one runs (watch.sh)
#   build_flags run_flags limit_flags
#                        what every build, run and `buildah from` needs on machines that are containers
#   engine_stop          also on exit
#
# WORK is the scratch directory; it has the same path inside and outside. Needs root.

LIB=${LIB:?path of tests/lib}
CACHE=${LAYERSEAL_CACHE:-/var/cache/layerseal-tests}
ENGINE_PID=

engine_start() {
	ENGINE=$1
	G=$WORK/g R=$WORK/r LEDGER=$WORK/ledger
	mkdir -p "$WORK/bin" "$WORK/tmp"
	# $WORK is the user's then.
	[ -z "${SERVICE-}" ] || { mkdir -p "$WORK/keep" && LEDGER=$WORK/keep/ledger; }
	rm -f "$WORK/entered"
	tree=
	case $ENGINE in
	bookworm) ;;
	trixie)
		tree=$CACHE/trixie
		"$LIB/make-trixie" "$tree" || return 1
		;;
	*) echo "engine_start: no engine $ENGINE" >&2 && return 1 ;;
	esac
	# The namespace ends with this shell, however it ends.
	unshare --mount --propagation private setpriv --pdeathsig KILL "$LIB/enter" "$WORK" "$tree" \
		2>"$WORK/enter.log" >/dev/null 3>&- &
	ENGINE_PID=$!
	tries=0
	until [ -e "$WORK/entered" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ] || ! kill -0 "$ENGINE_PID" 2>/dev/null; then
			cat "$WORK/enter.log" >&2
			echo "engine_start: the namespace of $ENGINE did not come up" >&2
			return 1
		fi
		sleep 0.05
	done
	cp "${LAYERSEAL:?path of the program}" "$WORK/bin/layerseal"
}

engine_stop() {
	[ -n "$ENGINE_PID" ] || return 0
	engine_leftovers | while read -r pid; do
		kill -9 "$pid" 2>/dev/null
	done
	wait "$ENGINE_PID" 2>/dev/null
	ENGINE_PID=
	return 0
}

# Processes of this engine's namespaces: the one that holds it, the pause processes of rootless podman,
# the monitors of containers. Never one of the namespace that this shell is in.
engine_leftovers() {
	here=$(readlink /proc/self/ns/mnt)
	# shellcheck disable=SC2013 # paths in /proc have no blanks
	for info in $(grep -l -s -F " $WORK" /proc/[0-9]*/mountinfo); do
		process=${info%/mountinfo}
		[ "$(readlink "$process/ns/mnt")" = "$here" ] || echo "${process#/proc/}"
	done
}

# Nothing of the caller's environment that could change what podman or layerseal does.
in_engine() {
	nsenter --mount="/proc/$ENGINE_PID/ns/mnt" -- env -i HOME=/root LC_ALL=C.UTF-8 TMPDIR="$WORK/tmp" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# As the owner of the store: root, or with ROOTLESS=yes the user that tests/lib/enter made.
by_owner() {
	if [ -z "${ROOTLESS-}" ]; then
		in_engine "$@"
	else
		in_engine setpriv --reuid 31337 --regid 31337 --clear-groups \
			env HOME="$WORK/home" XDG_RUNTIME_DIR=/run/user/31337 "$@"
	fi
}

# on_store PROGRAM ARGUMENT...: with the options of the store; or, if a case sets STORAGE_CONF, with none:
# then that file says where the store is ("default": no file does). Of a user it is the file in the
# home: rootless podman takes no graphroot from CONTAINERS_STORAGE_CONF. A command that hangs ends
# with status 124, after WATCH_LIMIT seconds.
on_store() {
	program=$1
	shift
	case ${STORAGE_CONF-}:${ROOTLESS-} in
	:*) by_owner timeout "${WATCH_LIMIT:-120}" "$program" --root "$G" --runroot "$R" --storage-driver "$DRIVER" "$@" ;;
	default:* | *:yes) by_owner timeout "${WATCH_LIMIT:-120}" "$program" "$@" ;;
	*) by_owner env CONTAINERS_STORAGE_CONF="$STORAGE_CONF" timeout "${WATCH_LIMIT:-120}" "$program" "$@" ;;
	esac
}

podman() { on_store podman "$@"; }
buildah() { on_store buildah "$@"; }
# SERVICE=yes: root's layerseal, on the user's store.
layerseal() {
	if [ -z "${SERVICE-}" ]; then
		own_layerseal "$@"
		return
	fi
	if [ -z "${STORAGE_CONF-}" ]; then
		set -- --root "$G" --runroot "$R" --storage-driver "$DRIVER" "$@"
	fi
	in_engine timeout "${WATCH_LIMIT:-120}" "$WORK/bin/layerseal" ${WATCH_CONF:+--config "$WATCH_CONF"} --ledger "$LEDGER" \
		--trust "$LEDGER.trust" --user sealer "$@"
}
own_layerseal() {
	on_store "$WORK/bin/layerseal" ${WATCH_CONF:+--config "$WATCH_CONF"} --ledger "$LEDGER" --trust "$LEDGER.trust" "$@"
}

verify() {
	asker=layerseal
	[ -z "${WATCH_CONF-}" ] || asker=asked
	$asker verify --json --level "$1"
}

build_flags() {
	echo --isolation chroot
	# podman 5 raises the limits to the maximum it read; lowering them is always allowed.
	[ "$ENGINE" = bookworm ] || limit_flags
}

limit_flags() { echo --ulimit nofile=1024:1024 --ulimit nproc=1000:1000; }

# As `podman run` works in this namespace, on any machine: no network, no cgroup of its own.
run_flags() {
	echo --cgroups=disabled --network=none
	limit_flags
}
