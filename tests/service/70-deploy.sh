# SPDX-License-Identifier: Apache-2.0
what='the snippets of layerseal-hook(7): sudo rule and wrapper, unit, hooks of runners'
engines=bookworm
# snippet FIRST-WORDS: the literal block of the man page that begins so, with the names of this test.
snippet() {
	awk -v first="$1" '
		/^\.Bd -literal/ { block = ""; inside = 1; next }
		/^\.Ed/ { if (inside && index(block, first) == 1) { printf "%s", block; exit } inside = 0; next }
		inside { block = block $0 "\n" }' "$HERE/../../man/layerseal-hook.7" |
		sed -e 's/\\&//g; s/\\e/\\/g' -e 's|--user ci|--user sealer|; s|^ci |sealer |; s|^User=ci|User=sealer|' \
			-e "s|/usr/local/bin/layerseal|$WORK/keep/layerseal|" >"$WORK/snippet"
	[ -s "$WORK/snippet" ] || fail "layerseal-hook(7) has no snippet '$1'"
}
# Where the snippets look for it: the program with the ledger of this test.
install_layerseal() {
	cat >"$WORK/keep/layerseal" <<-END
		#!/bin/sh
		exec $WORK/bin/layerseal --ledger $LEDGER --trust $LEDGER.trust "\$@"
	END
	chmod 755 "$WORK/keep/layerseal"
}
sudo_rule() {
	snippet 'ci ALL='
	# PAM asks whether the account is valid.
	install -m 600 /dev/null "$WORK/keep/shadow"
	cat /etc/shadow >"$WORK/keep/shadow"
	echo 'sealer:*:20000:0:99999:7:::' >>"$WORK/keep/shadow"
	in_engine mount --bind "$WORK/keep/shadow" /etc/shadow
	in_engine mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
	in_engine sh -c "cat '$WORK/snippet' >/etc/sudoers.d/layerseal && chmod 440 /etc/sudoers.d/layerseal && visudo -c"
}
job() { by_owner env PATH="$WORK/keep/wrap:/usr/bin:/bin" "$@"; }
job_build() {
	# shellcheck disable=SC2046 # a list of flags
	job podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" build $(build_flags) -t localhost/later \
		-f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
poison() { echo 'echo EVIL' >"$TREE/tool.sh"; }
lines() { sed -n "s/^$1=+*//p" "$WORK/snippet"; }
unit() {
	in_engine sh -c "$(lines ExecStartPre)" || return 1
	# shellcheck disable=SC2046 # a list of flags
	podman build $(build_flags) -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	in_engine sh -c "$(lines ExecStartPost)"
}
operate() {
	install_layerseal
	# The user alone can do nothing with root's ledger.
	expect_exit 3 by_owner "$WORK/keep/layerseal" verify
	expect_exit 3 by_owner "$WORK/keep/layerseal" seal --all

	sudo_rule
	expect_exit 0 job sudo -n "$WORK/keep/layerseal" --user sealer verify --quiet
	# Nothing but that.
	expect_exit 1 job sudo -n "$WORK/keep/layerseal" --user sealer seal --all
	expect_exit 1 job sudo -n "$WORK/keep/layerseal" --user sealer verify
	expect_exit 1 job sudo -n "$WORK/keep/layerseal" --ledger /tmp/own --user sealer verify --quiet
	expect_exit 0 job env LAYERSEAL_LEDGER=/tmp/own LAYERSEAL_CONFIG=/tmp/own HOME=/tmp XDG_CONFIG_HOME=/tmp \
		sudo -n "$WORK/keep/layerseal" --user sealer verify --quiet

	# The wrapper in front of the engine of the job.
	snippet '#!/bin/sh
# podman'
	mkdir -p "$WORK/keep/wrap"
	cp "$WORK/snippet" "$WORK/keep/wrap/podman"
	chmod 755 "$WORK/keep/wrap/podman"
	expect_exit 0 job_build
	expect_grep 'Using cache' "$OUT"
	# What it made is not sealed, and the next build is refused until root does that.
	expect_exit 1 job_build
	expect_exit 0 root_layerseal seal --all
	expect_exit 0 job_build
	expect_exit 0 root_layerseal seal --all
	poison
	expect_exit 1 job_build
	expect_grep '/tool.sh' "$ERR"
	expect_exit 0 job podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" images
	# What sudo hands on of the user's makes no verdict clean: limits, signals, descriptors, directory.
	for limit in '-n 4' '-n 9' '-n 16' '-n 24' '-f 0' '-v 40000' '-s 64' '-t 1' '-u 1' '-l 0'; do
		job sh -c "ulimit $limit; exec sudo -n '$WORK/keep/layerseal' --user sealer verify --quiet" \
			>"$OUT" 2>&1 && fail "clean with ulimit $limit"
	done
	job sh -c "trap '' CHLD TERM PIPE; umask 777; exec sudo -n '$WORK/keep/layerseal' --user sealer verify --quiet <&- >&- 2>&-" &&
		fail 'clean without descriptors'
	mkdir "$WORK/tmp/gone"
	give "$WORK/tmp/gone"
	job sh -c "cd '$WORK/tmp/gone' && rmdir '$WORK/tmp/gone' && exec sudo -n '$WORK/keep/layerseal' --user sealer verify --quiet" \
		>"$OUT" 2>&1 && fail 'clean in a directory that is gone'

	# The unit: what stands after "=+" runs as root, the rest as the user.
	store_kept
	store_seal
	snippet '[Service]
User=ci'
	expect_grep '^ExecStartPre=+' "$WORK/snippet"
	expect_grep '^ExecStartPost=+' "$WORK/snippet"
	expect_grep '^User=sealer' "$WORK/snippet"
	unit
	unit
	poison
	! unit || fail 'the unit ran on a poisoned store'

	# The guarded build: the line that the unit has, with the options of this store and machine.
	store_kept
	store_seal
	snippet '[Service]
WorkingDirectory='
	guarded=$(lines ExecStart)
	guarded="${guarded%%podman build*}podman --root $G --runroot $R --storage-driver $DRIVER build $(build_flags)"
	guarded="$guarded -f $WORK/ctx/Containerfile.later -t localhost/later $WORK/ctx"
	expect_exit 0 in_engine sh -c "$guarded"
	expect_grep 'layerseal: sealed' "$ERR"
	expect_exit 0 root_layerseal verify
	poison
	expect_exit 1 in_engine sh -c "$guarded"

	# A runner that root runs: its hook before the job.
	store_kept
	store_seal
	snippet '#!/bin/sh
# before-job'
	expect_exit 0 in_engine sh "$WORK/snippet"
	poison
	expect_exit 1 in_engine sh "$WORK/snippet"
}
cleanup() {
	in_engine umount /etc/sudoers.d /etc/shadow
	rm -rf "$WORK/keep/wrap" "$WORK/keep/layerseal"
}
