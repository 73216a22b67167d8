# SPDX-License-Identifier: Apache-2.0
what='guarded builds with cache mounts: clean ones go on, poisoned ones are refused, or emptied and go on'
# cached_build TEXT: of a new step with a cache mount, whatever was cached.
cached_build() {
	printf 'FROM localhost/base\nRUN --mount=type=cache,target=/cc,sharing=locked %s\n' "$1" >"$WORK/ctx/Containerfile.cc"
	# shellcheck disable=SC2046 # a list of flags
	layerseal build -- podman build --no-cache $(build_flags) -f "$WORK/ctx/Containerfile.cc" "$WORK/ctx"
}
log_of_cache() { find "$WORK/tmp"/buildah-cache* -name log | head -n 1; }
operate() {
	expect_exit 0 cached_build 'echo GOOD >>/cc/log; chmod 700 /cc'
	expect_exit 0 layerseal verify --json
	[ "$(jq .cache_mounts "$OUT")" = 1 ] || fail 'the cache mount is not sealed'
	expect_exit 0 cached_build 'echo GOOD >>/cc/log; cat /cc/log'
	# One that fails leaves the mount changed, and sealed.
	expect_exit 1 cached_build 'echo GOOD >>/cc/log; exit 1'
	# Two at once, of one mount.
	cached_build 'echo A >>/cc/log; sleep 1' >"$WORK/a.log" 2>&1 &
	first=$!
	expect_exit 0 cached_build 'echo B >>/cc/log; sleep 1'
	wait "$first" || fail "the other build failed: $(cat "$WORK/a.log")"
	expect_exit 0 layerseal verify
	# Poisoned: refused, and nothing of it is sealed.
	size=$(layerseal status --json | jq .ledger_size)
	echo EVIL >>"$(log_of_cache)"
	expect_exit 1 cached_build 'cat /cc/log'
	expect_grep cache-mount-changed "$ERR"
	expect_grep 'purge --cache-mounts' "$ERR"
	[ "$(layerseal status --json | jq .ledger_size)" = "$size" ] || fail 'a refused build appended'
	# Healed where policy says so.
	printf '[findings]\ncache-mount-changed = purge\ncache-mount-unsealed = purge\n' >"$WORK/tmp/conf"
	give "$WORK/tmp/conf"
	chmod 600 "$WORK/tmp/conf"
	expect_exit 0 layerseal --config "$WORK/tmp/conf" verify --heal
	expect_exit 0 cached_build 'cat /cc/log || echo EMPTY'
	expect_grep EMPTY "$OUT"
	# A plain build makes one that nobody vouches for: verify lets it be, no guarded build takes it.
	printf 'FROM localhost/base\nRUN --mount=type=cache,target=/plain echo PLAIN >/plain/f\n' >"$WORK/ctx/Containerfile.plain"
	build --no-cache -f "$WORK/ctx/Containerfile.plain" "$WORK/ctx"
	layerseal seal --all
	expect_exit 0 layerseal verify
	expect_exit 1 cached_build 'true'
	expect_grep cache-mount-unsealed "$ERR"
	expect_exit 0 layerseal purge --cache-mounts
	expect_exit 0 cached_build 'ls /cc'
	# A link that nobody sealed leads a build out.
	rm -rf "$WORK/tmp"/buildah-cache*/*
	parent=$(find "$WORK/tmp" -maxdepth 1 -name 'buildah-cache*')
	mkdir "$WORK/evil/elsewhere"
	ln -s "$WORK/evil/elsewhere" "$parent/planted"
	expect_exit 1 cached_build 'true'
	expect_grep cache-mount-entry "$ERR"
	expect_exit 0 layerseal purge --cache-mounts
	[ -d "$WORK/evil/elsewhere" ] || fail 'purge followed a link'
	expect_exit 0 cached_build 'true'
	expect_exit 0 layerseal verify --level full
}
