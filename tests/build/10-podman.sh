# SPDX-License-Identifier: Apache-2.0
what='podman build with its options'
tests='plain cached partly iidfile tags no_tag quiet logfile one_layer squash squash_all stages unused_stage target no_cache
build_arg secret standard_input context_on_stdin containerignore scratch from_id from_short image_build bind_mount copy_from
platform moved_name cache_mount changed_entrypoint'
quick='plain cached partly quiet stages squash_all'

plain() {
	write_file <<-END
		FROM localhost/base
		RUN echo one >/one
		COPY app.txt /copied
		ENV A=b
		RUN echo two >/two
	END
	sealing 3 -t localhost/new -f "$FILE" "$WORK/ctx"
	expect_grep 'sealed 3 layers, 4 images, 1 name;' "$BUILT.err"
	layerseal log >"$TAP_DIR/entries"
	expect_grep ' build ' "$TAP_DIR/entries"
}
cached() {
	sealing 0 -t localhost/again -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	expect_grep 'sealed 0 layers, 0 images, 1 name;' "$BUILT.err"
	expect_grep 'Using cache' "$BUILT.out"
	sealing 0 -t localhost/app -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	[ "$(image_id localhost/app)" = "$APP" ]
}
partly() {
	sealing 2 -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_grep 'Using cache' "$BUILT.out"
	sealing 0 -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
iidfile() {
	sealing 2 --iidfile "$WORK/tmp/iid" -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	[ "$(cat "$WORK/tmp/iid")" = "sha256:$(tail -n 1 "$BUILT.out")" ]
}
tags() {
	sealing 2 -t localhost/one -t two:v2 --tag=localhost/three -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_grep ' 3 names;' "$BUILT.err"
}
no_tag() { sealing 2 -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"; }
quiet() {
	sealing 2 -q -t localhost/quiet -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	[ "$(wc -l <"$BUILT.out")" -eq 1 ]
	[ "$(cat "$BUILT.out")" = "$(image_id localhost/quiet)" ]
}
logfile() {
	expect_exit 0 guarded_build --logfile "$WORK/tmp/log" -t localhost/logged -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	expect_grep '^STEP' "$WORK/tmp/log"
	expect_no_grep '^STEP' "$BUILT.out"
	has_name localhost/logged
	expect_clean
}
one_layer() { sealing 1 --layers=false -t localhost/one -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"; }
squash() { sealing any --squash -t localhost/squashed -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"; }
squash_all() { sealing any --squash-all -t localhost/squashed -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"; }
stages_file() {
	write_file <<-END
		FROM localhost/base AS build
		RUN echo artifact >/artifact
		FROM localhost/other AS spare
		RUN echo spare >/spare
		FROM localhost/base
		COPY --from=build /artifact /srv/artifact
		RUN cat /srv/artifact
	END
}
stages() {
	stages_file
	sealing any -t localhost/staged -f "$FILE" "$WORK/ctx"
	sealing 0 -t localhost/staged -f "$FILE" "$WORK/ctx"
}
unused_stage() {
	stages_file
	sealing any --skip-unused-stages=false -t localhost/staged -f "$FILE" "$WORK/ctx"
}
target() {
	stages_file
	sealing 1 --target build -t localhost/target -f "$FILE" "$WORK/ctx"
	sealing any -t localhost/staged -f "$FILE" "$WORK/ctx"
	expect_grep 'Using cache' "$BUILT.out"
}
no_cache() {
	sealing any --no-cache -t localhost/fresh -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"
	expect_no_grep 'Using cache' "$BUILT.out"
}
build_arg() {
	write_file <<-END
		FROM localhost/base
		ARG API_TOKEN
		ARG PLAIN
		RUN echo "\$PLAIN" >/plain
	END
	sealing 1 --build-arg API_TOKEN=hunter2secret --build-arg=PLAIN=harmless -f "$FILE" "$WORK/ctx"
	layerseal log >"$TAP_DIR/entries"
	layerseal log --json >>"$TAP_DIR/entries"
	expect_grep API_TOKEN "$TAP_DIR/entries"
	expect_no_grep hunter2secret "$TAP_DIR/entries"
}
secret() {
	echo swordfish >"$WORK/tmp/secret"
	give "$WORK/tmp/secret"
	write_file <<-END
		FROM localhost/base
		RUN --mount=type=secret,id=s test -s /run/secrets/s && echo used >/used
	END
	sealing 1 --secret id=s,src="$WORK/tmp/secret" -f "$FILE" "$WORK/ctx"
	layerseal log --json >"$TAP_DIR/entries"
	expect_no_grep swordfish "$TAP_DIR/entries"
}
on_stdin() { guarded_build "$@" <"$WORK/tmp/stdin"; }
standard_input() {
	printf 'FROM localhost/base\nRUN echo in >/in\n' >"$WORK/tmp/stdin"
	expect_exit 0 on_stdin -t localhost/stdin -f - "$WORK/ctx"
	expect_sealed 1
	expect_clean
}
context_on_stdin() {
	printf 'FROM localhost/base\nCOPY app.txt /app.txt\n' >"$WORK/ctx/Containerfile"
	tar -C "$WORK/ctx" -cf "$WORK/tmp/stdin" Containerfile app.txt
	rm "$WORK/ctx/Containerfile"
	expect_exit 0 on_stdin -t localhost/stdin -
	expect_sealed 1
	expect_clean
}
containerignore() {
	mkdir -p "$WORK/tmp/ignoring"
	cp "$WORK/ctx/app.txt" "$WORK/tmp/ignoring"
	echo no >"$WORK/tmp/ignoring/left-out"
	echo left-out >"$WORK/tmp/ignoring/.containerignore"
	printf 'FROM localhost/base\nCOPY . /all\nRUN test ! -e /all/left-out\n' >"$WORK/tmp/ignoring/Containerfile"
	sealing 2 "$WORK/tmp/ignoring"
}
scratch() {
	write_file <<-END
		FROM scratch
		COPY app.txt /only
	END
	sealing 1 -t localhost/scratch -f "$FILE" "$WORK/ctx"
}
from_id() {
	write_file <<-END
		FROM $APP
		RUN echo by-id >/by-id
	END
	sealing 1 -f "$FILE" "$WORK/ctx"
}
from_short() {
	write_file <<-END
		FROM app
		RUN echo short >/short
	END
	sealing 1 -f "$FILE" "$WORK/ctx"
}
image_build() {
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 guard podman image build $(build_flags) -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 2
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 guard podman buildx build $(build_flags) -t localhost/new -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed 0
	expect_clean
}
bind_mount() {
	write_file <<-END
		FROM localhost/base
		RUN --mount=type=bind,from=localhost/app,target=/from cat /from/opt.txt >/got
	END
	sealing 1 -f "$FILE" "$WORK/ctx"
}
copy_from() {
	write_file <<-END
		FROM localhost/base
		COPY --from=localhost/app /tool.sh /tool.sh
	END
	sealing 1 -f "$FILE" "$WORK/ctx"
}
# As the engine calls this machine's own platform.
platform() {
	arch=$(podman info --format '{{.Host.Arch}}')
	expect_exit 0 guarded_build --platform "linux/$arch" --manifest localhost/list -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	expect_sealed any
	expect_clean
}
moved_name() {
	sealing 2 -t localhost/moves -f "$WORK/ctx/Containerfile.from" "$WORK/ctx"
	was=$(image_id localhost/moves)
	write_file <<-END
		FROM localhost/base
		RUN echo newer >/newer
	END
	sealing 1 -t localhost/moves -f "$FILE" "$WORK/ctx"
	[ "$(image_id localhost/moves)" != "$was" ]
}
cache_mount() {
	write_file <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/var/cache/x echo kept >>/var/cache/x/file; cat /var/cache/x/file >/seen
	END
	sealing 1 -f "$FILE" "$WORK/ctx"
}
changed_entrypoint() {
	write_file <<-END
		FROM localhost/app
		ENTRYPOINT ["/bin/sh"]
		LABEL a=b
	END
	sealing 0 -t localhost/entry -f "$FILE" "$WORK/ctx"
	sealing 0 -t localhost/entry -f "$FILE" "$WORK/ctx"
	expect_grep 'sealed 0 layers, 0 images' "$BUILT.err"
}
