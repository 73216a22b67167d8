# SPDX-License-Identifier: Apache-2.0
# Only a registry can be pulled from in parts: not run where Debian's docker-registry is not installed.
what='partial pulls of zstd:chunked images, one sealed before the other' makes=objects drivers=overlay
engines=trixie rootless=no
command -v docker-registry >/dev/null || engines=
REGISTRY=127.0.0.1:$((20000 + $$ % 20000))

registry_start() {
	mkdir -p "$WORK/registry"
	cat >"$WORK/registry.yml" <<-END
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $WORK/registry}}
		http: {addr: $REGISTRY}
	END
	docker-registry serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 3>&- &
	echo $! >"$WORK/registry.pid"
}

push() {
	podman push -q --tls-verify=false --compression-format zstd:chunked --force-compression \
		"localhost/$1" "$REGISTRY/$1"
}

pull() { podman pull -q --tls-verify=false "$REGISTRY/$1"; }

before_seal() {
	registry_start
	storage_conf '[storage.options.pull_options]
enable_partial_images = "true"'
	build_text -t localhost/second <<-'END'
		FROM localhost/app
		RUN cp /bin/busybox /again && ln -s a /l && mkfifo /pipe && mkdir -p /d/e && chown 5:6 /d && rm -r /srv
	END
	push app
	push second
	podman rmi -a -f
	pull app
}
operate() {
	pull second
	jq -e 'any(.[]; ."big-data-names" // [] | index("chunked-manifest-cache"))' "$LAYERS/layers.json"
	run "$REGISTRY/second"
	# The layers of `app` have an index now, which is new.
	: >"$TAP_DIR/sealed"
}
cleanup() {
	kill "$(cat "$WORK/registry.pid")"
	rm -rf "$WORK/registry"
}
