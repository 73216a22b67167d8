# SPDX-License-Identifier: Apache-2.0
what='the mount gate: layers of an additional image store'
drivers=overlay
before_seal() {
	store_additional
	GATE_STORE="[storage.options]
additionalimagestores = [\"$WORK/more/g\"]"
}
cleanup() { store_more_clear; }
run_shared() {
	# shellcheck disable=SC2046 # a list of flags
	podman run --rm $(run_flags) localhost/shared sh /tool.sh
}
operate() {
	gate_install
	expect_exit 0 run_app
	expect_exit 0 run_shared
	expect_grep GOOD "$OUT"
	build_text <<-END
		FROM localhost/shared
		RUN sh /tool.sh
		COPY app.txt /
		RUN sh /tool.sh
	END
	echo 'echo EVIL' >"$WORK/more/g/overlay/$MORE_LAYER/diff/tool.sh"
	gate_refuses 'deny tree-' run_shared
	expect_exit 0 run_app
	gated seal --all --quiet --accept --reason 'it was me'
	expect_exit 0 run_shared
	# The same layer in front of it.
	mkdir -p "$PLACE/$MORE_LAYER"
	cp -a "$WORK/more/g/overlay/$MORE_LAYER/." "$PLACE/$MORE_LAYER"
	echo 'echo WORSE' >"$PLACE/$MORE_LAYER/diff/tool.sh"
	ln -s "../$MORE_LAYER/diff" "$PLACE/l/$(cat "$PLACE/$MORE_LAYER/link")"
	gate_refuses 'layerseal' run_shared
}
