# SPDX-License-Identifier: Apache-2.0
what='buildah build with layers' makes=objects
operate() {
	file=$(containerfile <<-END
		FROM localhost/app
		RUN echo buildah > /buildah
	END
	)
	# shellcheck disable=SC2046 # a list of flags
	buildah build --layers $(build_flags) -t localhost/buildah -f "$file" "$WORK/ctx"
}
