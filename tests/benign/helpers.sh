# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helpers.sh: what several benign operations need. The store's variables are those of
# tests/lib/store.sh.

expect_no_findings() {
	[ "$(jq '.findings | length' "$OUT")" -eq 0 ] && return 0
	show_findings
	fail 'there are findings'
}

# Ids of all layers and images, wherever a case has put the images.
sealed_ids() {
	find "$G" "$WORK/split" \( -path "*/$DRIVER-layers/layers.json" -o -path "*/$DRIVER-images/images.json" \) \
		-exec jq -r '.[].id' {} + 2>/dev/null || true
}

# Only objects that were not sealed before are told to be unsealed, and there are such objects.
expect_only_new() {
	expect_findings_only layer-unsealed image-unsealed name-unsealed layer-mapped
	jq -r '.findings[] | select(.class == "layer-unsealed").layer, (select(.class == "image-unsealed").image)' \
		"$OUT" >"$TAP_DIR/new"
	! grep -F -f "$TAP_DIR/sealed" "$TAP_DIR/new" || fail 'something sealed is told to be unsealed'
	grep -q . "$TAP_DIR/new" || fail 'nothing new was told'
}

# verify_while PID...: verify again and again until the processes end: clean or violated by new
# objects, never anything else.
verify_while() {
	rounds=0
	while kill -0 "$@" 2>/dev/null; do
		rounds=$((rounds + 1))
		for level in stat full; do
			verify $level >"$OUT" 2>"$ERR" && status=0 || status=$?
			if [ "$status" -gt 1 ]; then
				show_findings
				cat "$ERR"
				fail "round $rounds, level $level: status $status"
				return 1
			fi
			expect_findings_only layer-unsealed image-unsealed name-unsealed layer-mapped
		done
	done
	echo "$rounds rounds"
	wait "$@"
}

# containerfile: standard input as a Containerfile, prints its path.
containerfile() {
	file=$(mktemp "$WORK/tmp/Containerfile.XXXXXX")
	cat >"$file"
	chmod 644 "$file"
	echo "$file"
}

# build_text [FLAG...]: build standard input.
build_text() { build "$@" -f "$(containerfile)" "$WORK/ctx"; }

run() {
	# shellcheck disable=SC2046 # a list of flags
	podman run $(run_flags) "$@"
}

create() {
	# shellcheck disable=SC2046 # a list of flags
	podman create $(run_flags) "$@"
}

# build_killed FILE LINE DELAY: start a build, wait until it prints LINE, kill it DELAY seconds later
# with everything it started.
build_killed() {
	killed=$WORK/tmp/killed
	rm -f "$killed.pid" "$killed.log"
	# shellcheck disable=SC2016,SC2046 # expanded by the inner shell; a list of flags
	by_owner sh -c 'echo $$ >"$1.pid"; shift; exec setsid "$@"' sh "$killed" \
		podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" \
		build $(build_flags) -f "$1" "$WORK/ctx" >"$killed.log" 2>&1 &
	tries=0
	until grep -q "$2" "$killed.log"; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || { cat "$killed.log" && return 1; }
		sleep 0.02
	done
	sleep "$3"
	kill -9 -- "-$(cat "$killed.pid")" || true
	wait $! || true
}
