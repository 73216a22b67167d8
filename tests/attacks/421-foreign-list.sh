# SPDX-License-Identifier: Apache-2.0
what='image gets the list of manifests by which another one is pinned'
expect=image-file drivers='overlay vfs'
# podman looks for NAME@DIGEST among the manifests of its images that have the name.
attack() {
	pinned=$(printf %064d 7)
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":1,"platform":{"architecture":"amd64","os":"linux"}}]}' "$pinned" >"$WORK/list"
	pinned=$(sha256 "$WORK/list")
	cp "$WORK/list" "$(big_data_file "$OTHER" "manifest-sha256:$pinned")"
	edit_image "$OTHER" "(\"manifest-sha256:$pinned\") as \$n | .\"big-data-names\" += [\$n]
		| .\"big-data-sizes\"[\$n] = $(stat -c %s "$WORK/list")
		| .\"big-data-digests\"[\$n] = \"sha256:$pinned\" | .names += [\"localhost/pinned:latest\"]"
}
poisons() { run_says EVIL "localhost/pinned@sha256:$(sha256 "$WORK/list")"; }
