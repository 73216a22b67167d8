#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 85-watcher.t: who asks a watcher, what for, and when it is not believed. The watcher here says what it is told to;
# tests/watch has real ones.
# shellcheck disable=SC2317 # functions are called through cli_test
. "$(dirname "$0")/lib.sh"
: "${FAKE_WATCHER:=$HERE/../../build/release/cli/fake_watcher}"

S=$WORK/run/watch.sock
export LAYERSEAL_CONFIG="$WORK/layerseal.conf"
printf '[watch]\nsocket = %s\n' "$S" >"$LAYERSEAL_CONFIG"

# watcher_says ANSWER: for this test; what it is asked goes to $WORK/asked.
watcher_says() {
	"$FAKE_WATCHER" "$S" "$1" "$L" "$L.trust" "$G" "$R" >"$WORK/asked" 2>&1 &
	watcher=$!
	trap 'kill "$watcher" 2>/dev/null || :; rm -f "$S"' EXIT
	tries=0
	until [ -S "$S" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "no watcher: $(cat "$WORK/asked")"
		sleep 0.05
	done
}

poison() {
	layer=$(jq -r '.[] | select(.parent != null).id' "$G/overlay-layers/layers.json")
	echo evil >"$G/overlay/$layer/diff/etc/motd"
}
asked() { expect_grep "$1" "$WORK/asked"; }
not_asked() { [ ! -s "$WORK/asked" ] || fail "it was asked: $(cat "$WORK/asked")"; }
check() {
	guard hook check -- podman --root "$G" --runroot "$R" --storage-driver overlay "$@" build -t x .
}

nobody() {
	sealed_store
	expect_exit 0 guard verify --json
	jq -e '.watcher == null and .by_statprint + .measured > 0' "$OUT" >/dev/null || fail "$(cat "$OUT")"
	expect_exit 0 check
	[ ! -s "$ERR" ] || fail "$(cat "$ERR")"
}
cli_test 'without a watcher nothing is said of it' nobody

clean() {
	sealed_store
	watcher_says clean
	poison
	# Neither ledger nor store is opened.
	mv "$L/db" "$L/away"
	mv "$G/overlay-layers" "$G/away"
	expect_exit 0 guard verify
	asked '^known'
	expect_grep '^clean: store' "$OUT"
	expect_grep '^42 layers, 7 images, by the watcher (fanotify), last whole pass 3 min ago, 0\.' "$OUT"
	expect_exit 0 guard verify --quiet
	[ ! -s "$OUT" ] || fail "$(cat "$OUT")"
	expect_exit 0 guard verify --json
	jq -e --arg g "$G" '.schema == "layerseal.verify/1" and .verdict == "clean" and .level == "stat" and .graphroot == $g
		and .layers == 42 and .ledger_size == 99 and .findings == [] and .watcher.answered
		and .watcher.source == "fanotify" and .watcher.last_pass > 0' "$OUT" >/dev/null || fail "$(cat "$OUT")"
}
cli_test 'verify believes the watcher, and looks at nothing' clean

without_root() {
	sealed_store
	watcher_says clean
	expect_exit 0 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify
	expect_grep "^clean: store $G" "$OUT"
	expect_grep 'by the watcher' "$OUT"
}
cli_test 'verify without --root means the only store' without_root

violated() {
	sealed_store
	watcher_says violated
	expect_exit 1 guard verify
	expect_grep 'tree-content' "$OUT"
	expect_grep 'path: *.etc.\\x1b\[31mmotd' "$OUT"
	expect_grep '^violated: store' "$OUT"
	expect_exit 1 guard verify --json
	expect_finding tree-content
	# The hook looks for itself.
	expect_exit 0 check
	asked '^known'
}
cli_test 'a violated store: verify reports it, the hook looks' violated

not_for_it() {
	sealed_store
	watcher_says clean
	poison
	for arguments in --no-watcher '--level full' '--level oci' --heal 'localhost/tiny' '--attest /dev/null/x'; do
		# shellcheck disable=SC2086 # a list of arguments
		guard verify $arguments >"$OUT" 2>"$ERR" && fail "clean with $arguments"
		not_asked
	done
	for option in "--runroot $R" '--storage-driver overlay'; do
		# shellcheck disable=SC2086
		expect_exit 1 guard $option verify
		not_asked
	done
	printf '[watch]\nsocket = %s\n[verify]\nlevel = full\n' "$S" >"$WORK/full.conf"
	expect_exit 1 guard --config "$WORK/full.conf" verify
	LAYERSEAL_CONFIG=$WORK/full.conf expect_exit 1 check
	printf '[watch]\nsocket = none\n' >"$WORK/none.conf"
	expect_exit 1 guard --config "$WORK/none.conf" verify
	LAYERSEAL_CONFIG=$WORK/none.conf expect_exit 1 check
	not_asked
}
cli_test 'what a watcher cannot stand for' not_for_it

no_answer() {
	sealed_store
	watcher_says "$1"
	expect_exit 0 guard verify
	expect_grep 'no verdict of the watcher' "$ERR"
	expect_grep 'level stat' "$OUT"
	expect_exit 0 guard verify --quiet
	[ ! -s "$ERR" ] || fail "$(cat "$ERR")"
	poison
	expect_exit 1 guard verify --json
	jq -e '.watcher.answered == false and (.watcher.why | length > 0)' "$OUT" >/dev/null || fail "$(cat "$OUT")"
	expect_finding tree-content /etc/motd
	expect_exit 1 check
	expect_grep 'was not run' "$ERR"
}
unknown() { no_answer unknown; }
mute() { no_answer mute; }
cli_test 'it cannot say: they look for themselves' unknown
cli_test 'it does not answer: they look for themselves' mute

dead() {
	sealed_store
	watcher_says clean
	poison
	kill -9 "$watcher"
	wait "$watcher" 2>/dev/null || :
	[ -S "$S" ] || fail 'no socket is left'
	expect_exit 1 guard verify
	expect_exit 1 check
}
cli_test 'it died: they look for themselves' dead

# Whatever is not the same on both sides is none of its business.
another() {
	sealed_store
	watcher_says clean
	poison
	printf '[watch]\nsocket = %s\n[findings]\nlayer-unsealed = warn\n' "$S" >"$WORK/other.conf"
	expect_exit 1 guard --config "$WORK/other.conf" verify
	asked '^other: the watcher goes by another configuration'
	printf '[watch]\nsocket = %s\n[gate]\nwhiteout-files = yes\n' "$S" >"$WORK/other.conf"
	expect_exit 1 guard --config "$WORK/other.conf" verify
	asked '^other: the watcher goes by another configuration'
	cp -a "$L.trust" "$WORK/other.trust"
	expect_exit 1 "$LAYERSEAL" --ledger "$L" --trust "$WORK/other.trust" verify
	asked 'trust file'
	cp -a "$L" "$WORK/now/copy"
	expect_exit 1 "$LAYERSEAL" --ledger "$WORK/now/copy" --trust "$L.trust" verify
	asked '^other: another ledger'
	# The same name, and not the same ledger.
	mv "$L" "$L.away"
	mv "$WORK/now/copy" "$L"
	: >"$WORK/asked"
	expect_exit 1 guard verify
	asked '^other: another ledger'
	expect_exit 2 guard --user nobody verify
	asked '^other: another ledger'
}
cli_test 'another policy, trust file or ledger' another

options() {
	sealed_store
	watcher_says clean
	poison
	expect_exit 0 check
	asked '^known'
	expect_exit 3 guard hook check -- podman --root "$G" --runroot "$WORK/now/r2" --storage-driver overlay build .
	asked '^other: the command uses the store with other options'
	expect_exit 3 guard hook check -- podman --root "$G" --runroot "$R" --storage-driver vfs build .
	expect_exit 3 check --storage-opt additionalimagestore="$WORK"
	mkdir -p "$WORK/tmp"
	: >"$WORK/asked"
	TMPDIR=$WORK/tmp expect_exit 1 check
	asked '^unknown: cache mounts'
	# shellcheck disable=SC2016 # a pattern
	grep -c '^known' "$WORK/asked" && fail 'it was believed'
	ln -s /var/tmp "$WORK/link"
	TMPDIR=$WORK/link expect_exit 0 check
}
cli_test 'a build with other options than the store has' options

# Who puts a socket where others can write, or runs as somebody else, is not believed.
suspects() {
	sealed_store
	watcher_says clean
	poison
	chmod 777 "$WORK/run"
	expect_exit 1 guard verify
	expect_grep 'writable by group or others' "$ERR"
	expect_exit 1 check
	expect_grep 'writable by group or others' "$ERR"
	expect_exit 1 guard verify --quiet
	expect_grep 'writable by group or others' "$ERR"
	chmod 755 "$WORK/run"
	chown 12345 "$S"
	expect_exit 1 guard verify
	expect_grep 'the socket is uid 12345' "$ERR"
	chown 0 "$S"
	expect_exit 0 guard verify
	not_asked && fail 'it was not asked in the end'
	return 0
}
if [ "$(id -u)" -eq 0 ]; then
	cli_test 'sockets that are not to be believed' suspects
else
	skip 'sockets that are not to be believed' 'needs root'
fi

done_testing
