# SPDX-License-Identifier: Apache-2.0
what='what root seals is what the user seals; what each sealed is clean to the other'
# The seals of a ledger, without what belongs to the ledger: number, time, store and what is keyed: statprint and scrub.
seals() {
	"$@" log --json | jq -cS '.entries[]? // . | select(.op | startswith("seal"))
		| del(.seq, .time, .store, .statprint, .scrub, .size, .leaf, .index)' | sort
}
operate() {
	user_place
	user_layerseal own init >/dev/null
	expect_exit 0 user_layerseal own seal --all
	seals user_layerseal own >"$WORK/seals.user"
	seals root_layerseal >"$WORK/seals.root"
	[ "$(wc -l <"$WORK/seals.user")" -gt 5 ]
	grep -q '"tree":"sha256:' "$WORK/seals.user"
	diff "$WORK/seals.user" "$WORK/seals.root"
	# Statprints have the secret of their ledger: the user reads a copy of root's, in the user's namespace.
	cp -a "$LEDGER" "$LEDGER.trust" "$WORK/own"
	cp -a "$LEDGER.trust+head" "$WORK/own"
	give -R "$WORK/own"
	expect_exit 0 user_layerseal ledger verify --json
	jq -e '.by_statprint == .layers' "$OUT"
}
