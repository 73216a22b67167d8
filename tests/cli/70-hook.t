#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 70-hook.t: hooks: what install, remove and status do, what a wrapper leaves alone, what it refuses.
# tests/hook/run tries them with both engines.
. "$(dirname "$0")/lib.sh"

W=$WORK/now/wrap
FAKE=$WORK/fake
HOOK=$(dirname "$LAYERSEAL")/layerseal-hook

# An engine that says how it was called, and one for each other purpose.
make_engines() {
	mkdir -p "$FAKE" "$WORK/bash"
	cat >"$FAKE/podman" <<-'END'
		#!/bin/sh
		echo "args: $*"
		case $1 in
		status) exit "$2" ;;
		signal) kill -s "$2" $$ ;;
		cat) exec cat ;;
		env) echo "env: $MARKER" ;;
		tty) [ -t 0 ] && [ -t 1 ] && echo 'on a terminal' ;;
		trap)
			trap 'echo trapped; exit 7' TERM
			echo ready
			sleep 5 &
			wait
			;;
		esac
	END
	chmod 755 "$FAKE/podman"
	cp "$FAKE/podman" "$FAKE/buildah"
	ln -s "$(command -v bash)" "$WORK/bash/podman"
}

hook() { "$LAYERSEAL" --ledger "$L" --trust "$L.trust" hook "$@"; }

# with_fake COMMAND...: with the wrapper before the engine above; with_real: before this machine's.
with_fake() { env PATH="$W:$FAKE:$PATH" "$@"; }
with_real() { env PATH="$W:$PATH" "$@"; }

install_wrapper() { hook install --dir "$W" "$@" wrapper; }

# The fixture's store by options.
store_options() { echo --root "$G" --runroot "$R" --storage-driver overlay; }

build_tiny() {
	# shellcheck disable=SC2046 # a list of options
	with_real podman $(store_options) build --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK"
}

poison() {
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	echo evil >"$G/overlay/$layer/diff/etc/motd"
}

make_engines

# ---- install, remove, status ----

install_and_remove() {
	expect_exit 0 install_wrapper
	[ -x "$W/podman" ]
	[ -x "$W/buildah" ]
	[ ! -e "$W/docker" ]
	expect_grep "^ledger = $L\$" "$W/layerseal-hook.conf"
	expect_exit 0 with_real "$LAYERSEAL" hook status --dir "$W"
	expect_grep "wraps $(command -v podman)\$" "$OUT"
	expect_exit 0 install_wrapper --verify-run
	expect_grep '^verify-run = yes$' "$W/layerseal-hook.conf"
	expect_exit 0 hook remove --dir "$W" wrapper
	[ ! -e "$W" ]
	expect_exit 0 hook remove --dir "$W" wrapper
	expect_exit 1 hook status --dir "$W"
}
cli_test 'install makes, remove takes away, both may be repeated' install_and_remove

foreign_files_stay() {
	mkdir "$W"
	echo mine >"$W/buildah"
	expect_exit 1 install_wrapper
	expect_grep "$W/buildah is not layerseal's" "$ERR"
	[ ! -e "$W/podman" ]
	[ ! -e "$W/layerseal-hook.conf" ]
	rm "$W/buildah"
	install_wrapper
	echo mine >"$W/buildah"
	echo mine >"$W/more"
	expect_exit 0 hook remove --dir "$W" wrapper
	expect_grep "left $W/buildah" "$OUT"
	[ "$(cat "$W/buildah" "$W/more" | wc -l)" = 2 ]
	[ ! -e "$W/podman" ]
}
cli_test 'what is foreign is neither overwritten nor removed' foreign_files_stay

links() {
	mkdir "$WORK/now/bin"
	echo mine >"$WORK/now/bin/podman"
	expect_exit 1 install_wrapper --link "$WORK/now/bin"
	rm "$WORK/now/bin/podman"
	expect_exit 0 install_wrapper --link "$WORK/now/bin"
	expect_exit 5 env PATH="$WORK/now/bin:$FAKE:$PATH" podman status 5
	expect_exit 0 env PATH="$WORK/now/bin:$PATH" "$LAYERSEAL" hook status --dir "$W"
	expect_exit 0 hook remove --dir "$W" wrapper
	[ -z "$(ls "$WORK/now/bin")" ]
}
cli_test 'links in a directory that is in PATH' links

status_of_trouble() {
	install_wrapper
	expect_exit 1 "$LAYERSEAL" hook status --dir "$W"
	expect_grep "PATH leads to .*/podman first" "$OUT"
	printf x >>"$W/podman"
	expect_exit 1 with_real "$LAYERSEAL" hook status --dir "$W"
	expect_grep 'another version' "$OUT"
	install_wrapper
	sed -i "s|^layerseal = .*|layerseal = $WORK/nothing|" "$W/layerseal-hook.conf"
	expect_exit 1 with_real "$LAYERSEAL" hook status --dir "$W"
	expect_grep 'every build is refused' "$OUT"
	expect_exit 3 build_tiny
	expect_grep "cannot run $WORK/nothing" "$ERR"
}
cli_test 'status tells what keeps a hook from working' status_of_trouble

M=$WORK/now/mount
gate() { hook install --dir "$M" mount; }
storage_conf() {
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n%s\n' "$G" "$R" "$1" >"$WORK/storage.conf"
}
gate_status() {
	env CONTAINERS_STORAGE_CONF="$WORK/storage.conf" "$LAYERSEAL" --config "$WORK/gate.conf" hook status --dir "$M"
}

mount_program() {
	expect_exit 0 gate
	expect_grep "mount_program = \"$M/layerseal-mount\"" "$OUT"
	expect_exit 0 "$M/layerseal-mount" --version
	expect_grep '^layerseal-mount ' "$OUT"
	printf '[gate]\nwhiteout-files = yes\n' >"$WORK/gate.conf"
	storage_conf "[storage.options.overlay]
mount_program = \"$M/layerseal-mount\""
	expect_exit 0 gate_status
	expect_grep '^mount in ' "$OUT"
	storage_conf ''
	expect_exit 1 gate_status
	expect_grep 'names no mount_program' "$OUT"
	storage_conf '[storage.options.overlay]
mount_program = "/bin/true"'
	expect_exit 1 gate_status
	expect_grep 'names another mount_program: /bin/true' "$OUT"
	: >"$WORK/gate.conf"
	expect_exit 1 gate_status
	expect_grep 'whiteout-files is not yes' "$OUT"
	expect_exit 2 hook install --dir "$M" --verify-run mount
	expect_exit 0 hook remove --dir "$M" mount
	[ ! -e "$M" ]
}
cli_test 'the mount gate is installed, and status tells whether it is called' mount_program

# Whatever is wrong, nothing is mounted, and the engine is told.
mount_refusals() {
	guard init
	gate
	run="$M/layerseal-mount"
	expect_exit 2 "$run"
	expect_exit 2 "$run" -o lowerdir=/a
	expect_exit 2 "$run" -o lowerdir=/a,plugins=/x /t
	expect_grep "'plugins=/x' is not known" "$ERR"
	expect_exit 2 "$run" -o lowerdir=/a,lowerdir+=/b /t
	id=$(printf '%064d' 7)
	# Not started by a storage driver.
	expect_exit 2 "$run" -o lowerdir=/a "$G/overlay/$id/merged"
	expect_grep 'not started in the directory of the overlay driver' "$ERR"
	mkdir -p "$WORK/other/overlay"
	expect_exit 3 in_dir "$WORK/other/overlay" "$run" -o lowerdir=/a "$WORK/other/overlay/$id/merged"
	expect_grep 'is not in the ledger' "$ERR"
	expect_exit 3 in_dir "$G/overlay" "$run" -o lowerdir=/a "$G/overlay/$id/merged"
	expect_grep 'merged does not exist' "$ERR"
	expect_exit 1 in_dir "$G/overlay" "$run" -o lowerdir=/a "$WORK/other/overlay/$id/merged"
	expect_grep 'neither in the store' "$ERR"
	chmod 777 "$M/layerseal-hook.conf"
	expect_exit 1 in_dir "$G/overlay" "$run" -o lowerdir=/a "$G/overlay/$id/merged"
}
in_dir() { (cd "$1" && shift && "$@"); }
cli_test 'the mount gate refuses what it does not understand' mount_refusals

docker_of_podman() {
	printf '#!/bin/sh\nexec podman "$@"\n' >"$FAKE/docker"
	chmod 755 "$FAKE/docker"
	PATH="$FAKE:$PATH" install_wrapper
	[ -x "$W/docker" ]
	expect_exit 0 with_fake docker ps
	expect_grep '^args: ps$' "$OUT"
	expect_exit 3 with_fake docker build .
	printf '#!/bin/sh\necho another docker\n' >"$FAKE/docker"
	hook remove --dir "$W" wrapper
	PATH="$FAKE:$PATH" install_wrapper
	rm "$FAKE/docker"
	[ ! -e "$W/docker" ]
}
cli_test "podman's docker is wrapped, another one is not" docker_of_podman

# ---- what a wrapper leaves alone ----

passes_through() {
	install_wrapper
	expect_exit 0 with_fake podman ps --format 'a b' '' '*'
	expect_grep '^args: ps --format a b  \*$' "$OUT"
	expect_exit 42 with_fake podman status 42
	expect_exit 9 with_fake buildah status 9
	export MARKER='a marker'
	expect_exit 0 with_fake podman env
	expect_grep '^env: a marker$' "$OUT"
	[ "$(seq 10000 | with_fake podman cat | tail -n +2 | md5sum)" = "$(seq 10000 | md5sum)" ]
	[ "$(with_fake podman ps 2>&1 >/dev/null)" = '' ]
	[ "$(PATH="$W:$WORK/bash:$PATH" podman -c 'echo $0 $#' x y)" = 'x 1' ]
	[ "$(PATH="$W:$WORK/bash:$PATH" bash -c 'exec -a strange podman -c "echo \$0"')" = strange ]
	# The same process, not a child.
	[ "$(PATH="$W:$WORK/bash:$PATH" sh -c 'echo $$; exec podman -c "echo \$\$"' | uniq | wc -l)" = 1 ]
}
cli_test 'arguments, environment, standard input, exit status, process: untouched' passes_through

signals() {
	install_wrapper
	with_fake podman signal KILL >/dev/null 2>&1 && status=0 || status=$?
	[ "$status" -eq 137 ]
	env PATH="$W:$FAKE:$PATH" podman trap >"$OUT" &
	for _ in 1 2 3 4 5 6 7 8 9 10; do grep -q ready "$OUT" || sleep 0.2; done
	kill -TERM $!
	wait $! && status=0 || status=$?
	[ "$status" -eq 7 ]
	expect_grep trapped "$OUT"
	# What the caller ignores, the engine ignores.
	sealed_store
	mask=$(sh -c "trap '' CHLD PIPE; PATH='$W:$WORK/bash:$PATH' exec podman -c 'grep SigIgn /proc/\$\$/status'")
	bare=$(sh -c "trap '' CHLD PIPE; exec bash -c 'grep SigIgn /proc/\$\$/status'")
	[ "$mask" = "$bare" ]
	expect_exit 0 env --ignore-signal=CHLD PATH="$W:$FAKE:$PATH" podman --root "$G" --runroot "$R" --storage-driver overlay build .
	expect_grep '^args: .* build .$' "$OUT"
}
cli_test 'signals' signals

terminal() {
	install_wrapper
	script -qec "env PATH='$W:$FAKE:$PATH' podman tty" /dev/null </dev/null >"$OUT"
	expect_grep 'on a terminal' "$OUT"
	# A build's check must not eat what is typed for the build.
	sealed_store
	# shellcheck disable=SC2046 # a list of options
	echo typed | with_fake podman cat $(store_options) build . >"$OUT"
	expect_grep '^typed$' "$OUT"
	cp "$FAKE/podman" "$WORK/fake.kept"
	printf '#!/bin/sh\ncat\n' >"$FAKE/podman"
	# shellcheck disable=SC2046 # a list of options
	echo typed | with_fake podman $(store_options) build -f - >"$OUT"
	mv "$WORK/fake.kept" "$FAKE/podman"
	[ "$(cat "$OUT")" = typed ]
}
cli_test 'terminals, and standard input of a build' terminal

two_wrappers() {
	install_wrapper
	W2=$WORK/now/wrap2
	hook install --dir "$W2" wrapper
	expect_exit 4 timeout 20 env PATH="$W:$W2:$FAKE:$PATH" podman status 4
	expect_exit 4 timeout 20 env PATH="$W2:$W:$FAKE:$PATH" podman status 4
	expect_exit 4 timeout 20 env PATH="$W:$W2:$W:$FAKE:$PATH" podman status 4
	expect_exit 4 timeout 20 env PATH="$W2:$FAKE:$PATH" "$W/podman" status 4
	ln -s "$W/podman" "$WORK/now/podman"
	expect_exit 4 timeout 20 env PATH="$WORK/now:$W:$FAKE:$PATH" podman status 4
	expect_exit 127 timeout 20 env PATH="$W:$W2" "$W/podman" status 4
	expect_grep 'no podman in PATH behind' "$ERR"
	# What stands before the wrapper is not what it wraps.
	mkdir "$WORK/now/evil"
	printf '#!/bin/sh\necho evil\n' >"$WORK/now/evil/podman"
	chmod 755 "$WORK/now/evil/podman"
	expect_exit 4 env PATH="$WORK/now/evil:$W:$FAKE:$PATH" "$W/podman" status 4
}
cli_test 'two wrappers do not call each other in circles' two_wrappers

# ---- what it refuses ----

builds() {
	sealed_store
	install_wrapper
	expect_exit 0 build_tiny
	poison
	expect_exit 1 build_tiny
	[ ! -s "$OUT" ]
	expect_grep 'deny tree-content' "$ERR"
	expect_grep 'path: .*/etc/motd' "$ERR"
	expect_grep 'refused: this podman command was not run' "$ERR"
	# shellcheck disable=SC2046 # a list of options
	for words in 'build .' 'image build .' 'buildx build .' 'builder build .' '-- x build .' 'kube play x' \
		'--new-option build' "build --storage-driver=overlay ." 'farm build .'; do
		# shellcheck disable=SC2086 # words
		expect_exit 1 with_fake podman $(store_options) $words
		expect_no_grep args: "$OUT"
	done
	# shellcheck disable=SC2046
	for words in 'build .' 'bud .' 'build-using-dockerfile .' '--quiet x bud'; do
		# shellcheck disable=SC2086 # words
		expect_exit 1 with_fake buildah $(store_options) $words
		expect_no_grep args: "$OUT"
	done
	# shellcheck disable=SC2046
	for words in ps 'run app' 'push app' 'build --help' 'image ls build' 'kube down x'; do
		# shellcheck disable=SC2086 # words
		expect_exit 0 with_fake podman $(store_options) $words
		[ ! -s "$ERR" ]
	done
}
cli_test 'a poisoned store: every way to build is refused, all else passes' builds

unsealed_store() {
	init_store
	install_wrapper
	expect_exit 1 build_tiny
	expect_grep 'layerseal seal --all' "$ERR"
	guard seal --all --quiet
	expect_exit 0 build_tiny
}
cli_test 'an unsealed store is refused, and the remedy is named' unsealed_store

other_store() {
	sealed_store
	install_wrapper
	mkdir "$WORK/now/g2"
	expect_exit 3 with_fake podman --root "$WORK/now/g2" --runroot "$R" --storage-driver overlay build .
	expect_grep 'is not in the ledger .*: run layerseal init' "$ERR"
	expect_exit 3 with_fake podman --root "$G" --storage-driver overlay build .
	expect_grep "the ledger knows it with $R" "$ERR"
	expect_exit 3 with_fake podman --root "$G" --runroot "$R" --storage-driver vfs build .
	expect_grep 'storage driver vfs' "$ERR"
	# shellcheck disable=SC2046 # a list of options
	expect_exit 3 with_fake podman $(store_options) --storage-opt overlay.imagestore=/other build .
	expect_grep 'other additional image stores' "$ERR"
	# shellcheck disable=SC2046 # a list of options
	expect_exit 3 with_fake podman $(store_options) build --no-version-has-this --root /x .
	expect_grep "cannot tell which store is meant, because of the argument '--no-version-has-this'" "$ERR"
	expect_no_grep args: "$OUT"
	# By another name it is the same store.
	ln -s "$G" "$WORK/now/alias"
	expect_exit 0 with_fake podman --root "$WORK/now/alias" --runroot "$R" --storage-driver overlay build .
	(cd "$WORK/now" && expect_exit 0 with_fake podman --root=g --runroot=r build --storage-driver=overlay .)
}
cli_test 'a store that is not in the ledger, or is there with other settings, is refused' other_store

environment() {
	sealed_store
	install_wrapper
	poison
	cp -a "$WORK/kept" "$WORK/now/clean"
	# shellcheck disable=SC2046 # a list of options
	expect_exit 1 env LAYERSEAL_LEDGER="$WORK/now/none" LAYERSEAL_CONFIG=/dev/null PATH="$W:$FAKE:$PATH" \
		podman $(store_options) build .
	expect_grep 'deny tree-content' "$ERR"
	# The store of the environment is the one that is verified.
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$G" "$R" >"$WORK/now/storage.conf"
	expect_exit 1 env CONTAINERS_STORAGE_CONF="$WORK/now/storage.conf" PATH="$W:$FAKE:$PATH" podman build .
	expect_grep 'deny tree-content' "$ERR"
	sed -i "s|$G|$WORK/now/clean/g|" "$WORK/now/storage.conf"
	expect_exit 3 env CONTAINERS_STORAGE_CONF="$WORK/now/storage.conf" PATH="$W:$FAKE:$PATH" podman build .
	expect_grep "store $WORK/now/clean/g is not in the ledger" "$ERR"
	# shellcheck disable=SC2046 # a list of options
	for words in _CONTAINERS_USERNS_CONFIGURED=done _CONTAINERS_ROOTLESS_UID=1000; do
		# shellcheck disable=SC2046 # a list of options
		expect_exit 3 env $words PATH="$W:$FAKE:$PATH" podman $(store_options) build .
		expect_grep 'that moves the store' "$ERR"
	done
	# shellcheck disable=SC2046 # a list of options
	expect_exit 1 env STORAGE_DRIVER=vfs PATH="$W:$FAKE:$PATH" podman $(store_options) build .
}
cli_test "the environment chooses the engine's store, not the ledger" environment

engine_settings() {
	sealed_store
	install_wrapper
	conf=$WORK/now/containers.conf
	# shellcheck disable=SC2046 # a list of options
	set -- env CONTAINERS_CONF="$conf" PATH="$W:$FAKE:$PATH" podman $(store_options)
	printf '[containers]\nenv = ["HOME=/root"]\n[engine]\nenv = ["http_proxy=x"]\n' >"$conf"
	expect_exit 0 "$@" build .
	printf '[engine]\nenv = [\n  "CONTAINERS_STORAGE_CONF=/x"\n]\n' >"$conf"
	expect_exit 3 "$@" build .
	expect_grep "$conf:3: sets STORAGE_CONF for the engine" "$ERR"
	expect_exit 0 "$@" ps
	expect_exit 3 env CONTAINERS_CONF_OVERRIDE="$conf" PATH="$W:$FAKE:$PATH" podman build .
	: >"$conf"
	expect_exit 3 "$@" --module m build .
	expect_grep '--module m may move the store' "$ERR"
}
cli_test 'containers.conf cannot move the store of a build' engine_settings

remote() {
	sealed_store
	install_wrapper
	for words in '--remote' '-r' '--url unix:///x' '--connection x' '-c x'; do
		# shellcheck disable=SC2086 # words
		expect_exit 3 with_fake podman $words build .
		expect_grep 'sends this to another podman' "$ERR"
	done
	expect_exit 3 env CONTAINER_HOST=unix:///x PATH="$W:$FAKE:$PATH" podman build .
	# shellcheck disable=SC2046 # a list of options
	expect_exit 0 env CONTAINER_HOST=unix:///x PATH="$W:$FAKE:$PATH" podman $(store_options) --remote=false build .
	expect_exit 0 with_fake podman --remote ps
	install_wrapper --allow-remote
	expect_exit 0 with_fake podman --remote build .
}
cli_test 'builds elsewhere are refused, or pass if it is so configured' remote

verify_run() {
	sealed_store
	install_wrapper --verify-run
	# shellcheck disable=SC2046 # a list of options
	expect_exit 0 with_fake podman $(store_options) run app --root /x
	poison
	for words in 'run app' 'create app' 'push app' 'container run app' 'image push app' 'build .'; do
		# shellcheck disable=SC2046,SC2086 # words
		expect_exit 1 with_fake podman $(store_options) $words
	done
	for words in 'from app' 'run ctr ls' 'push app'; do
		# shellcheck disable=SC2046,SC2086 # words
		expect_exit 1 with_fake buildah $(store_options) $words
	done
	# shellcheck disable=SC2046 # a list of options
	expect_exit 0 with_fake podman $(store_options) ps
}
cli_test '--verify-run: run, create, push and from too' verify_run

settings_of_others() {
	sealed_store
	install_wrapper
	chmod 666 "$W/layerseal-hook.conf"
	expect_exit 1 build_tiny
	expect_grep 'layerseal-hook.conf' "$ERR"
	chmod 644 "$W/layerseal-hook.conf"
	rm "$W/layerseal-hook.conf"
	expect_exit 3 build_tiny
	expect_exit 0 with_fake podman ps
}
cli_test 'settings that others can write, or that are gone, let nothing build' settings_of_others

# ---- podman's pre-exec hook, called as podman calls it ----

preexec() {
	sealed_store
	hook install --dir "$W" wrapper
	cp "$W/podman" "$W/50-layerseal"
	# shellcheck disable=SC2046 # a list of options
	set -- $(store_options)
	expect_exit 0 "$W/50-layerseal" podman "$@" build .
	[ ! -s "$OUT" ]
	[ ! -s "$ERR" ]
	poison
	expect_exit 1 "$W/50-layerseal" podman "$@" build .
	[ ! -s "$OUT" ]
	expect_exit 1 "$W/50-layerseal" /usr/bin/podman "$@" image build .
	# The caller chooses argv[0].
	expect_exit 1 "$W/50-layerseal" anything "$@" build .
	expect_exit 1 "$W/50-layerseal" storage-untar "$@" build .
	for words in 'podman ps' 'podman container cleanup x' 'buildah-copier' 'chrootuser-open / /etc/passwd' \
		'storage-untar / build' 'storage-applyLayer --x build'; do
		# shellcheck disable=SC2086 # words
		expect_exit 0 "$W/50-layerseal" $words
		[ ! -s "$OUT" ]
		[ ! -s "$ERR" ]
	done
	expect_exit 0 "$W/50-layerseal"
	# It takes nothing from standard input.
	# shellcheck disable=SC2154 # read sets it
	echo kept | { "$W/50-layerseal" podman "$@" build . || read -r line; echo "$line"; } >"$OUT" 2>/dev/null
	[ "$(cat "$OUT")" = kept ]
}
cli_test "podman's pre-exec contract" preexec

usage_errors() {
	expect_exit 2 hook install
	expect_exit 2 hook install both
	expect_exit 2 hook install --link / preexec
	expect_exit 2 hook check -- make
	expect_exit 2 hook explain
	expect_exit 2 "$HOOK" build
	expect_grep 'layerseal-hook(7)' "$ERR"
}
cli_test 'usage errors' usage_errors

# ---- the option tables ----

# Of every option in a help text: an option without a value leaves a --root behind it alone, one with a value
# would swallow it, which is "unclear".
compare_help() {
	program=$1
	verb=$2
	# shellcheck disable=SC2086 # words
	$program $verb --help | sed -n '/^\(Options\|Flags\):/,$p' | sed -nE \
		's/^ +(-., )?--([a-z0-9-]+)(  .*)?$/\2 none/p;
		s/^ +(-., )?--([a-z0-9-]+) [^ ]+\[="?[^]]*\].*/\2 none/p;t
		s/^ +(-., )?--([a-z0-9-]+) [^ ].*/\2 value/p' | grep -v '^help ' >"$WORK/now/options"
	[ "$(wc -l <"$WORK/now/options")" -gt 5 ]
	while read -r name kind; do
		# shellcheck disable=SC2086 # words
		"$LAYERSEAL" hook explain -- $program $verb "--$name" --root=/x . >"$OUT"
		case $kind:$name in
		value:*) expect_grep '^unclear --root=/x$' "$OUT" ;;
		none:*)
			expect_grep '^root /x$' "$OUT"
			expect_no_grep '^unclear' "$OUT"
			;;
		esac
	done <"$WORK/now/options"
}

tables() {
	compare_help podman build
	compare_help podman run
	compare_help podman push
	compare_help podman 'kube play'
	compare_help buildah build
	compare_help buildah from
	compare_help buildah run
}
cli_test 'the option tables agree with the help texts of podman and buildah' tables

done_testing
