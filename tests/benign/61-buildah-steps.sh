# SPDX-License-Identifier: Apache-2.0
what='buildah from, run, copy, config, commit' makes=objects
operate() {
	# shellcheck disable=SC2046 # a list of flags
	container=$(buildah from $(limit_flags) localhost/app)
	buildah run --isolation chroot "$container" sh -c 'echo by hand > /by-hand'
	buildah copy "$container" "$WORK/ctx/app.txt" /copied.txt
	buildah config --env A=B --label c=d "$container"
	buildah commit -q "$container" localhost/by-hand
	buildah rm "$container"
}
