# SPDX-License-Identifier: Apache-2.0
what='buildah bud and build, with and without layers'
tests='bud_layers no_layers by_name iidfile buildah_squash pulled with_podman'
quick='bud_layers no_layers'

bud() {
	verb=$1
	shift
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 guard buildah "$verb" $(build_flags) "$@"
}
bud_layers() {
	bud bud --layers -t localhost/bud -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_sealed 2
	expect_grep 'Using cache' "$BUILT.out"
	expect_clean
	bud bud --layers -t localhost/bud -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_sealed 0
	expect_clean
}
no_layers() {
	bud build -t localhost/bud -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_sealed 1
	expect_no_grep 'Using cache' "$BUILT.out"
	expect_clean
}
by_name() {
	bud build-using-dockerfile -t localhost/by-name --iidfile "$WORK/tmp/iid" -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 1
	expect_grep ', 1 name;' "$BUILT.err"
	[ "$(cat "$WORK/tmp/iid")" = "sha256:$(image_id localhost/by-name)" ]
	expect_clean
}
# The images of single steps too.
iidfile() {
	bud bud --layers --iidfile "$WORK/tmp/iid" -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_sealed 2
	podman image exists "$(cut -d : -f 2 "$WORK/tmp/iid")"
	expect_clean
	rm "$WORK/tmp/iid"
	bud bud --quiet --layers --iidfile "$WORK/tmp/iid" -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	[ ! -s "$OUT" ] || fail 'it was told to be quiet'
	podman image exists "$(cut -d : -f 2 "$WORK/tmp/iid")"
	expect_clean
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 3 guard buildah bud $(build_flags) --layers --iidfile "$WORK/nowhere/iid" -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_grep 'iidfile' "$ERR"
}
buildah_squash() {
	bud bud --squash -t localhost/squashed -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed any
	expect_clean
}
# A base that comes with the build. Its names are not the build's to seal.
pulled() {
	write_file <<-END
		FROM oci-archive:$WORK/extra/extra.oci
		RUN echo on-pulled >/on-pulled
	END
	bud bud --layers -t localhost/on-pulled -f "$FILE" "$WORK/ctx"
	expect_sealed any
	expect_exit 0 verify oci
	expect_findings_only name-unsealed
}
with_podman() {
	bud bud --layers -t localhost/bud -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	sealing 0 -t localhost/pod -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	bud bud --layers -t localhost/bud -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 0
	expect_clean
}
