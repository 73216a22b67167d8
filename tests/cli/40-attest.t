#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 40-attest.t: seals and verifications as signed statements, checked with openssl, ssh-keygen and jq alone.
. "$(dirname "$0")/lib.sh"

KEY=$WORK/attest.pem

# new_key TYPE: $KEY and its public half
new_key() {
	rm -f "$KEY"
	guard key attestation --new "$1" "$KEY" >"$KEY.pub"
}

# verified ENVELOPE TYPE: prints the statement, if openssl says that the key has signed it.
verified() {
	jq -e '.payloadType == "application/vnd.in-toto+json" and (.signatures | length) == 1' "$1" >/dev/null
	jq -r .payload "$1" | base64 -d >"$WORK/body"
	jq -r '.signatures[0].sig' "$1" | base64 -d >"$WORK/sig"
	{
		printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s "$WORK/body")"
		cat "$WORK/body"
	} >"$WORK/pae"
	case $2 in
	p256) openssl dgst -sha256 -verify "$KEY.pub" -signature "$WORK/sig" "$WORK/pae" >&2 ;;
	ed25519) openssl pkeyutl -verify -pubin -inkey "$KEY.pub" -rawin -in "$WORK/pae" -sigfile "$WORK/sig" >&2 ;;
	esac
	cat "$WORK/body"
}

# says FILTER FILE: jq -e, with the filter shown if it does not hold
says() {
	jq -e "$1" "$2" >/dev/null || fail "not so: $1"
}

keys() {
	for type in p256 ed25519; do
		new_key $type
		[ "$(stat -c %a "$KEY")" = 600 ]
		openssl pkey -in "$KEY" -pubout | cmp - "$KEY.pub"
		expect_exit 0 guard key attestation "$KEY"
		cmp "$OUT" "$KEY.pub"
		expect_exit 1 guard key attestation --new $type "$KEY"
		openssl pkey -in "$KEY" -pubout | cmp - "$KEY.pub"
	done
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$KEY"
	chmod 600 "$KEY"
	openssl pkey -in "$KEY" -pubout >"$KEY.pub"
	guard key attestation "$KEY" | cmp - "$KEY.pub"
	openssl genpkey -algorithm ed25519 -out "$KEY"
	chmod 600 "$KEY"
	openssl pkey -in "$KEY" -pubout >"$KEY.pub"
	guard key attestation "$KEY" | cmp - "$KEY.pub"
}
cli_test 'attestation keys are what openssl makes and reads' keys

bad_keys() {
	sealed_store
	expect_exit 2 guard ledger attest tiny
	expect_grep 'no attestation key' "$ERR"
	expect_exit 3 guard ledger attest --key "$WORK/none" tiny
	expect_grep "$WORK/none" "$ERR"
	for bad in '-algorithm EC -pkeyopt ec_paramgen_curve:P-384' '-algorithm RSA -pkeyopt rsa_keygen_bits:1024'; do
		# shellcheck disable=SC2086 # options of a list
		openssl genpkey $bad -out "$KEY" 2>/dev/null
		chmod 600 "$KEY"
		expect_exit 3 guard ledger attest --key "$KEY" tiny
		expect_grep "$KEY" "$ERR"
		[ ! -s "$OUT" ]
	done
	new_key p256
	chmod 644 "$KEY"
	expect_exit 3 guard ledger attest --key "$KEY" tiny
	expect_grep 'group or others' "$ERR"
	# the key of the log signs nothing else
	expect_exit 3 guard ledger attest --key "$L/key" tiny
	expect_exit 2 guard key attestation --new rsa "$KEY"
	expect_exit 2 guard key attestation
	expect_exit 2 guard ledger attest --check "$KEY.pub" --key "$KEY" x
	expect_exit 2 guard ledger attest --key "$KEY"
}
cli_test 'a key that is none, or that others can read, signs nothing' bad_keys

attest_layer() {
	sealed_store
	for type in p256 ed25519; do
		new_key $type
		for id in $(guard store --json | jq -r '.layers[].id'); do
			expect_exit 0 guard ledger attest --key "$KEY" "$id"
			verified "$OUT" $type >"$WORK/statement"
			guard show --json "$id" | jq '.entries[] | select(.op == "seal-layer")' >"$WORK/seal"
			jq -s -e '.[0] as $s | .[1] as $e | $s._type == "https://in-toto.io/Statement/v1"
				and $s.predicateType == "tag:layerseal,2026:seal/v1"
				and ($s.subject | length) == 1 and $s.subject[0].name == $e.layer
				and "sha256:" + $s.subject[0].digest.sha256 == $e."diff-id"
				and $s.predicate.kind == "layer" and $s.predicate.id == $e.layer
				and $s.predicate.diffId == $e."diff-id" and $s.predicate.tree == $e.tree
				and $s.predicate.record == $e.record and $s.predicate.tarSplit == $e."tar-split"
				and $s.predicate.ledger.entry == $e.seq
				and $s.predicate.chain[-1].layer == $e.layer
				and $s.predicate.ledger.store == $e.store' "$WORK/statement" "$WORK/seal" >/dev/null
		done
		# the same facts make the same bytes
		guard ledger attest --key "$KEY" "$id" >"$WORK/one"
		guard ledger attest --key "$KEY" -o "$WORK/two" "$(printf %.12s "$id")"
		cmp "$WORK/one" "$WORK/two"
	done
	ssh-keygen -i -m PKCS8 -f "$KEY.pub" >"$KEY.ssh" 2>/dev/null ||
		: # no Ed25519 there before OpenSSH 9.6
	new_key p256
	ssh-keygen -i -m PKCS8 -f "$KEY.pub" >"$KEY.ssh"
	guard ledger attest --key "$KEY" "$id" >"$WORK/one"
	[ "$(ssh-keygen -lf "$KEY.ssh" | cut -d ' ' -f 2)" = "$(jq -r '.signatures[0].keyid' "$WORK/one")" ]
}
cli_test 'the seal of a layer, signed with either kind of key' attest_layer

# The signed bytes of the entry are in the statement, and lead to the log's root.
attest_entry() {
	sealed_store
	new_key p256
	guard ledger attest --key "$KEY" tiny >"$WORK/one"
	verified "$WORK/one" p256 >"$WORK/statement"
	says '.predicate.ledger.text | startswith("layerseal/v1 entry\nop seal-image\n") and endswith("\n")' "$WORK/statement"
	jq -r .predicate.ledger.text "$WORK/statement" | grep -v '^$' >"$WORK/text"
	seq=$(jq .predicate.ledger.entry "$WORK/statement")
	guard show "$(jq -r .predicate.id "$WORK/statement")" |
		sed -n "/^entry $seq\$/,/^entry /{s/^  //p}" | cmp - "$WORK/text"
	[ "$(jq -r .predicate.ledger.root "$WORK/statement")" = "$(guard status --json | jq -r .ledger_root)" ]
	# the proof leads from those bytes to the signed checkpoint, also where there is no ledger
	jq -j .predicate.ledger.text "$WORK/statement" >"$WORK/entry"
	jq -j .predicate.ledger.proof "$WORK/statement" >"$WORK/proof"
	guard ledger proof tiny | cmp - "$WORK/proof"
	expect_exit 0 "$LAYERSEAL" --trust "$L.trust" --ledger "$WORK/no-ledger" ledger check-proof "$WORK/proof" "$WORK/entry"
	sed -i 's/^time ./time 9/' "$WORK/entry"
	expect_exit 3 "$LAYERSEAL" --trust "$L.trust" --ledger "$WORK/no-ledger" ledger check-proof "$WORK/proof" "$WORK/entry"
}
cli_test 'a statement holds the entry and the proof that the log has it' attest_entry

attest_image() {
	sealed_store
	new_key p256
	id=$(store_podman image inspect tiny --format '{{.Id}}')
	digest=$(store_podman image inspect tiny --format '{{.Digest}}')
	for arg in tiny localhost/tiny localhost/tiny:latest "$id" "sha256:$id" "$(printf %.7s "$id")"; do
		expect_exit 0 guard ledger attest --key "$KEY" "$arg"
		verified "$OUT" p256 >"$WORK/statement"
		says ".predicate.kind == \"image\" and .predicate.id == \"$id\"" "$WORK/statement"
		says "[.subject[].digest.sha256] == [\"${digest#sha256:}\", \"$id\"]" "$WORK/statement"
		says '(.subject | map(.name) | unique | length) == 2' "$WORK/statement"
		says '.predicate.chain | length == 2 and .[0].entry != .[1].entry' "$WORK/statement"
	done
	expect_exit 0 guard ledger attest --key "$KEY" tiny
	verified "$OUT" p256 >"$WORK/statement"
	says '.predicate.name == "localhost/tiny:latest"' "$WORK/statement"
}
cli_test 'the seal of an image: its manifest and its id' attest_image

no_seal() {
	init_store >/dev/null
	new_key p256
	id=$(store_podman image inspect tiny --format '{{.Id}}')
	expect_exit 2 guard ledger attest --key "$KEY" -o "$WORK/out" tiny
	expect_exit 2 guard ledger attest --key "$KEY" -o "$WORK/out" "$id"
	guard seal --all --quiet
	expect_exit 2 guard ledger attest --key "$KEY" -o "$WORK/out" ''
	expect_exit 2 guard ledger attest --key "$KEY" -o "$WORK/out" "$(printf '\033[31m')"
	[ ! -e "$WORK/out" ]
	store_podman rmi -f tiny >/dev/null
	guard seal --all --quiet
	expect_exit 1 guard ledger attest --key "$KEY" -o "$WORK/out" "$id"
	expect_grep 'was removed since' "$ERR"
	[ ! -e "$WORK/out" ]
}
cli_test 'what is not sealed, or not any more, is not attested' no_seal

odd_names() {
	name='localhost/a.b_c-d/e--f:1.0_X-y'
	store_podman tag tiny "$name"
	sealed_store
	new_key ed25519
	expect_exit 0 guard ledger attest --key "$KEY" "$name"
	verified "$OUT" ed25519 >"$WORK/statement"
	[ "$(jq -r .predicate.name "$WORK/statement")" = "$name" ]
	# a reason may say anything
	echo changed >"$(find "$G/overlay" -path '*/diff/etc/motd')"
	reason=$(printf 'quote " back \\ slash \t tab \303\244 \360\237\230\200 end')
	guard seal --all --accept --reason "$reason" --quiet
	id=$(guard store --json | jq -r '.layers[].id' | while read -r id; do
		if guard show "$id" | grep -q 'reason quote'; then echo "$id"; fi
	done)
	expect_exit 0 guard ledger attest --key "$KEY" "$id"
	verified "$OUT" ed25519 >"$WORK/statement"
	[ "$(jq -r .predicate.reason "$WORK/statement")" = "$reason" ]
	LC_ALL=C grep -q '^[ -~]*$' "$OUT"
}
cli_test 'names and reasons with odd characters' odd_names

check_envelope() {
	sealed_store
	for type in p256 ed25519; do
		new_key $type
		guard ledger attest --key "$KEY" -o "$WORK/envelope" tiny
		expect_exit 0 guard ledger attest --check "$KEY.pub" "$WORK/envelope"
		verified "$WORK/envelope" $type >"$WORK/statement"
		echo >>"$WORK/statement"
		cmp "$OUT" "$WORK/statement"
		guard ledger attest --check "$KEY.pub" - <"$WORK/envelope" | cmp - "$WORK/statement"
		jq -c '.payload |= (@base64d | sub("image"; "layer") | @base64)' "$WORK/envelope" >"$WORK/forged"
		expect_exit 3 guard ledger attest --check "$KEY.pub" "$WORK/forged"
		[ ! -s "$OUT" ]
		cp "$KEY.pub" "$WORK/mine.pub"
		new_key $type
		expect_exit 3 guard ledger attest --check "$KEY.pub" "$WORK/envelope"
		expect_exit 0 guard ledger attest --check "$WORK/mine.pub" "$WORK/envelope"
		jq -c '.payload as $p | .payloadType = "text/plain"' "$WORK/envelope" >"$WORK/forged"
		expect_exit 3 guard ledger attest --check "$WORK/mine.pub" "$WORK/forged"
	done
}
cli_test 'what is altered or signed by others is not taken' check_envelope

# ---- verify --attest ----

VSA=$WORK/vsa.json

passed() {
	sealed_store
	for type in p256 ed25519; do
		new_key $type
		for level in stat full oci; do
			expect_exit 0 guard verify --level $level --attest "$VSA" --attest-key "$KEY"
			[ "$(stat -c %a "$VSA")" = 644 ]
			verified "$VSA" $type >"$WORK/statement"
			upper=$(echo $level | tr '[:lower:]' '[:upper:]')
			says '.predicateType == "https://slsa.dev/verification_summary/v1"' "$WORK/statement"
			says ".predicate | .verificationResult == \"PASSED\" and .verifiedLevels == [\"LAYERSEAL_$upper\"]" "$WORK/statement"
			says ".predicate.policy.annotations == {level: \"$level\", cached: false, images: \"all\", findings: {}}" "$WORK/statement"
		done
	done
	expect_exit 0 guard verify --level full --cached --attest "$VSA" --attest-key "$KEY"
	verified "$VSA" ed25519 >"$WORK/statement"
	says '.predicate.verifiedLevels == ["LAYERSEAL_FULL_CACHED"]' "$WORK/statement"
	guard verify --json >"$WORK/json"
	says ".predicate.resourceUri == \"tag:layerseal,2026:store/$(jq -r .store "$WORK/json")\"" "$WORK/statement"
	origin=$(guard status --json | jq -r '.key | split("+")[0]')
	says ".predicate.verifier.id == \"tag:layerseal,2026:verifier/$origin\"" "$WORK/statement"
	says '.predicate.timeVerified | fromdate | (now - .) < 60' "$WORK/statement"
	for image in tiny tiny-base; do
		says "[.subject[].digest.sha256] | index(\"$(store_podman image inspect $image --format '{{.Id}}')\")" "$WORK/statement"
		digest=$(store_podman image inspect $image --format '{{.Digest}}')
		says "[.subject[].digest.sha256] | index(\"${digest#sha256:}\")" "$WORK/statement"
	done
	says '.subject | length == 4 and (map(.name) | unique | length) == 4' "$WORK/statement"
	# the checkpoint that is believed is there in full
	jq -r '.predicate."tag:layerseal,2026:verification/v1".checkpoint' "$WORK/statement" | head -c -1 | sha256sum | cut -d ' ' -f 1 >"$WORK/sum"
	says ".predicate.inputAttestations[0].digest.sha256 == \"$(cat "$WORK/sum")\"" "$WORK/statement"
}
cli_test 'a store that is clean has PASSED' passed

failed() {
	sealed_store
	new_key p256
	expect_exit 0 guard verify --attest "$VSA" --attest-key "$KEY"
	echo evil >"$(find "$G/overlay" -path '*/diff/etc/motd')"
	expect_exit 1 guard verify --attest "$VSA" --attest-key "$KEY"
	verified "$VSA" p256 >"$WORK/statement"
	says '.predicate | .verificationResult == "FAILED" and .verifiedLevels == ["FAILED"]' "$WORK/statement"
	says '.predicate."tag:layerseal,2026:verification/v1".denied > 0' "$WORK/statement"
	says '.subject | length == 4' "$WORK/statement"
	expect_grep 'tree-content' "$OUT"
	# an emptied store: all of what was sealed has failed
	: >"$G/overlay-layers/layers.json"
	: >"$G/overlay-images/images.json"
	expect_exit 1 guard verify --attest "$VSA" --attest-key "$KEY"
	verified "$VSA" p256 >"$WORK/statement"
	says '.predicate.verificationResult == "FAILED" and (.subject | length) == 4' "$WORK/statement"
}
cli_test 'a store that is violated has FAILED' failed

# The text whose digest names a policy, from the man pages alone.
policy_text() {
	printf 'layerseal/v1 policy\nlevel stat\ncached no\nimages all\n'
	sed -n 's/^\.It Cm //p' "$HERE/../../man/layerseal-findings.7" |
		sed 's/$/ deny/; s/^\(name-unsealed\|layer-mapped\) deny/\1 warn/; s/^\(cache-mount-unsealed\) deny/\1 ignore/'
}

policy_is_named() {
	sealed_store
	new_key p256
	guard verify --attest "$VSA" --attest-key "$KEY" --quiet
	verified "$VSA" p256 | jq -r .predicate.policy.digest.sha256 >"$WORK/usual"
	policy_text | sha256sum | cut -d ' ' -f 1 | cmp - "$WORK/usual"
	printf '[findings]\ntree-content = warn\n[attest]\nkey = %s\n' "$KEY" >"$WORK/conf"
	motd=$(find "$G/overlay" -path '*/diff/etc/motd')
	when=$(stat -c %y "$motd")
	echo evil >"$motd"
	touch -d "$when" "$motd"
	expect_exit 0 guard --config "$WORK/conf" verify --attest "$VSA"
	verified "$VSA" p256 >"$WORK/statement"
	says '.predicate.verificationResult == "PASSED"' "$WORK/statement"
	says '.predicate.policy.annotations.findings == {"tree-content": "warn"}' "$WORK/statement"
	says ".predicate.policy.digest.sha256 != \"$(cat "$WORK/usual")\"" "$WORK/statement"
	says '.predicate."tag:layerseal,2026:verification/v1".warned == 1' "$WORK/statement"
}
cli_test 'a summary says by which policy, and warnings count' policy_is_named

one_image() {
	sealed_store
	new_key p256
	id=$(store_podman image inspect tiny-base --format '{{.Id}}')
	expect_exit 0 guard verify --attest "$VSA" --attest-key "$KEY" tiny-base
	verified "$VSA" p256 >"$WORK/statement"
	says ".subject | length == 2 and .[1].digest.sha256 == \"$id\"" "$WORK/statement"
	says '.predicate.policy.annotations.images == "some"' "$WORK/statement"
}
cli_test 'only what was looked at is a subject' one_image

# No run that ends without a verdict leaves the summary of an earlier one.
unverifiable() {
	sealed_store
	new_key p256
	guard verify --attest "$VSA" --attest-key "$KEY" --quiet
	[ -s "$VSA" ]
	mv "$G/overlay-layers" "$G/away"
	: >"$G/overlay-layers"
	expect_exit 3 guard verify --attest "$VSA" --attest-key "$KEY"
	[ ! -e "$VSA" ]
	rm "$G/overlay-layers"
	mv "$G/away" "$G/overlay-layers"
	guard verify --attest "$VSA" --attest-key "$KEY" --quiet
	chmod 755 "$L"
	expect_exit 3 guard verify --attest "$VSA" --attest-key "$KEY"
	[ ! -e "$VSA" ]
	chmod 700 "$L"
	guard verify --attest "$VSA" --attest-key "$KEY" --quiet
	expect_exit 3 guard verify --attest "$VSA" --attest-key "$WORK/none"
	[ ! -e "$VSA" ]
	expect_exit 2 guard verify --attest-key "$KEY"
	expect_exit 2 guard verify --attest "$VSA"
	mkdir "$WORK/dir"
	expect_exit 2 guard verify --attest "$WORK/dir" --attest-key "$KEY"
	expect_exit 2 guard verify --attest "$WORK/dir/" --attest-key "$KEY"
	expect_exit 3 guard verify --attest "$WORK/none/vsa" --attest-key "$KEY"
	[ -z "$(ls "$WORK/dir")" ]
}
cli_test 'an unverifiable store leaves no summary, not even an old one' unverifiable

nothing_sealed() {
	init_store >/dev/null
	new_key p256
	store_podman rmi -f -a >/dev/null
	expect_exit 3 guard verify --attest "$VSA" --attest-key "$KEY"
	expect_grep 'nothing to attest' "$ERR"
	[ ! -e "$VSA" ]
	expect_exit 3 guard verify --attest "$VSA" --attest-key "$KEY" --json
	[ "$(jq -s length "$OUT")" = 1 ]
}
cli_test 'a store without sealed images gets no summary' nothing_sealed

done_testing
