#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10-others.t: exports, proofs and checkpoints, checked with programs that are not ours: the packages of Go's
# checksum database, openssl, signify.
# shellcheck source=tests/audit/lib.sh
. "$(dirname "$0")/lib.sh"

# Debian's packages of the Go libraries; nothing is downloaded.
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$WORK/go" GOFLAGS=

compile() {
	go vet "$HERE/sumdb.go"
	[ -z "$(gofmt -l "$HERE/sumdb.go")" ]
	go build -o "$WORK/sumdb" "$HERE/sumdb.go"
}
audit_test 'the verifier of exports in Go' compile

sumdb() {
	"$WORK/sumdb" "$(vkey)" "$@"
}

# Below, at and above full tiles of two levels.
every_size() {
	for size in 1 2 255 256 257 511 512 513 2000; do
		grow "$size" 200
		expect_exit 0 guard ledger export "$X"
		expect_exit 0 guard ledger check "$X"
		expect_exit 0 sumdb "$X"
		[ "$(head -n 1 "$OUT")" -ge "$size" ]
	done
}
audit_test 'Go proves every entry of an export that grows' every_size

three_levels() {
	grow 70000 10000
	expect_exit 0 guard ledger export "$X"
	[ -e "$X/tile/2/000.p/1" ]
	expect_exit 0 sumdb "$X"
	[ "$(head -n 1 "$OUT")" -ge 70000 ]
	expect_exit 0 guard ledger check "$X"
	expect_exit 0 guard ledger check
}
audit_test 'Go reads three levels of tiles' three_levels

nothing_in_it() {
	grow 0
	expect_exit 0 guard ledger export "$X"
	expect_exit 0 sumdb "$X"
	[ "$(cat "$OUT")" = 0 ]
	expect_exit 0 guard ledger check "$X"
}
audit_test 'an export of an empty ledger' nothing_in_it

same_consistency() {
	grow 17
	expect_exit 0 guard ledger export "$X"
	cp -a "$X" "$X.17"
	for size in 300 1100; do
		grow "$size"
		expect_exit 0 guard ledger export "$X"
		expect_exit 0 sumdb "$X" "$X.17"
		sed 1d "$OUT" >"$WORK/go-proof"
		[ -s "$WORK/go-proof" ]
		for old in "$X.17" "$X.17/checkpoint"; do
			expect_exit 0 guard ledger consistency "$old" "$X"
			cmp "$WORK/go-proof" "$OUT"
			expect_exit 0 guard ledger consistency "$old" -
			cmp "$WORK/go-proof" "$OUT"
		done
	done
	expect_exit 0 guard ledger consistency "$X" "$X"
	[ ! -s "$OUT" ]
}
audit_test 'consistency proofs are those of Go' same_consistency

same_inclusion() {
	grow 300
	expect_exit 0 guard ledger export "$X"
	expect_exit 0 sumdb "$X"
	sed 1d "$OUT" >"$WORK/go-proof"
	expect_exit 0 guard ledger proof --seq 299
	sed -n '3,/^$/{/./p}' "$OUT" | cmp - "$WORK/go-proof"
	sed '1,/^$/d' "$OUT" | cmp - "$X/checkpoint"
}
audit_test 'an inclusion proof is that of Go, and holds the checkpoint' same_inclusion

flip() {
	cp "$1" "$WORK/flipped"
	byte=$(dd if="$1" bs=1 skip="$2" count=1 status=none | od -An -tu1)
	# shellcheck disable=SC2059 # an octal escape
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$WORK/flipped" bs=1 seek="$2" conv=notrunc status=none
	cat "$WORK/flipped" >"$1"
}

tampered() {
	grow 300
	expect_exit 0 guard ledger export "$X"
	for file in checkpoint tile/0/000 tile/0/001.p/44 tile/1/000.p/1 tile/entries/000 tile/entries/001.p/44; do
		flip "$X/$file" 20
		expect_exit 1 sumdb "$X"
		expect_exit 3 guard ledger check "$X"
		flip "$X/$file" 20
	done
	expect_exit 0 sumdb "$X"
}
audit_test 'Go and layerseal refuse the same tampered exports' tampered

# The signature lines of a note: the last field is base64 of 4 bytes of key id and 64 of signature.
with_openssl() {
	grow 300
	expect_exit 0 guard ledger export "$X"
	head -n 3 "$X/checkpoint" >"$WORK/text"
	tail -n 1 "$X/checkpoint" | sed 's/.* //' | base64 -d | tail -c 64 >"$WORK/sig"
	{
		printf '\060\052\060\005\006\003\053\145\160\003\041\000'
		vkey | cut -d + -f 3- | base64 -d | tail -c 32
	} >"$WORK/key.der"
	expect_exit 0 openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$WORK/key.der" \
		-in "$WORK/text" -sigfile "$WORK/sig"
	flip "$WORK/text" 20
	expect_exit 1 openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$WORK/key.der" \
		-in "$WORK/text" -sigfile "$WORK/sig"
}
audit_test 'openssl verifies a checkpoint' with_openssl

with_signify() {
	grow 300
	expect_exit 0 guard ledger export --signify "$X"
	expect_exit 0 signify-openbsd -V -e -p "$X/key.pub" -x "$X/checkpoint.sig" -m "$WORK/text"
	head -n 3 "$X/checkpoint" | cmp - "$WORK/text"
	# From then on it follows the checkpoint.
	grow 400
	expect_exit 0 guard ledger export "$X"
	expect_exit 0 signify-openbsd -V -e -p "$X/key.pub" -x "$X/checkpoint.sig" -m "$WORK/text"
	head -n 3 "$X/checkpoint" | cmp - "$WORK/text"
	flip "$X/checkpoint.sig" 200
	expect_exit 1 signify-openbsd -V -e -p "$X/key.pub" -x "$X/checkpoint.sig" -m "$WORK/text"
}
audit_test 'signify verifies a checkpoint' with_signify

done_testing
