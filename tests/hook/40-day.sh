# SPDX-License-Identifier: Apache-2.0
what="a developer's day: 50 commands over several images, none refused"
# Under the wrapper; where podman knows pre-exec hooks, under these too.
cleanup() { preexec_end; }
# One typed command: it must succeed, and layerseal must have nothing to say about it.
does() {
	count=$((count + 1))
	expect_exit 0 "$@"
	expect_no_grep '^layerseal:' "$ERR"
}
# What a trusted service does after builds.
sealed() { layerseal seal --all --quiet; }
# makes IMAGE LINES [PROGRAM]
makes() {
	image=$1
	echo "$2" | containerfile >"$WORK/tmp/name"
	# shellcheck disable=SC2046 # a list of flags
	does typed "${3:-podman}" build $(build_flags) -t "localhost/$image" -f "$(cat "$WORK/tmp/name")" "$WORK/ctx"
	sealed
}
runs() {
	# shellcheck disable=SC2046 # a list of flags
	does typed podman run --rm $(run_flags) "$@"
}
operate() {
	count=0
	hook install --dir "$WRAP" wrapper
	preexec
	if [ "$ENGINE" = trixie ]; then
		in_engine "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" hook install preexec
	fi
	morning
	noon
	afternoon
	echo "$count commands"
	[ "$count" -ge 50 ]
	expect_exit 0 layerseal verify
}
morning() {
	does typed podman version
	does typed podman info
	does typed podman images
	does typed podman ps -a
	does typed podman history localhost/app
	does typed_build later
	sealed
	does typed_build later
	does typed_build from
	sealed
	runs localhost/app
	does typed podman tag localhost/app localhost/app:v1
	does typed podman inspect localhost/app:v1
	makes api 'FROM localhost/base
RUN echo api > /api.txt'
	makes api 'FROM localhost/base
RUN echo api > /api.txt
RUN echo more >> /api.txt'
	runs localhost/api cat /api.txt
	does typed podman untag localhost/app:v1
}
noon() {
	makes web 'FROM localhost/base AS build
RUN echo artifact > /artifact
FROM localhost/base
COPY --from=build /artifact /srv/artifact'
	cp "$WORK/tmp/name" "$WORK/tmp/stages"
	runs localhost/web cat /srv/artifact
	makes web-debug 'FROM localhost/web
ENV MODE=debug
LABEL who=me
CMD ["cat", "/srv/artifact"]'
	runs localhost/web-debug
	# shellcheck disable=SC2046 # a list of flags
	does typed podman create --name kept $(run_flags) localhost/web-debug
	does typed podman start -a kept
	does typed podman logs kept
	does typed podman diff kept
	does typed podman commit -q kept localhost/kept
	sealed
	does typed podman ps -a
	does typed podman rm kept
	does typed podman save -q --format oci-archive -o "$WORK/tmp/web.oci" localhost/web
	does typed podman rmi localhost/kept
	does typed podman load -q -i "$WORK/tmp/web.oci"
	does typed buildah images
	makes by-buildah 'FROM localhost/web
RUN echo by-buildah > /b.txt' buildah
	does typed buildah bud --isolation chroot --layers -t localhost/by-buildah -f "$(cat "$WORK/tmp/name")" "$WORK/ctx"
	sealed
}
afternoon() {
	does typed podman volume create data
	does typed podman volume ls
	does typed podman volume rm data
	rm -rf "$WORK/tmp/out"
	does typed podman push -q localhost/web "oci:$WORK/tmp/out:web"
	does typed podman image tree localhost/web
	does typed podman image exists localhost/web
	# shellcheck disable=SC2046 # a list of flags
	does typed podman image build $(build_flags) --no-cache -t localhost/fresh -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	sealed
	# shellcheck disable=SC2046 # a list of flags
	does typed podman build $(build_flags) --squash -t localhost/squashed -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	sealed
	# shellcheck disable=SC2046 # a list of flags
	does typed podman buildx build $(build_flags) --target build -t localhost/target -f "$(cat "$WORK/tmp/stages")" "$WORK/ctx"
	sealed
	does typed podman rmi localhost/squashed localhost/fresh
	does typed podman image prune -f
	does typed_build later
	sealed
	does typed podman build --help
	does typed buildah containers
	does typed podman system df
	does typed podman rmi localhost/by-buildah
	does typed podman rmi localhost/web-debug
	does typed_build later
	does typed podman images -a
}
