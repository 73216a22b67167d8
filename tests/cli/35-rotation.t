#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The keys of a ledger: another one signs from some size on, and what a thief of the old one can do.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

size() { guard status --json | jq .ledger_size; }
tag_and_seal() { store_podman tag localhost/tiny "localhost/$1" && guard seal --all --quiet; }

rotates() {
	sealed_store
	before=$(size)
	old=$(guard key trust | cut -d' ' -f2)
	expect_exit 0 guard key rotate --reason 'every year'
	new=$(cat "$OUT")
	[ "$new" != "$old" ]
	[ "$(size)" = $((before + 2)) ]
	expect_exit 0 guard key trust
	expect_grep "^log $old until $((before + 1))\$" "$OUT"
	expect_grep "^log $new from $((before + 2))\$" "$OUT"
	[ "$(guard key show | grep -c "$new")" -gt 0 ]
	[ ! -e "$L/key.new" ]
	expect_exit 0 guard verify
	tag_and_seal another
	expect_exit 0 guard verify
	guard log | tail -n 3 | grep -q 'key-add.*every year'
	[ "$(guard status --json | jq -r .key)" = "$new" ]
	expect_exit 0 guard key rotate
	tag_and_seal third
	expect_exit 0 guard verify
	[ "$(guard key trust | wc -l)" = 3 ]
}
cli_test 'key rotate: another key signs from here on, twice' rotates

# Whoever has the old key and the ledger's files puts back the ledger as it was, and goes on from there.
old_key_stolen() {
	sealed_store
	cp -a "$L" "$L.stolen"
	cp "$L.trust" "$L.stolen.trust"
	# shellcheck disable=SC2317 # called by expect_exit
	thief() { "$LAYERSEAL" --ledger "$L.stolen" --trust "$L.stolen.trust" --root "$G" "$@"; }
	expect_exit 0 guard key rotate
	rm -rf "$L.ours" && cp -a "$L" "$L.ours"
	# As it was.
	rm -rf "$L" && cp -a "$L.stolen" "$L"
	expect_exit 3 guard verify
	expect_grep 'rolled back' "$ERR"
	# Longer than it was.
	tar -C "$WORK/rootfs" -c . | store_podman import -q - localhost/planted >/dev/null
	expect_exit 0 thief seal --all
	rm -rf "$L" && cp -a "$L.stolen" "$L"
	expect_exit 3 guard verify
	expect_grep 'may not sign' "$ERR"
	rm -rf "$L" && cp -a "$L.ours" "$L"
	cp "$L.stolen/key" "$L/key"
	expect_exit 1 guard verify
	expect_exit 3 guard seal --all
}
cli_test 'a stolen key is worth nothing once it was rotated' old_key_stolen

# Killed after each of its steps: verify goes on, and the same command does what is left.
interrupted() {
	sealed_store
	old=$(guard key trust)
	cp -a "$L" "$L.0"
	cp "$L.trust" "$L.trust.0"
	expect_exit 0 guard key rotate
	new=$(cat "$OUT")
	cp -a "$L" "$L.1"
	# The key waits; nothing else was done, so nobody knows it.
	rm -rf "$L" "$L.trust+head" && cp -a "$L.0" "$L"
	cp "$L.trust.0" "$L.trust"
	cp "$L.1/key" "$L/key.new"
	expect_exit 0 guard verify
	expect_exit 0 guard key rotate
	[ "$(cat "$OUT")" != "$new" ]
	tag_and_seal another
	expect_exit 0 guard verify
	# It is trusted.
	rm -rf "$L" "$L.trust+head" && cp -a "$L.0" "$L"
	printf '%s\nlog %s\n' "$old" "$new" >"$L.trust"
	cp "$L.1/key" "$L/key.new"
	expect_exit 0 guard verify
	expect_exit 0 guard key rotate
	[ "$(cat "$OUT")" = "$new" ]
	# It signed.
	rm -rf "$L/db" "$L.trust+head" && cp -a "$L.1/db" "$L/db"
	cp "$L.0/key" "$L/key"
	printf '%s\nlog %s\n' "$old" "$new" >"$L.trust"
	cp "$L.1/key" "$L/key.new"
	expect_exit 0 guard verify
	expect_exit 3 guard seal --all
	expect_exit 0 guard key rotate
	[ "$(cat "$OUT")" = "$new" ]
	tag_and_seal another
	expect_exit 0 guard verify
	[ "$(guard key trust | grep -c until)" = 1 ]
}
cli_test 'an interrupted rotation is finished by the next one' interrupted

# Whoever writes to the ledger's directory must not be able to say who signs next.
planted_successor() {
	sealed_store
	name=$(guard key trust | sed 's/^log //; s/+.*//')
	echo 'known to the thief' >"$WORK/phrase"
	for how in '' '--passphrase-fd 3'; do
		rm -f "$WORK/evil"
		# shellcheck disable=SC2086 # words
		"$LAYERSEAL" key generate --name "$name" $how "$WORK/evil" 3<"$WORK/phrase" >"$WORK/vkey"
		cp "$WORK/evil" "$L/key.new"
		expect_exit 0 guard key rotate
		[ "$(cat "$OUT")" != "$(cat "$WORK/vkey")" ]
		guard key trust >"$OUT"
		expect_no_grep "$(cut -d+ -f2 "$WORK/vkey")" "$OUT"
		cmp "$WORK/evil" "$L/key" && exit 1
	done
	echo 'no key' >"$L/key.new"
	chmod 600 "$L/key.new"
	expect_exit 0 guard key rotate
	tag_and_seal another
	expect_exit 0 guard verify
	# Who names the key vouches for it.
	"$LAYERSEAL" key generate --name "$name" "$L/key.new" >"$WORK/vkey"
	expect_exit 0 guard key rotate "$(cat "$WORK/vkey")"
	cmp "$OUT" "$WORK/vkey"
}
cli_test 'a key.new that somebody planted is not the next key' planted_successor

trusts() {
	sealed_store
	expect_exit 0 "$LAYERSEAL" key generate --name "$(guard key trust | sed 's/^log //; s/+.*//')" "$WORK/now/spare"
	spare=$(cat "$OUT")
	expect_exit 2 guard key trust --from 5 --until 4 "$spare"
	expect_exit 0 guard key trust --until 1000 "$spare"
	expect_exit 1 guard key trust "$spare"
	expect_exit 0 guard verify
	expect_exit 0 guard key retire --reason lost "$spare"
	expect_grep "log $spare until $(($(size) - 1))" "$OUT"
	expect_exit 1 guard key retire "$spare"
	own=$(guard key trust | head -n 1 | cut -d' ' -f2)
	expect_exit 1 guard key retire "$own"
	expect_grep 'rotate' "$ERR"
	expect_exit 0 guard key distrust "$(echo "$spare" | cut -d+ -f2)"
	expect_exit 3 guard key distrust "$spare"
	expect_exit 1 guard key distrust "$own"
	expect_exit 0 guard key distrust --until 1 "$own"
	expect_exit 3 guard verify
	expect_grep 'may not sign' "$ERR"
	"$LAYERSEAL" key generate --name layerseal/other "$WORK/now/foreign" >"$WORK/now/vkey"
	expect_exit 1 guard key trust "$(cat "$WORK/now/vkey")"
	expect_exit 3 guard key trust nonsense
}
cli_test 'key trust, distrust, retire' trusts

# Who can write the ledger cannot write the trust file; a ledger without one is not believed.
no_trust() {
	sealed_store
	own=$(guard key trust | cut -d' ' -f2)
	rm "$L.trust"
	expect_exit 3 guard verify
	expect_exit 3 guard key trust
	expect_exit 3 guard seal --all
	expect_exit 0 guard key trust "$own"
	expect_exit 0 guard verify
	chmod 666 "$L.trust"
	expect_exit 3 guard verify
	expect_grep 'writable by' "$ERR"
}
cli_test 'a ledger is believed by its trust file alone' no_trust

default_place() {
	sealed_store
	name=$(echo "${L#/}" | sed 's/-/\\x2d/g; s|/|-|g')
	mkdir -p /etc/layerseal/trust
	cp "$L.trust" "/etc/layerseal/trust/$name"
	status=0
	"$LAYERSEAL" --ledger "$L" --root "$G" verify >"$OUT" 2>"$ERR" || status=$?
	rm -f "/etc/layerseal/trust/$name" "/etc/layerseal/trust/$name+head"
	rmdir /etc/layerseal/trust /etc/layerseal 2>/dev/null || :
	[ $status = 0 ]
	expect_exit 3 "$LAYERSEAL" --ledger "$L" --root "$G" verify
	printf '[ledger]\ntrust = %s\n' "$L.trust" >"$WORK/now/conf"
	expect_exit 0 "$LAYERSEAL" --config "$WORK/now/conf" --ledger "$L" --root "$G" verify
}
cli_test 'the trust file of a ledger is named for its path' default_place

init_again() {
	sealed_store
	rm -rf "$L"
	expect_exit 3 guard verify
	expect_exit 1 init_store
	expect_grep 'remove the trust file' "$ERR"
	rm "$L.trust"
	expect_exit 0 init_store
}
cli_test 'init does not replace whom we trust' init_again
done_testing
