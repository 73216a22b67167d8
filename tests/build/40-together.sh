# SPDX-License-Identifier: Apache-2.0
what='guarded builds at once, and plain ones beside them'
tests='different same shared_steps plain_beside plain_used one_fails uses_another'
quick='same plain_beside plain_used'

numbered_file() {
	write_file <<-END
		FROM localhost/base
		RUN echo shared >/shared && sleep 0.3
		RUN echo $1 >/one && sleep 0.3
		FROM localhost/app
		COPY --from=0 /one /three
		RUN echo $1 >/four
	END
}
# Each in the background, what it says in $WORK/tmp/at-once.N.
at_once() {
	number=$1
	shift
	guarded_build "$@" >"$WORK/tmp/at-once.$number.out" 2>"$WORK/tmp/at-once.$number" &
	pids="$pids $!"
}
all_seal() {
	for pid in $pids; do
		wait "$pid" || bad=yes
	done
	[ -z "$bad" ] || { tail -n 30 "$WORK"/tmp/at-once.* && fail 'one of them failed'; }
	for number in 1 2 3 4; do
		expect_grep '^layerseal: sealed' "$WORK/tmp/at-once.$number"
	done
	expect_clean
}
different() {
	pids='' bad=''
	for n in 1 2 3 4; do
		numbered_file $n
		at_once $n --no-cache -t "localhost/at-once-$n" -f "$FILE" "$WORK/ctx"
	done
	all_seal
	for n in 1 2 3 4; do
		expect_grep ' [1-9][0-9]* layers, .* 1 name;' "$WORK/tmp/at-once.$n"
		has_name "localhost/at-once-$n"
	done
}
same() {
	pids='' bad=''
	numbered_file 1
	for n in 1 2 3 4; do
		at_once $n -t "localhost/at-once-$n" -f "$FILE" "$WORK/ctx"
	done
	all_seal
}
shared_steps() {
	pids='' bad=''
	for n in 1 2 3 4; do
		numbered_file $n
		at_once $n -t "localhost/at-once-$n" -f "$FILE" "$WORK/ctx"
		sleep 0.4
	done
	all_seal
}
# A plain build that begins and ends while a guarded one runs: not sealed, and no reason to stop.
plain_beside() {
	race_file
	in_background guarded_build -v "$WORK/sync:/sync" -t localhost/guarded -f "$FILE" "$WORK/ctx"
	await one
	write_file <<-END
		FROM localhost/base
		RUN echo plain >/plain
	END
	build -t localhost/plain -f "$FILE" "$WORK/ctx"
	tell two
	tell four
	background_ends
	[ "$status" -eq 0 ] || { cat "$BACK.err" && fail "the guarded build ended with $status"; }
	expect_exit 1 verify stat
	expect_finding image-unsealed
	expect_findings_only image-unsealed layer-unsealed name-unsealed
	plain=$(image_id localhost/plain)
	guarded=$(image_id localhost/guarded)
	jq -e --arg id "$plain" '[.findings[] | select(.image == $id)] | length > 0' "$OUT"
	jq -e --arg id "$guarded" '[.findings[] | select(.image == $id)] | length == 0' "$OUT"
	podman rmi localhost/plain
	expect_clean
}
# ... whose image is a cache hit of the guarded one.
plain_used() {
	write_file <<-END
		FROM localhost/base
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done
		RUN echo last >/last
	END
	slow=$FILE
	in_background guarded_build -v "$WORK/sync:/sync" -t localhost/victim -f "$slow" "$WORK/ctx"
	await one
	mkdir "$WORK/other"
	touch "$WORK/other/two"
	give "$WORK/other"
	build -v "$WORK/other:/sync" -t localhost/plain -f "$slow" "$WORK/ctx"
	rm -r "$WORK/other"
	tell two
	background_ends
	# The last step is the plain build's.
	expect_grep 'Using cache' "$BACK.out"
	[ "$status" -eq 1 ]
	expect_grep 'build-input' "$BACK.err"
	! has_name localhost/victim
}
one_fails() {
	pids='' bad=''
	write_file <<-END
		FROM localhost/base
		RUN sleep 0.5; exit 3
	END
	guarded_build -t localhost/fails -f "$FILE" "$WORK/ctx" >/dev/null 2>&1 &
	failing=$!
	for n in 1 2 3 4; do
		numbered_file $n
		at_once $n -t "localhost/at-once-$n" -f "$FILE" "$WORK/ctx"
	done
	! wait $failing
	all_seal
}
# It uses, from the cache, a step of a guarded build that has not ended, and waits for it.
uses_another() {
	write_file <<-END
		FROM localhost/base
		RUN echo step >/step
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done
	END
	in_background guarded_build -v "$WORK/sync:/sync" -t localhost/slow -f "$FILE" "$WORK/ctx"
	await one
	write_file <<-END
		FROM localhost/base
		RUN echo step >/step
		RUN echo quick >/quick
	END
	guarded_build -t localhost/quick -f "$FILE" "$WORK/ctx" >"$WORK/tmp/quick.out" 2>"$WORK/tmp/quick" &
	quick_pid=$!
	sleep 3
	tell two
	background_ends
	[ "$status" -eq 0 ]
	wait $quick_pid || { cat "$WORK/tmp/quick" && fail 'the second was refused'; }
	expect_grep 'Using cache' "$WORK/tmp/quick.out"
	expect_clean
}
