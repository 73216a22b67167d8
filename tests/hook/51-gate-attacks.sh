# SPDX-License-Identifier: Apache-2.0
what='the mount gate: redirected links, extra and missing directories, planted and revoked layers'
drivers=overlay
# attacked PATTERN: after what standard input does to the store, nothing of app can be mounted; then all is undone.
attacked() {
	rm -rf "$WORK/before"
	in_engine umount -R -l "$PLACE" 2>/dev/null || true
	cp -a "$G" "$WORK/before"
	# shellcheck source=/dev/null # written by attack
	# shellcheck disable=SC1091 # made by the case
	. "$WORK/tmp/attack"
	gate_refuses "$1" run_app
	gate_refuses "$1" later
	in_engine umount -R -l "$PLACE" 2>/dev/null || true
	rm -rf "$G"
	mv "$WORK/before" "$G"
	# A copy has other inodes: measured in full, it is the same.
	expect_exit 0 run_app
}
attack() {
	cat >"$WORK/tmp/attack"
	attacked "$@"
}
link_of() { cat "$PLACE/$1/link"; }
# As rootful or rootless podman would have it.
own() { [ -z "$ROOTLESS" ] || chown -h 31337:31337 "$@"; }
later() { build -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"; }
operate() {
	gate_install
	expect_exit 0 run_app
	attack 'leads to another directory|leads to .*, and not to a layer' <<-'END'
		ln -sfn "$WORK/evil" "$PLACE/l/$(link_of "$LAYER")"
		mkdir -p "$WORK/evil"
	END
	attack 'leads to .*, and not to a layer' <<-'END'
		cp -a "$TREE" "$PLACE/$LAYER/evil"
		ln -sfn "../$LAYER/evil" "$PLACE/l/$(link_of "$LAYER")"
	END
	attack 'its lower directories lead to layer' <<-'END'
		ln -sfn "../$(image_layer "$OTHER")/diff" "$PLACE/l/$(link_of "$LAYER")"
	END
	attack 'is no layer.s tree' <<-'END'
		mkdir "$PLACE/$LAYER/diff1"
		echo 'echo EVIL' >"$PLACE/$LAYER/diff1/tool.sh"
		own "$PLACE/$LAYER/diff1"
	END
	attack 'is no layer.s tree' <<-'END'
		mkdir "$PLACE/$TOP/diff1"
		own "$PLACE/$TOP/diff1"
	END
	attack 'its lower directories lead to layer' <<-'END'
		sed -i "s,:l/$(link_of "$LAYER"),," "$PLACE/$TOP/lower"
	END
	attack 'is missing among its lower directories' <<-'END'
		sed -i "s,:l/$(link_of "$BASE")\$,," "$PLACE/$TOP/lower"
	END
	attack 'its lower directories lead to layer' <<-'END'
		sed -i "s,l/$(link_of "$LAYER"),l/$(link_of "$(image_layer "$OTHER")")," "$PLACE/$TOP/lower"
	END
	attack 'leads to another directory|is no link|symbolic link|not to a layer' <<-'END'
		rm "$PLACE/l/$(link_of "$LAYER")"
		mkdir -p "$WORK/evil"
		ln -s "$WORK/evil" "$PLACE/l/$(link_of "$LAYER")"
	END
	attack 'leads to another directory|Too many levels|symbolic' <<-'END'
		mv "$TREE" "$PLACE/$LAYER/evil"
		ln -s evil "$TREE"
	END
	attack 'deny layer-record' <<-'END'
		jq -c --arg id "$LAYER" 'map(if .id == $id then ."diff-size" = 1 else . end)' "$LAYERS/layers.json" >"$WORK/tmp/json"
		cat "$WORK/tmp/json" >"$LAYERS/layers.json"
	END
	planted
	revoked
}
# An image that nobody sealed, with the history of the victim's first step.
planted() {
	build_text -t localhost/planted <<-END
		FROM localhost/base
		RUN echo 'echo EVIL' > /tool.sh
	END
	# shellcheck disable=SC2046 # a list of flags
	gate_refuses 'deny layer-unsealed' podman run --rm $(run_flags) localhost/planted cat /tool.sh
	gate_refuses 'deny layer-unsealed' build_text <<-END
		FROM localhost/planted
		RUN cat /tool.sh
	END
	gate_install 'unsealed = allow'
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 podman run --rm $(run_flags) localhost/planted cat /tool.sh
	gate_install 'unsealed = deny'
	# shellcheck disable=SC2046 # a list of flags
	gate_refuses 'deny layer-unsealed' podman run --rm $(run_flags) localhost/planted cat /tool.sh
	expect_exit 0 run_app
	# Its second step is the one that mounts what the first has made.
	gate_refuses 'deny layer-unsealed' build_text <<-END
		FROM localhost/base
		RUN echo one
		RUN echo two
	END
	gate_install
	build_text <<-END
		FROM localhost/base
		RUN echo three
		RUN echo four
	END
}
revoked() {
	gated revoke --reason 'a bad day' "$APP"
	gate_refuses 'deny revoked' run_app
	gated revoke --undo --reason 'a good day' "$APP"
	expect_exit 0 run_app
	gated revoke --reason 'a bad day' "$(jq -r --arg id "$LAYER" '.[] | select(.id == $id) | ."diff-digest"' "$LAYERS/layers.json")"
	gate_install 'unsealed = allow'
	gate_refuses 'deny revoked' run_app
}
