#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 30-anchor.t: an older ledger put back with its store, and what happens to the anchors that tell.
. "$(dirname "$0")/lib.sh"

PLACE=$WORK/place
HEADS=$PLACE/heads
CONF=$WORK/layerseal.conf
INDEX=0x01500020

clean_up_anchors() {
	[ ! -s "$WORK/tpm.pid" ] || kill "$(cat "$WORK/tpm.pid")" 2>/dev/null
	chattr -a "$HEADS" 2>/dev/null
	clean_up
}
trap clean_up_anchors EXIT

anchored() {
	"$LAYERSEAL" --config "$CONF" --ledger "$L" --trust "$L.trust" --root "$G" "$@"
}

anchored_init() {
	anchored --runroot "$R" --storage-driver overlay init
}

# Without the pin that is always there: it would answer for the others.
configure() {
	printf '[anchor]\npin = no\n%s\n' "$1" >"$CONF"
}

without_pin() {
	printf '[anchor]\npin = no\n' >"$WORK/without.conf"
	guard --config "$WORK/without.conf" "$@"
}

anchor_test() {
	chattr -a "$HEADS" 2>/dev/null
	rm -rf "$PLACE" "$WORK/away" "$WORK/old"
	mkdir -p "$PLACE"
	cli_test "$@"
}

# A sealed store with a file anchor.
with_file() {
	configure "file = $HEADS"
	anchored_init >/dev/null
	anchored seal --all --quiet
}

# What an attacker keeps, and puts back: the whole ledger and the whole store.
keep() {
	mkdir -p "$WORK/old"
	cp -a "$G" "$L" "$WORK/old"
}

put_back() {
	umount -R "$G/overlay" 2>/dev/null || true
	rm -rf "$G" "$L"
	cp -a "$WORK/old/." "$WORK/now"
}

one_more_seal() {
	store_podman tag localhost/tiny "localhost/more:$1"
	umount -R "$G/overlay" 2>/dev/null || true
	anchored seal --all --quiet
}

lines() {
	grep -c . "$HEADS"
}

# ---- the pin, which nobody asked for ----

pinned() {
	sealed_store
	expect_exit 0 guard status
	expect_grep "anchor .*pin:$L.trust+head agrees" "$OUT"
	keep
	store_podman tag localhost/tiny localhost/more:1
	umount -R "$G/overlay" 2>/dev/null || true
	guard seal --all --quiet
	put_back
	expect_exit 3 guard verify
	expect_grep 'an older ledger was put in place' "$ERR"
	expect_exit 3 guard seal --all
	expect_exit 3 guard ledger check
	expect_exit 0 without_pin verify
	# Whoever vouches for it says so.
	expect_exit 0 guard ledger anchor --reset
	expect_exit 0 guard verify
}
anchor_test 'pin: an older ledger put back is noticed without any setting' pinned

pin_odd() {
	sealed_store
	rm "$L.trust+head"
	expect_exit 0 guard verify
	[ -s "$L.trust+head" ]
	cp "$L.trust+head" "$WORK/now/head"
	: >"$L.trust+head"
	expect_exit 0 guard verify
	cmp "$WORK/now/head" "$L.trust+head"
	sed -i 's/^[0-9]*$/99/' "$L.trust+head"
	expect_exit 3 guard verify
	expect_grep 'ledger anchor --reset' "$ERR"
	cp "$WORK/now/head" "$L.trust+head"
	chmod 666 "$L.trust+head"
	expect_exit 3 guard verify
	expect_grep 'writable by' "$ERR"
	rm "$L.trust+head"
	ln -s /etc/passwd "$L.trust+head"
	expect_exit 3 guard verify
	rm "$L.trust+head"
	mkdir "$L.trust+head"
	expect_exit 3 guard verify
	rmdir "$L.trust+head"
	expect_exit 0 guard verify
	# Where it cannot be written it stays behind, and nothing else.
	if chattr +i "$L.trust+head" 2>/dev/null; then
		store_podman tag localhost/tiny localhost/more:1
		umount -R "$G/overlay" 2>/dev/null || true
		status=0
		guard seal --all --quiet || status=$?
		guard ledger anchor --json >"$OUT" || status=$?
		chattr -i "$L.trust+head"
		[ $status = 0 ]
		jq -e '.anchors[0].state == "behind"' "$OUT"
		expect_exit 0 guard verify
		guard ledger anchor --json | jq -e '.anchors[0].state == "agrees"'
	fi
	# Another ledger of the same place begins with a pin of its own.
	rm -rf "$L" "$L.trust"
	sealed_store
	expect_exit 0 guard verify
}
anchor_test 'pin: missing, empty, damaged, of others' pin_odd

# ---- a file ----

rolled_back() {
	with_file
	keep
	one_more_seal a
	one_more_seal b
	anchored verify --quiet
	put_back
	expect_exit 3 anchored verify
	expect_grep 'rolled-back\|it remembers .* entries, told at 2.*, but the ledger has' "$ERR"
	expect_exit 3 anchored verify --json
	jq -e '.verdict == "unverifiable" and (.error | contains("remembers"))' "$OUT"
	for command in 'seal --all' status log 'ledger anchor'; do
		# shellcheck disable=SC2086 # words
		expect_exit 3 anchored $command
	done
	# Without the anchor nothing would tell.
	expect_exit 0 without_pin verify
	expect_exit 3 anchored verify
}
anchor_test 'a ledger put back with its store is exit 3; without an anchor it is clean' rolled_back

forked() {
	with_file
	keep
	one_more_seal a
	put_back
	# The owner, who was made to believe it, seals on.
	guard seal --all --quiet
	store_podman tag localhost/tiny localhost/other:1
	store_podman tag localhost/tiny localhost/other:2
	umount -R "$G/overlay" 2>/dev/null || true
	guard seal --all --quiet
	guard verify --quiet
	expect_exit 3 anchored verify
	expect_grep 'the ledger was forked' "$ERR"
}
anchor_test 'a ledger that went another way is exit 3' forked

made_by_init() {
	with_file
	[ "$(lines)" = 3 ]
	[ "$(stat -c %a "$HEADS")" = 644 ]
	expect_exit 0 anchored ledger anchor
	expect_grep "file:$HEADS agrees, .* entries" "$OUT"
	expect_exit 0 anchored ledger anchor --json
	jq -e '.schema == "layerseal.anchor/1" and .unreachable == "strict"
		and .anchors[0].state == "agrees" and .anchors[0].size == .ledger_size' "$OUT"
	expect_exit 0 anchored status
	expect_grep "anchor .*file:$HEADS agrees" "$OUT"
	anchored status --json | jq -e '.anchors[0].state == "agrees"'
	expect_exit 0 anchored verify --quiet
	[ ! -s "$OUT" ] && [ ! -s "$ERR" ]
}
anchor_test 'init makes the file, seal adds to it, status and ledger anchor show it' made_by_init

init_goes_on() {
	mv "$PLACE" "$WORK/away"
	configure "file = $HEADS"
	expect_exit 3 anchored_init
	expect_grep 'cannot be reached: its directory' "$ERR"
	mv "$WORK/away" "$PLACE"
	expect_exit 0 anchored_init
	anchored seal --all --quiet
	expect_exit 0 anchored verify
}
anchor_test 'init goes on when the place of the anchor is there' init_goes_on

rotated() {
	with_file
	keep
	expect_exit 0 anchored key rotate
	expect_exit 0 anchored verify
	one_more_seal a
	expect_exit 0 anchored verify
	anchored ledger anchor --json | jq -e '.anchors[0].size == .ledger_size'
	put_back
	expect_exit 3 anchored verify
}
anchor_test 'the file goes on with a key that was rotated' rotated

append_only() {
	with_file
	lsattr "$HEADS" | grep -q '^-*a' || return 0
	expect_grep 'append-only' "$(anchored status >"$OUT" && echo "$OUT")"
	for command in "rm -f $HEADS" "truncate -s 0 $HEADS" "mv $HEADS $PLACE/x" "dd of=$HEADS conv=notrunc"; do
		# shellcheck disable=SC2086 # words
		! echo x | $command 2>/dev/null
	done
	expect_exit 0 anchored verify
	expect_exit 0 anchored ledger anchor --reset
	[ "$(lines)" = 1 ]
	lsattr "$HEADS" | grep -q '^-*a'
}
anchor_test 'the file is append-only where that is possible' append_only

file_gone() {
	with_file
	chattr -a "$HEADS" || true
	rm "$HEADS"
	expect_exit 3 anchored verify
	expect_grep 'it does not exist, but its directory does' "$ERR"
	configure "file = $HEADS
unreachable = off"
	expect_exit 3 anchored verify
	expect_exit 3 anchored seal --all
	expect_exit 3 anchored_init
	[ ! -e "$HEADS" ]
	expect_exit 0 anchored ledger anchor --create
	expect_exit 0 anchored verify
	expect_exit 1 anchored ledger anchor --create
	expect_grep 'every anchor of the configuration exists already' "$ERR"
}
anchor_test 'a file that is gone is never made by the way' file_gone

tampered() {
	with_file
	chattr -a "$HEADS" || true
	cp "$HEADS" "$WORK/heads"
	: >"$HEADS"
	expect_exit 3 anchored verify
	expect_grep 'it is empty' "$ERR"
	head -c 100 "$WORK/heads" >"$HEADS"
	expect_exit 3 anchored verify
	head -c 5000 /dev/urandom >"$HEADS"
	expect_exit 3 anchored verify
	rm "$HEADS"
	ln -s "$WORK/heads" "$HEADS"
	expect_exit 3 anchored verify
	expect_grep 'not a regular file' "$ERR"
	rm "$HEADS"
	cp "$WORK/heads" "$HEADS"
	chmod 666 "$HEADS"
	expect_exit 3 anchored verify
	chmod 644 "$HEADS"
	expect_exit 0 anchored verify
	# Who can only append: garbage, half a line, and what was true once.
	head -n 1 "$WORK/heads" >>"$HEADS"
	head -c 3000 /dev/urandom >>"$HEADS"
	expect_exit 0 anchored verify
	one_more_seal a
	expect_exit 0 anchored verify
	anchored ledger anchor --json | jq -e '.anchors[0].size == .ledger_size'
}
anchor_test 'a file that was tampered with is exit 3, and what is only added is no matter' tampered

other_ledger() {
	with_file
	L2=$WORK/now/ledger2
	expect_exit 3 "$LAYERSEAL" --config "$CONF" --ledger "$L2" --trust "$L2.trust" --root "$G" \
		--runroot "$R" --storage-driver overlay init
	expect_grep 'it belongs to ledger layerseal/' "$ERR"
	expect_exit 0 anchored verify
	expect_exit 1 "$LAYERSEAL" --config "$CONF" --ledger "$L2" --trust "$L2.trust" ledger anchor --reset
	expect_exit 0 anchored verify
}
anchor_test 'the file of another ledger is refused, and left alone' other_ledger

# Between the append and the anchors locks are taken: the first of them after which the ledger has grown.
kill_after_append() {
	had=$(anchored ledger anchor --json | jq .ledger_size)
	for call in 1 2 3 4 5 6; do
		expect_killed strace -qq -o "$WORK/strace" -e trace=flock -e "inject=flock:signal=KILL:when=$call" \
			"$LAYERSEAL" --config "$CONF" --ledger "$L" --trust "$L.trust" --root "$G" seal --all --quiet
		[ "$(anchored ledger anchor --json | jq .ledger_size)" = "$had" ] || return 0
	done
	return 1
}

crash_before_anchoring() {
	with_file
	store_podman tag localhost/tiny localhost/more:1
	umount -R "$G/overlay" 2>/dev/null || true
	before=$(lines)
	size=$(anchored status --json | jq .ledger_size)
	kill_after_append
	[ "$(lines)" = "$before" ]
	expect_exit 0 anchored ledger anchor --json
	jq -e --argjson size "$size" '.ledger_size > $size and .anchors[0].state == "behind"' "$OUT"
	[ "$(lines)" = "$before" ]
	expect_exit 0 anchored verify
	[ "$(lines)" = $((before + 1)) ]
	anchored ledger anchor --json | jq -e '.anchors[0].size == .ledger_size'
}
expect_killed() {
	status=0
	"$@" >"$OUT" 2>"$ERR" || status=$?
	[ "$status" = 137 ]
}
anchor_test 'a crash between append and anchor heals' crash_before_anchoring

unreachable() {
	with_file
	store_podman tag localhost/tiny localhost/more:1
	umount -R "$G/overlay" 2>/dev/null || true
	size=$(anchored status --json | jq .ledger_size)
	chattr -a "$HEADS" || true
	mv "$PLACE" "$WORK/away"
	expect_exit 3 anchored verify
	expect_grep 'cannot be reached' "$ERR"
	expect_exit 3 anchored seal --all
	[ "$(guard status --json | jq .ledger_size)" = "$size" ]
	configure "file = $HEADS
unreachable = grace 1h"
	expect_exit 0 anchored status
	expect_grep 'warning: anchor file:.* is unreachable' "$ERR"
	expect_grep 'unreachable' "$OUT"
	sleep 2
	configure "file = $HEADS
unreachable = grace 1s"
	expect_exit 3 anchored verify
	expect_grep 'the grace period does not reach' "$ERR"
	configure "file = $HEADS
unreachable = off"
	expect_exit 0 anchored seal --all
	expect_exit 0 anchored verify
	mv "$WORK/away" "$PLACE"
	configure "file = $HEADS"
	expect_exit 0 anchored verify
	anchored ledger anchor --json | jq -e '.anchors[0].size == .ledger_size'
}
anchor_test 'out of reach: strict, grace and off' unreachable

begun_later() {
	sealed_store
	configure "file = $HEADS"
	expect_exit 3 anchored verify
	expect_exit 0 anchored ledger anchor --create
	expect_exit 0 anchored verify
	keep
	one_more_seal a
	put_back
	expect_exit 3 anchored verify
	expect_exit 1 anchored ledger anchor --create
	expect_exit 0 anchored ledger anchor --reset
	expect_exit 0 anchored verify
}
anchor_test 'an anchor can be added to a ledger, and begun anew by who vouches for it' begun_later

bad_settings() {
	for setting in 'file = heads' 'tpm = 7' 'unreachable = maybe' 'witness = x'; do
		configure "$setting"
		expect_exit 2 anchored verify
		expect_grep 'line 3' "$ERR"
	done
	sealed_store
	configure "file = $L/heads"
	expect_exit 1 anchored ledger anchor --create
	expect_grep "in the ledger's directory" "$ERR"
}
anchor_test 'bad settings are usage errors' bad_settings

# ---- a TPM ----

if "$LAYERSEAL" version | grep -q 'anchors file, tpm$'; then
	start_tpm() {
		mkdir -p "$WORK/tpm"
		for try in 0 1 2 3 4 5 6 7 8 9; do
			port=$((22000 + ($$ * 2 + try * 514) % 40000))
			swtpm socket --tpm2 --tpmstate "dir=$WORK/tpm" --flags not-need-init,startup-clear \
				--ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" \
				--server "type=tcp,port=$port,bindaddr=127.0.0.1" \
				--daemon --pid "file=$WORK/tpm.pid" && break
		done
		TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=$port
		export TPM2TOOLS_TCTI
		for try in 0 1 2 3 4 5 6 7 8 9; do
			! tpm2_getcap properties-fixed >/dev/null 2>&1 || return 0
			sleep 0.1
		done
	}

	stop_tpm() {
		kill "$(cat "$WORK/tpm.pid")"
		while kill -0 "$(cat "$WORK/tpm.pid")" 2>/dev/null; do
			sleep 0.02
		done
		rm -f "$WORK/tpm.pid"
	}

	configure_tpm() {
		configure "tpm = $INDEX
tcti = $TPM2TOOLS_TCTI"
	}

	with_tpm() {
		tpm2_nvundefine $INDEX -C o >/dev/null 2>&1 || true
		configure_tpm
		anchored_init >/dev/null
		anchored seal --all --quiet
	}

	counter() {
		anchored ledger anchor --json | jq '.anchors[0].counter'
	}

	tpm_counts() {
		with_tpm
		expect_exit 0 anchored verify
		first=$(counter)
		one_more_seal a
		one_more_seal b
		[ "$(counter)" = $((first + 2)) ]
		expect_exit 0 anchored verify
		[ "$(counter)" = $((first + 2)) ]
		expect_exit 0 anchored log
		expect_grep "anchor .*tpm:$INDEX" "$OUT"
		expect_exit 0 anchored status
		expect_grep "anchor .*tpm:$INDEX agrees, counter $((first + 2))" "$OUT"
	}

	tpm_rolled_back() {
		with_tpm
		keep
		one_more_seal a
		put_back
		expect_exit 3 anchored verify
		expect_grep 'an older ledger was put in place' "$ERR"
		expect_exit 3 anchored seal --all
		expect_exit 0 without_pin verify
	}

	tpm_before_it_was_configured() {
		sealed_store
		keep
		tpm2_nvundefine $INDEX -C o >/dev/null 2>&1 || true
		configure_tpm
		expect_exit 3 anchored verify
		expect_exit 0 anchored ledger anchor --create
		expect_exit 0 anchored verify
		put_back
		expect_exit 3 anchored verify
		expect_grep 'no entry of the ledger counts with it' "$ERR"
		expect_exit 1 anchored ledger anchor --create
		expect_exit 0 anchored ledger anchor --reset
		expect_exit 0 anchored verify
	}

	tpm_crash() {
		with_tpm
		store_podman tag localhost/tiny localhost/more:1
		umount -R "$G/overlay" 2>/dev/null || true
		before=$(counter)
		kill_after_append
		expect_exit 0 anchored ledger anchor --json
		jq -e '.anchors[0].state == "behind"' "$OUT"
		[ "$(counter)" = "$before" ]
		expect_exit 0 anchored verify
		[ "$(counter)" = $((before + 1)) ]
		one_more_seal b
		expect_exit 0 anchored verify
	}

	tpm_redefined() {
		with_tpm
		tpm2_nvundefine $INDEX -C o >/dev/null
		expect_exit 3 anchored verify
		expect_grep 'no such NV index' "$ERR"
		tpm2_nvdefine $INDEX -C o -s 8 -a 'ownerread|authread|authwrite|nt=counter|no_da' >/dev/null
		expect_exit 3 anchored verify
		tpm2_nvincrement $INDEX -C $INDEX
		expect_exit 3 anchored verify
	}

	tpm_gone() {
		with_tpm
		stop_tpm
		expect_exit 3 anchored verify
		expect_grep 'cannot be reached' "$ERR"
		expect_exit 3 anchored seal --all
		echo 'unreachable = off' >>"$CONF"
		expect_exit 0 anchored verify
		one_more_seal a
		start_tpm
		configure_tpm
		expect_exit 0 anchored verify
	}

	# One of the two may find that the other was first; then it tries again, as a service would.
	seal_until_done() {
		for try in 0 1 2 3 4 5 6 7 8 9; do
			anchored seal --quiet "$1" 2>>"$WORK/racing" && return 0
			grep -q 'somebody else wrote' "$WORK/racing" || return 1
		done
		return 1
	}

	tpm_racing() {
		with_tpm
		for i in 1 2 3; do
			store_podman tag localhost/tiny "localhost/a:$i"
			store_podman tag localhost/tiny-base "localhost/b:$i"
			umount -R "$G/overlay" 2>/dev/null || true
			: >"$WORK/racing"
			seal_until_done "localhost/a:$i" &
			one=$!
			seal_until_done "localhost/b:$i"
			wait $one
			expect_exit 0 anchored verify
			anchored ledger anchor --json | jq -e '.anchors[0].state == "agrees"'
		done
	}

	# What retires a key must stay the last entry of its batch.
	tpm_and_a_new_key() {
		with_tpm
		first=$(counter)
		expect_exit 0 anchored key rotate --reason 'every year'
		[ "$(counter)" = $((first + 1)) ]
		expect_exit 0 anchored verify
		one_more_seal a
		expect_exit 0 anchored verify
		[ "$(counter)" = $((first + 2)) ]
	}

	both() {
		tpm2_nvundefine $INDEX -C o >/dev/null 2>&1 || true
		configure "file = $HEADS
tpm = $INDEX
tcti = $TPM2TOOLS_TCTI"
		anchored_init >/dev/null
		anchored seal --all --quiet
		expect_exit 0 anchored verify
		# The head that the file knows is one with the counter in it.
		anchored ledger anchor --json |
			jq -e '.ledger_size as $n | [.anchors[].state] == ["agrees", "agrees"] and .anchors[0].size == $n'
	}

	start_tpm
	anchor_test 'tpm: every batch counts once' tpm_counts
	anchor_test 'tpm: a ledger put back with its store is exit 3' tpm_rolled_back
	anchor_test 'tpm: so is one from before the TPM was configured' tpm_before_it_was_configured
	anchor_test 'tpm: a crash between append and counting heals' tpm_crash
	anchor_test 'tpm: an index that was removed and made again is exit 3' tpm_redefined
	anchor_test 'tpm: out of reach' tpm_gone
	anchor_test 'tpm: two sealers at once' tpm_racing
	anchor_test 'tpm: and a key that is rotated' tpm_and_a_new_key
	anchor_test 'tpm: and a file' both
else
	without_tpm() {
		configure "tpm = $INDEX"
		expect_exit 3 anchored_init
		expect_grep 'built without TPM support' "$ERR"
		[ ! -e "$L" ]
	}
	anchor_test 'tpm: a build without says so' without_tpm
fi

done_testing
