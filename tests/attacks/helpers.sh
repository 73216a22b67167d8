# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helpers.sh: what several attacks need. The store's variables are those of tests/lib/store.sh.

# quietly FILE COMMAND...: run COMMAND, then give FILE its modification time back.
quietly() {
	touch -r "$1" "$WORK/stamp"
	quiet_file=$1
	shift
	"$@"
	touch -r "$WORK/stamp" "$quiet_file"
}

# overwrite FILE SED: the same inode, edited.
overwrite() {
	sed "$2" "$1" >"$WORK/new"
	cat "$WORK/new" >"$1"
}

edit_quietly() { quietly "$1" overwrite "$1" "$2"; }

# poke ARGS: see tests/lib/poke.c
poke() {
	[ -x "$WORK/poke" ] || cc -o "$WORK/poke" "$LIB/poke.c"
	"$WORK/poke" "$@"
}

# $WORK/evil/diff: LAYER's tree with another tool.sh, same size and time.
evil_tree() {
	cp -a "$(layer_tree "$LAYER")" "$WORK/evil/diff"
	edit_quietly "$WORK/evil/diff/tool.sh" 's/GOOD/EVIL/'
}

# A link that is right for the kernel and for podman 5, which joins its target with overlay/l.
evil_link() {
	mkdir -p "$WORK/evil/a/b"
	ln -sfn ../../../evil/diff "$WORK/evil/a/b/link"
}

link_of() { cat "$PLACE/$1/link"; }

# json_edit FILE ARGS... EXPRESSION: with jq, written as Go writes it: compact, no newline at the end.
json_edit() {
	json_file=$1
	shift
	json_text=$(jq -c "$@" "$json_file")
	printf '%s' "$json_text" >"$json_file"
}

# json_text FILE SED: raw text, for what jq would not write.
json_text() {
	sed "$2" "$1" >"$WORK/json"
	! cmp -s "$WORK/json" "$1" || fail "the text $2 matches nothing in $1"
	cat "$WORK/json" >"$1"
}

edit_image() { json_edit "$IMAGES/images.json" --arg id "$1" "map(if .id == \$id then ($2) else . end)"; }
edit_layer() { json_edit "$LAYERS/layers.json" --arg id "$1" "map(if .id == \$id then ($2) else . end)"; }

# Big data of LAYER, what partial pulls keep: layer_data TEXT NAME adds an item, layer_data_file NAME is its path.
layer_data_file() { echo "$LAYERS/$LAYER/=$(printf '%s' "$1" | base64 -w0)"; }
layer_data() {
	mkdir -p "$LAYERS/$LAYER"
	echo "$1" >"$(layer_data_file "$2")"
	edit_layer "$LAYER" ".\"big-data-names\" += [\"$2\"]"
}

# after_layer TEXT: into the record of `app`, after its top layer.
after_layer() { json_text "$IMAGES/images.json" "s/\(\"id\":\"$APP\"[^}]*\"layer\":\"$TOP\"\)/\1,$1/"; }

# The file of a big-data item: containers/storage's makeBigDataBaseName.
big_data_file() {
	case $2 in
	*[!.0-9a-z]*) echo "$IMAGES/$1/=$(printf '%s' "$2" | base64 -w0)" ;;
	*) echo "$IMAGES/$1/$2" ;;
	esac
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# write_config IMAGE CONFIG: IMAGE gets the configuration in the file CONFIG and a manifest that says
# so; the image id and images.json stay. Sets config_digest and manifest_digest.
write_config() {
	config_digest=$(sha256 "$2")
	cp "$2" "$(big_data_file "$1" "sha256:$config_digest")"
	json_edit "$IMAGES/$1/manifest" --arg digest "sha256:$config_digest" --argjson size "$(stat -c %s "$2")" \
		'.config.digest = $digest | .config.size = $size'
	manifest_digest=$(sha256 "$IMAGES/$1/manifest")
}

# edited_config IMAGE EXPRESSION: its configuration edited, in $WORK/config.
edited_config() {
	jq -c "$2" "$(big_data_file "$1" "sha256:$1")" | tr -d '\n' >"$WORK/config"
}

# forge_image IMAGE EXPRESSION: a new image, correct in itself, with IMAGE's layers and an edited
# configuration; first in images.json. Sets FORGED.
forge_image() {
	edited_config "$1" "$2"
	FORGED=$(sha256 "$WORK/config")
	cp -r "$IMAGES/$1" "$IMAGES/$FORGED"
	give -R "$IMAGES/$FORGED"
	find "$IMAGES/$FORGED" -name '=*' -delete
	write_config "$FORGED" "$WORK/config"
	cp "$IMAGES/$FORGED/manifest" "$(big_data_file "$FORGED" "manifest-sha256:$manifest_digest")"
	json_edit "$IMAGES/images.json" --arg from "$1" --arg id "$FORGED" \
		--arg manifest "sha256:$manifest_digest" \
		--argjson config_size "$(stat -c %s "$WORK/config")" \
		--argjson manifest_size "$(stat -c %s "$IMAGES/$FORGED/manifest")" '
		(.[] | select(.id == $from)) as $old
		| ("sha256:" + $id) as $config | ("manifest-" + $manifest) as $name
		| [$old + {id: $id, digest: $manifest,
			"big-data-names": [$config, $name, "manifest"],
			"big-data-sizes": {($config): $config_size, ($name): $manifest_size, manifest: $manifest_size},
			"big-data-digests": {($config): $config, ($name): $manifest, manifest: $manifest}}
			| del(.names, ."names-history")] + .'
}

# inject_image: an image made with ordinary commands only, whose history says that it is the first
# step of `app`; first in images.json.
inject_image() {
	step=$(jq -r '.history[1].created_by' "$(big_data_file "$APP" "sha256:$APP")")
	container=$(buildah from localhost/base)
	mount=$(buildah mount "$container")
	in_engine sh -c "cp -a '$(layer_tree "$LAYER")'/. '$mount' && echo 'echo EVIL' >'$mount/tool.sh'"
	buildah umount "$container"
	buildah config --created-by "$step" "$container"
	buildah commit --format oci "$container"
	buildah rm "$container"
	json_edit "$IMAGES/images.json" reverse
}

# plant_layer_directory ID: an overlay directory for a layer that podman did not make, with an evil
# tool.sh, on the base layer. Sets PLANTED_LINK.
plant_layer_directory() {
	PLANTED_LINK=EVILEVILEVILEVILEVILEVILEV
	mkdir -p "$PLACE/$1/work"
	evil_tree
	mv "$WORK/evil/diff" "$PLACE/$1/diff"
	printf %s "$PLANTED_LINK" >"$PLACE/$1/link"
	printf 'l/%s' "$(link_of "$BASE")" >"$PLACE/$1/lower"
	ln -s "../$1/diff" "$PLACE/l/$PLANTED_LINK"
}

# plant_known_layer: the layer of an image that will be pulled some day, known beforehand, with other
# files in it. Its record is in $WORK/planted.json.
plant_known_layer() {
	cp -a "$WORK/extra/layer" "$PLACE/$EXTRA_LAYER"
	edit_quietly "$PLACE/$EXTRA_LAYER/diff/tool.sh" 's/GOOD/EVIL/'
	ln -s "../$EXTRA_LAYER/diff" "$PLACE/l/$(link_of "$EXTRA_LAYER")"
	cp -a "$WORK/extra/tar-split.gz" "$LAYERS/$EXTRA_LAYER.tar-split.gz"
	cp "$WORK/extra/record.json" "$WORK/planted.json"
}

# mounted IMAGE COMMAND...: COMMAND in the root directory of a mounted working container of IMAGE.
mounted() {
	container=$(buildah from "$1")
	shift
	in_engine sh -c 'cd "$1" && shift && "$@"' sh "$(buildah mount "$container")" "$@"
}

run_says() {
	# shellcheck disable=SC2046 # a list of flags
	podman run --rm $(run_flags) "$2" >"$WORK/run.log" 2>&1 || fail "podman run failed: $(cat "$WORK/run.log")"
	expect_grep "$1" "$WORK/run.log"
}

# cache_build: a build that fills the cache mount /cc, in before_seal. cache_sealed: begins an attack with
# all cache mounts sealed and clean. CC is where the engine keeps /cc.
cache_build() {
	cat >"$WORK/ctx/Containerfile.cache" <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/cc mkdir -p /cc/sub && echo GOOD >/cc/tool && echo more >/cc/sub/more
	END
	build -t localhost/cached -f "$WORK/ctx/Containerfile.cache" "$WORK/ctx"
	CC=$WORK/tmp/buildah-cache/cc
	[ "$ENGINE" = bookworm ] ||
		CC=$WORK/tmp/buildah-cache-$(owner_uid)/$(printf /cc | sha256sum | cut -c 1-16)
	[ -f "$CC/tool" ] || fail "the cache mount is not at $CC"
}
owner_uid() { if [ -z "${ROOTLESS-}" ]; then echo 0; else echo 31337; fi; }
cache_sealed() {
	layerseal seal --all --cache-mounts
	expect_exit 0 verify stat
	expect_exit 0 verify full
}

# A new step, which no build has cached, gets the cache mount.
cache_says() {
	cat >"$WORK/ctx/Containerfile.later-cache" <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/cc ls -l /cc; cat /cc/tool /cc/added || true
	END
	build --no-cache -f "$WORK/ctx/Containerfile.later-cache" "$WORK/ctx" >"$WORK/build.log" 2>&1 ||
		fail "no build: $(cat "$WORK/build.log")"
	said "$1"
}
