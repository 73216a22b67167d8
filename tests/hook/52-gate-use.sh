# SPDX-License-Identifier: Apache-2.0
what='the mount gate: ordinary work is not disturbed'
drivers=overlay
mounted_run() {
	# shellcheck disable=SC2046 # a list of flags
	podman run $(run_flags) "$@"
}
operate() {
	gate_install
	volumes
	mounts
	containers
	stages
	expect_exit 0 gated verify --quiet
	expect_exit 0 gated verify --quiet --level oci
	if has_fuse; then
		gate_install 'mount = fuse'
		expect_exit 0 mounted_run --rm localhost/flat
		expect_exit 0 mounted_run -d --name fused localhost/base sh -c 'echo one > /one; grep " / " /proc/mounts; sleep 300'
		sleep 0.2
		podman logs fused | grep fuse
		expect_exit 0 podman diff fused
		expect_exit 0 podman rm -f -t 0 fused
	fi
}
volumes() {
	mkdir -p "$WORK/tmp/v2"
	give -R "$WORK/tmp"
	expect_exit 0 mounted_run --rm -v "$WORK/ctx:/ctx:O" localhost/base cat /ctx/app.txt
	expect_grep application "$OUT"
	expect_exit 0 mounted_run --rm -v "$WORK/tmp/v2:/v:O" localhost/base sh -c 'echo x > /v/x && cat /v/x'
	[ ! -e "$WORK/tmp/v2/x" ]
	expect_exit 0 mounted_run --rm --mount "type=volume,source=vol,target=/v" localhost/base touch /v/x
	expect_exit 0 podman volume rm vol
}
has_fuse() { in_engine test -x /usr/bin/fuse-overlayfs; }
mounts() {
	mkdir -p "$WORK/tmp/context"
	echo x >"$WORK/tmp/context/look.sh"
	give "$WORK/tmp/context" "$WORK/tmp/context/look.sh"
	file=$(
		containerfile <<-END
			FROM localhost/base
			RUN --mount=type=bind,source=look.sh,target=/x.sh test -s /x.sh
			RUN --mount=type=bind,from=localhost/app,target=/y test -s /y/tool.sh
			RUN --mount=type=tmpfs,target=/z touch /z/a
			RUN --mount=type=cache,target=/c touch /c/a
			COPY --from=localhost/app /opt.txt /copied
		END
	)
	build -f "$file" "$WORK/tmp/context"
	rm -rf "$WORK/tmp/buildah-cache"*
	if [ -z "$ROOTLESS" ]; then
		expect_exit 0 podman image mount localhost/app
		[ "$(in_engine cat "$(cat "$OUT")/app.txt")" = application ]
		expect_exit 0 podman image unmount localhost/app
	fi
}
containers() {
	delete=''
	! has_fuse || delete='rm /etc/motd;'
	expect_exit 0 mounted_run -d --name kept localhost/base sh -c "echo one > /one; $delete sleep 300"
	expect_exit 0 podman exec kept cat /one
	# What is in use can be told from the mounts, as without a gate.
	podman exec kept cat /proc/self/mountinfo | grep ' / / ' | grep -q "lowerdir=.*l/$(cat "$PLACE/$BASE/link")"
	# A running container is committed: its layer is mounted a second time.
	expect_exit 0 podman commit -q kept localhost/saved
	expect_exit 0 podman exec kept sh -c 'cat /one && echo two > /two'
	expect_grep one "$OUT"
	# podman 5 looks for FUSE on a layer that it has mounted, and cannot tidy up where the kernel's is.
	if [ "$ENGINE" = bookworm ]; then
		expect_exit 0 podman diff kept
		expect_grep 'A /one' "$OUT"
		expect_grep 'D /etc/motd' "$OUT"
	else
		expect_exit 125 podman diff kept
		expect_grep 'device or resource busy' "$ERR"
	fi
	expect_exit 0 podman cp kept:/two "$WORK/tmp/two"
	expect_exit 0 podman kill kept
	expect_exit 0 podman rm -f kept
	gated seal --all --quiet
	expect_exit 0 mounted_run --rm localhost/saved cat /one
	! has_fuse || expect_exit 1 mounted_run --rm localhost/saved test -e /etc/motd
	expect_exit 0 podman save -q --format oci-archive -o "$WORK/tmp/kept.oci" localhost/saved
	expect_exit 0 podman rmi localhost/saved
	expect_exit 0 podman load -q -i "$WORK/tmp/kept.oci"
}
# Deletions, which engines unpack as files under a mount program: only fuse-overlayfs can mount them.
deleted() {
	build_text -t localhost/staged <<-END
		FROM localhost/base AS one
		RUN echo artifact > /artifact && rm -rf /srv
		RUN test ! -e /srv && mkdir -p /srv && touch /srv/new
		FROM localhost/base
		COPY --from=one /artifact /srv/artifact
		RUN test -e /srv/artifact && test -e /srv/data/old.txt
		RUN rm -r /srv/data
		RUN test ! -e /srv/data && test ! -e /srv/.wh.data
	END
}
stages() {
	if has_fuse; then
		deleted
	else
		gate_refuses 'install fuse-overlayfs' deleted
	fi
	# shellcheck disable=SC2046 # a list of flags
	build --squash -t localhost/squashed -f "$WORK/ctx/Containerfile.other" "$WORK/ctx"
	# shellcheck disable=SC2046 # a list of flags
	buildah bud $(build_flags) --layers=false -t localhost/flat -f "$WORK/ctx/Containerfile.other" "$WORK/ctx"
	# A layer with such files is sealed only where the configuration expects them.
	find "$PLACE" -name '.wh.*' | grep -q .
	expect_exit 1 layerseal seal --all --quiet
	expect_grep 'wh[.]' "$ERR"
	gated seal --all --quiet
	expect_exit 0 mounted_run --rm localhost/flat
}
