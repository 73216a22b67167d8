#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 20-bad-input.t: wrong words, broken stores, broken ledgers: the right status, a message that names
# the object, nothing lost.
. "$(dirname "$0")/lib.sh"

usage_errors() {
	expect_exit 2 "$LAYERSEAL"
	expect_exit 2 "$LAYERSEAL" frobnicate
	expect_grep "no verb 'frobnicate'" "$ERR"
	expect_exit 2 "$LAYERSEAL" --bogus verify
	expect_exit 2 "$LAYERSEAL" --ledger
	expect_exit 2 guard verify --level deep
	expect_exit 2 guard verify --bogus
	expect_exit 2 guard log extra
	expect_exit 2 guard log -n 0
	expect_exit 2 guard seal --all tiny
	init_store >/dev/null
	expect_exit 2 guard verify no-such-image
	expect_grep "no image 'no-such-image'" "$ERR"
	expect_exit 2 guard seal no-such-image
	expect_exit 2 guard --storage-driver vfs verify
}
cli_test 'usage errors are status 2' usage_errors

bad_config() {
	sealed_store
	printf '[findings]\ntree-unreadable = ignore\n' >"$WORK/conf"
	expect_exit 2 guard --config "$WORK/conf" verify
	expect_grep 'line 2' "$ERR"
	expect_exit 2 guard --config "$WORK/none" verify
	printf '[verify]\nlevel = stat\n' >"$WORK/conf"
	chmod 666 "$WORK/conf"
	expect_exit 2 guard --config "$WORK/conf" verify
	expect_grep 'writable by group or others' "$ERR"
	chmod 644 "$WORK/conf"
	expect_exit 0 guard --config "$WORK/conf" verify
	expect_exit 0 env LAYERSEAL_CONFIG="$WORK/conf" "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify
}
cli_test 'a configuration that is wrong or not ours is refused' bad_config

policy_decides() {
	init_store >/dev/null
	printf '[findings]\nlayer-unsealed = warn\nimage-unsealed = ignore\n' >"$WORK/conf"
	expect_exit 0 guard --config "$WORK/conf" verify
	expect_grep 'warn layer-unsealed' "$OUT"
	if grep -q image-unsealed "$OUT"; then fail "an ignored class"; fi
}
cli_test 'the policy decides what is denied' policy_decides

no_ledger() {
	expect_exit 3 guard verify
	expect_grep 'no ledger at .*run layerseal init' "$ERR"
	expect_exit 3 guard verify --json
	jq -e '.verdict == "unverifiable" and (.error | length) > 0' "$OUT"
	[ ! -e "$L" ]
	mkdir -m 700 "$L"
	echo mine >"$L/notes"
	expect_exit 1 init_store
	expect_grep 'holds notes' "$ERR"
	[ "$(cat "$L/notes")" = mine ]
}
cli_test 'a missing ledger is unverifiable, a foreign directory is left alone' no_ledger

ledger_not_ours() {
	sealed_store
	chmod 750 "$L"
	expect_exit 3 guard verify
	chmod 700 "$L"
	for file in db/data.mdb key statprint.key; do
		chmod 640 "$L/$file"
		expect_exit 3 guard verify
		expect_grep "$file" "$ERR"
		chmod 600 "$L/$file"
	done
	chown 12345 "$L/db/data.mdb"
	expect_exit 3 guard verify
	chown 0 "$L/db/data.mdb"
	expect_exit 0 guard verify
}
cli_test 'a ledger that others could write is not believed' ledger_not_ours

ledger_damaged() {
	sealed_store
	cp -a "$L" "$L.kept"
	for size in 0 100 4096 8192 20000; do
		truncate -s $size "$L/db/data.mdb"
		expect_exit 3 guard verify
		rm -rf "$L" && cp -a "$L.kept" "$L"
	done
	truncate -s 10T "$L/db/data.mdb"
	expect_exit 3 guard verify
	expect_grep damaged "$ERR"
	head -c 65536 /dev/urandom >"$L/db/data.mdb"
	expect_exit 3 guard verify
	rm "$L/db/data.mdb"
	expect_exit 3 guard verify
	rm -rf "$L" && mv "$L.kept" "$L"
	expect_exit 0 guard verify
}
cli_test 'a damaged ledger is unverifiable' ledger_damaged

# The whole ledger of somebody else, with his key, over a store that he changed: he can write all of it
# but the trust file.
ledger_forged() {
	sealed_store
	evil() { "$LAYERSEAL" --ledger "$WORK/now/evil" --trust "$WORK/now/evil.trust" --root "$G" "$@"; }
	evil --runroot "$R" --storage-driver overlay init >/dev/null
	echo planted >"$WORK/rootfs/etc/motd"
	tar -C "$WORK/rootfs" -c . | store_podman import -q - localhost/tiny >/dev/null
	rm "$WORK/rootfs/etc/motd"
	expect_exit 0 evil seal --all
	cp "$WORK/now/evil/db/data.mdb" "$L/db/data.mdb"
	expect_exit 3 guard verify
	rm -rf "$L"
	cp -a "$WORK/now/evil" "$L"
	expect_exit 3 guard verify
	expect_grep 'no signature of a trusted key' "$ERR"
	rm "$L.trust"
	expect_exit 3 guard verify
	expect_grep 'trust file' "$ERR"
}
cli_test 'a ledger of another key is forged' ledger_forged

without_secrets() {
	sealed_store
	rm "$L/key"
	expect_exit 0 guard verify
	expect_exit 3 guard seal --all
	expect_grep 'key' "$ERR"
	rm "$L/statprint.key"
	expect_exit 0 guard verify --json
	jq -e '.by_statprint == 0 and .measured == 2' "$OUT"
}
cli_test 'without the key one can verify, without the secret by measuring' without_secrets

store_gone() {
	sealed_store
	mv "$G" "$G.away"
	expect_exit 3 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify
	mkdir "$G"
	expect_exit 1 guard verify
	expect_grep 'record-missing' "$OUT"
	rmdir "$G" && mv "$G.away" "$G"
	: >"$G/overlay-layers/layers.json"
	expect_exit 1 guard verify
	expect_grep 'record-missing' "$OUT"
}
cli_test 'a store that is gone or emptied is not clean' store_gone

records_hostile() {
	sealed_store
	json=$G/overlay-layers/layers.json
	cp "$json" "$WORK/layers.json"
	head -c 100 "$WORK/layers.json" >"$json"
	expect_exit 1 guard verify --json
	expect_finding record-malformed
	perl -e 'print "[" x 100000' >"$json"
	expect_exit 1 guard verify --json
	expect_finding record-malformed
	printf '[{"id":"../../../etc/passwd","created":"2026-01-01T00:00:00Z"}]' >"$json"
	expect_exit 1 guard verify --json
	expect_finding record-malformed
	printf '[{"id":"\377\376"}]' >"$json"
	expect_exit 1 guard verify --json
	expect_finding 'record-malformed|record-ambiguous'
	truncate -s 300M "$json"
	expect_exit 1 guard verify --json
	expect_finding record-malformed
	rm "$json" && mkfifo "$json"
	expect_exit 1 timeout 20 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify --json
}
cli_test 'hostile record files are findings, in bounded time' records_hostile

odd_layer_directories() {
	sealed_store
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	mv "$G/overlay/$layer" "$WORK/now/away"
	mkfifo "$G/overlay/$layer"
	expect_exit 1 timeout 20 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify --json
	jq -e '.findings | length > 0' "$OUT"
	rm "$G/overlay/$layer"
	ln -s ../../away "$G/overlay/$layer"
	expect_exit 1 guard verify --json
	rm "$G/overlay/$layer"
	mv "$WORK/now/away" "$G/overlay/$layer"
	expect_exit 0 guard verify
}
cli_test 'a layer directory that is a fifo or a link' odd_layer_directories

terminal_safe() {
	sealed_store
	layer=$(guard store --json | jq -r '.layers[] | select(.parent != null).id')
	: >"$G/overlay/$layer/diff/$(printf 'a\033[31mb\nc\377')"
	expect_exit 1 guard verify
	expect_grep 'a\\x1b\[31mb\\x0ac\\xff' "$OUT"
	if grep -q "$(printf '\033')" "$OUT"; then fail "an escape sequence"; fi
	expect_exit 1 guard verify --json
	jq -e 'any(.findings[]; .class == "tree-added")' "$OUT"
}
cli_test 'names of an attacker do not reach the terminal' terminal_safe

full_disk() {
	init_store >/dev/null
	mkdir "$WORK/now/small"
	mount -t tmpfs -o size=300k,mode=700 none "$WORK/now/small"
	cp -a "$L" "$WORK/now/small/l"
	cp "$WORK/now/small/l/db/data.mdb" "$WORK/before.mdb"
	cat /dev/zero >"$WORK/now/small/fill" 2>/dev/null || :
	status=0
	"$LAYERSEAL" --ledger "$WORK/now/small/l" --trust "$L.trust" --root "$G" seal --all >"$OUT" 2>"$ERR" || status=$?
	rm -f "$WORK/now/small/fill"
	after=0
	"$LAYERSEAL" --ledger "$WORK/now/small/l" --trust "$L.trust" --root "$G" log >"$WORK/log" || after=$?
	umount "$WORK/now/small"
	cat "$ERR"
	[ $status -eq 3 ] && [ $after -eq 0 ]
	[ "$(wc -l <"$WORK/log")" -eq 1 ]
}
cli_test 'a full disk: status 3, and the ledger is as it was' full_disk

stdout_closed() {
	sealed_store
	status=0
	guard verify >/dev/full 2>"$ERR" || status=$?
	[ $status -eq 3 ]
	expect_grep 'standard output' "$ERR"
}
cli_test 'a report that cannot be written is no success' stdout_closed

# The warning must not end up where a descriptor of ours took the place of standard error.
inherited_badly() {
	sealed_store
	printf '[anchor]\nfile = %s/gone/heads\nunreachable = off\n' "$WORK" >"$WORK/off.conf"
	# shellcheck disable=SC2317 # called by expect_exit
	with_closed() { eval 'guard --config "$WORK/off.conf"' "$1" "$closed"; }
	for closed in '<&- >&- 2>&-' '>&- 2>&-' '2>&-'; do
		find "$G/overlay" -name busybox -exec chmod 755 {} +
		expect_exit 0 with_closed 'verify --quiet'
		find "$G/overlay" -name busybox -exec chmod 755 {} +
		said=3
		[ "$closed" != '2>&-' ] || said=0
		for verb in verify 'seal --all' status log; do
			expect_exit $said with_closed "$verb"
		done
	done
	echo more >>"$(find "$G/overlay" -name motd)"
	closed='<&- >&- 2>&-'
	expect_exit 1 with_closed 'verify --quiet'
}
cli_test 'what the caller closed does not become a file of ours' inherited_badly

# What verify would record for the next run is not worth a wait.
locks_held() {
	sealed_store
	for what in gate mutex; do
		find "$G/overlay" -name busybox -exec chmod 755 {} +
		mkfifo "$WORK/now/held"
		python3 - $what "$L/db" 3>"$WORK/now/held" <<-'END' &
			import ctypes, fcntl, mmap, os, sys, time
			what, db = sys.argv[1:]
			if what == 'gate':
			    fd = os.open(db, os.O_RDONLY)
			    fcntl.flock(fd, fcntl.LOCK_EX)
			else:  # that of LMDB's writers
			    f = open(db + '/lock.mdb', 'r+b')
			    fcntl.lockf(f, fcntl.LOCK_SH, 1)
			    page = (ctypes.c_char * 8192).from_buffer(mmap.mmap(f.fileno(), 8192))
			    ctypes.CDLL(None).pthread_mutex_lock(ctypes.byref(page, 64))
			os.write(3, b'held\n')
			os.close(3)
			time.sleep(60)
		END
		holder=$!
		read -r _ <"$WORK/now/held"
		expect_exit 0 timeout 15 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" verify
		kill $holder
		rm "$WORK/now/held"
		expect_grep ' 1 measured' "$OUT"
		[ "$(guard status --json | jq .ledger_size)" -eq "${size:=$(guard log | wc -l)}" ]
	done
	expect_exit 0 guard verify
	[ "$(guard log | wc -l)" -gt "$size" ]
}
cli_test 'who holds the locks of writers does not hold up a verdict' locks_held

done_testing
