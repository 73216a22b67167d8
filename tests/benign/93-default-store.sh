# SPDX-License-Identifier: Apache-2.0
what='the default store: podman and layerseal find the same one, without options'
makes=objects drivers=overlay
# /var/lib/containers of the engine's namespace is a private one, as is the user's home.
setup() { STORAGE_CONF=default; }
before_seal() {
	for dir in "$WORK/var-lib-containers" "$WORK/home"; do
		find "$dir" -mindepth 1 -delete
	done
	# Without this file rootless podman 4.3 would take vfs.
	if [ -n "$ROOTLESS" ]; then
		mkdir -p "$WORK/home/.config/containers"
		printf '[storage]\ndriver = "overlay"\n' >"$WORK/home/.config/containers/storage.conf"
		give -R "$WORK/home/.config"
	fi
	podman load -q -i "$WORK/extra/extra.oci"
	layerseal init
	[ "$(layerseal store --json | jq -r .graphroot)" = "$(podman info --format '{{.Store.GraphRoot}}')" ]
	rm -rf "$LEDGER" "$LEDGER.trust" "$LEDGER.trust+head"
}
operate() {
	build_text -t localhost/new <<-END
		FROM localhost/extra
		RUN echo new > /new.txt
	END
	# What judge looks for among the sealed is in another place here.
	: >"$TAP_DIR/sealed"
}
cleanup() {
	STORAGE_CONF=default
	podman system reset -f
	find "$WORK/home" -mindepth 1 -delete
}
