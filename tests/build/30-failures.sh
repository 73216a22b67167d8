# SPDX-License-Identifier: Apache-2.0
what='builds that fail, are interrupted, are killed; terminal, input and status'
tests='failing_run syntax_error no_file interrupted terminated killed_layerseal killed_engine killed_both kill_moments terminal
input closed_output no_build remote poisoned_before healed_before'
quick='failing_run terminated killed_layerseal poisoned_before terminal'

failing_file() {
	write_file <<-END
		FROM localhost/base
		RUN echo works >/works
		RUN exit 7
	END
}
failing_run() {
	failing_file
	build -t localhost/fails -f "$FILE" "$WORK/ctx" >"$WORK/plain.log" 2>&1 && plain=0 || plain=$?
	[ "$plain" -ne 0 ]
	start_over
	failing_file
	expect_exit "$plain" guarded_build -t localhost/fails -f "$FILE" "$WORK/ctx"
	expect_sealed 1
	! has_name localhost/fails
	expect_clean
	expect_exit "$plain" guarded_build -t localhost/fails -f "$FILE" "$WORK/ctx"
	expect_sealed 0
	expect_grep 'Using cache' "$BUILT.out"
	expect_clean
}
syntax_error() {
	write_file <<-END
		FORM localhost/base
	END
	build -f "$FILE" "$WORK/ctx" >/dev/null 2>&1 && plain=0 || plain=$?
	expect_exit "$plain" guarded_build -t localhost/none -f "$FILE" "$WORK/ctx"
	expect_clean
}
no_file() {
	build -f "$WORK/nothing" "$WORK/ctx" >/dev/null 2>&1 && plain=0 || plain=$?
	expect_exit "$plain" guarded_build -f "$WORK/nothing" "$WORK/ctx"
	expect_clean
}

# ---- signals ----

waiting_file() {
	write_file <<-END
		FROM localhost/base
		RUN echo before >/before
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done; echo after >/after
		RUN echo last >/last
	END
}

# A build as a process group of its own, its number in $WORK/tmp/group: in_group [guarded]
# shellcheck disable=SC2046 # lists
in_group() {
	by_owner sh -c 'echo $$ >"$1"; shift; exec setsid "$@"' sh "$WORK/tmp/group" \
		$([ -z "${1-}" ] || echo "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" build --) \
		podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" \
		build $(build_flags) -v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx"
}
start_waiting() {
	rm -f "$WORK/tmp/group"
	waiting_file
	in_background in_group "${1-guarded}"
	await one
	GROUP=$(cat "$WORK/tmp/group")
}
# The engine, or what it started, that works on this store.
engines() { pgrep -f -- "--root $G .* build " || :; }
# Those who work on the store end by themselves.
engine_ends() {
	tries=0
	while pgrep -f -- "-t localhost/victim -f $FILE" >/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { pgrep -a -f -- "-t localhost/victim -f $FILE"; fail 'the engine goes on'; return 1; }
		sleep 0.05
	done
}
# What an interrupted build leaves can be cleared away, or built upon; never is there half a seal.
recovers() {
	# A step that outlived its engine ends.
	tell two
	while pgrep -f 'until test -e /sync/two' >/dev/null; do sleep 0.05; done
	! has_name localhost/victim || fail 'an unfinished build gave its name'
	expect_exit 0 layerseal ledger check
	verify oci >"$OUT" 2>"$ERR" && status=0 || status=$?
	expect_findings_only layer-unsealed image-unsealed name-unsealed layer-mapped layer-incomplete record-incomplete tree-touched
	# The container of a build that was killed is still mounted.
	expect_exit 0 layerseal purge --unsealed --violated --force
	expect_exit 0 verify oci
	expect_exit 0 guarded_build -v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx"
	expect_sealed any
	has_name localhost/victim
	expect_clean
}
signalled() {
	start_waiting
	kill "-$1" "$2$GROUP"
	background_ends
	engine_ends
}
# The status that podman alone has, or that of the signal (rootless podman, which is two processes, has now one, now the
# other): signalled_as_plain SIGNAL PREFIX NUMBER
signalled_as_plain() {
	start_waiting ''
	kill "-$1" "$2$GROUP"
	background_ends
	plain=$status
	tell two
	start_over
	signalled "$1" "$2"
	[ "$status" -eq "$plain" ] || [ "$status" -eq $((128 + $3)) ] || fail "status $status, and of podman alone $plain"
}
interrupted() {
	signalled_as_plain INT - 2
	recovers
}
terminated() {
	signalled_as_plain TERM '' 15
	# What was complete is sealed: no purge is needed.
	expect_exit 0 verify oci
	recovers
}
killed_layerseal() {
	signalled KILL ''
	recovers
}
killed_engine() {
	start_waiting
	pid=$(pgrep -P "$(pgrep -P "$GROUP" | head -n 1)" | head -n 1)
	kill -KILL "${pid:-$(engines | head -n 1)}"
	tell two
	background_ends
	[ "$status" -ne 0 ]
	engine_ends
	recovers
}
killed_both() {
	signalled KILL -
	recovers
}
moments='0.05 0.2 0.35 0.5 0.65 0.8 0.95 1.1 1.25 1.4 1.6 1.8 2 2.3 2.6'
kill_moments() {
	for moment in $moments; do
		echo "after $moment s"
		start_over
		write_file <<-END
			FROM localhost/base
			RUN echo 1 >/1
			RUN echo 2 >/2
			COPY app.txt /3
		END
		in_background in_group guarded
		sleep "$moment"
		kill -KILL "$(cat "$WORK/tmp/group")" 2>/dev/null || :
		background_ends
		engine_ends
		expect_exit 0 layerseal ledger check
		verify oci >"$OUT" 2>"$ERR" && status=0 || status=$?
		expect_findings_only layer-unsealed image-unsealed name-unsealed layer-mapped layer-incomplete record-incomplete
		expect_exit 0 layerseal purge --unsealed --violated --force
		expect_exit 0 guarded_build -t localhost/victim -f "$FILE" "$WORK/ctx"
		expect_clean
	done
}

# ---- what the caller sees ----

typed_line() {
	printf '%s' "'$WORK/bin/layerseal' --ledger '$LEDGER' --trust '$LEDGER.trust' --root '$G' --runroot '$R' --storage-driver $DRIVER build -- podman build $(build_flags | tr '\n' ' ') $*"
}
terminal() {
	write_file <<-END
		FROM localhost/base
		RUN echo in-terminal >/in
	END
	by_owner script -q -e -c "$(typed_line -t localhost/terminal -f "$FILE" "$WORK/ctx"); echo status \$?" "$WORK/tmp/typescript" >"$OUT" 2>&1
	tr -d '\r' <"$OUT" >"$TAP_DIR/typed"
	expect_grep '^STEP 2/2' "$TAP_DIR/typed"
	expect_grep '^layerseal: sealed 1 layer' "$TAP_DIR/typed"
	expect_grep '^status 0' "$TAP_DIR/typed"
	expect_clean
}
# Standard input is the engine's alone: what it does not read is still there.
input() {
	printf 'FROM localhost/base\nRUN echo x >/x\n' >"$WORK/tmp/stdin"
	(
		guarded_build -f "$WORK/ctx/Containerfile.app" "$WORK/ctx" >/dev/null 2>&1
		cat >"$WORK/tmp/rest"
	) <"$WORK/tmp/stdin"
	cmp "$WORK/tmp/stdin" "$WORK/tmp/rest"
}
# As podman: whose reader is gone, ends.
closed_output() {
	waiting_file
	tell two
	(guarded_build -v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx" 2>"$ERR" || echo $? >"$WORK/tmp/status") | true
	engine_ends
	expect_exit 0 layerseal ledger check
	verify oci >"$OUT" 2>"$ERR" && status=0 || status=$?
	expect_findings_only layer-unsealed image-unsealed name-unsealed layer-mapped layer-incomplete record-incomplete
}
no_build() {
	expect_exit 2 guard podman images
	expect_exit 2 guard podman run localhost/app
	expect_exit 2 guard podman
	expect_exit 2 guard ls
	expect_exit 2 layerseal build
	expect_exit 2 guard podman build --no-such-option x .
}
remote() {
	expect_exit 3 guard podman --remote build .
	expect_exit 3 guard podman --url unix:///nothing build .
}
poisoned_before() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	before=$(images)
	expect_exit 1 guarded_build -t localhost/victim -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_grep '^layerseal: refused' "$ERR"
	expect_grep '/tool.sh' "$ERR"
	[ ! -s "$OUT" ]
	[ "$(images)" = "$before" ]
}
healed_before() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	printf '[findings]\ntree-content = purge\n' >"$WORK/tmp/conf"
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 layerseal --config "$WORK/tmp/conf" build -- podman build $(build_flags) \
		-t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	cp "$OUT" "$WORK/build.log"
	said 'tool: GOOD'
	expect_sealed any
	expect_clean
}
