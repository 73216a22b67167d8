# SPDX-License-Identifier: Apache-2.0
what='sealed cache mounts: no build uses them, then they are pruned'
before_seal() {
	build_text -t localhost/cachemount <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/cache echo kept >/cache/f
		RUN --mount=type=cache,id=an/id,target=/other echo kept >/other/f
	END
}
operate() {
	layerseal seal --all --cache-mounts
	expect_exit 0 layerseal verify --json
	[ "$(jq .cache_mounts "$OUT")" = 2 ] || fail 'they are not sealed'
	podman untag localhost/cachemount
	[ "$ENGINE" = bookworm ] || podman image prune -f --build-cache
	[ "$ENGINE" = bookworm ] || buildah prune -f
	podman system prune -f
	[ "$ENGINE" = bookworm ] || [ -z "$(ls "$WORK/tmp"/buildah-cache* 2>/dev/null)" ] || fail 'prune left cache mounts'
	# Old engines leave them: so does their user.
	rm -rf "$WORK/tmp"/buildah-cache*
}
