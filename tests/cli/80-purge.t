#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `purge`: what goes, what stays, and what a hostile store cannot make it do.
# shellcheck disable=SC2015,SC2016,SC2317 # A && B || fail: fail is for both; $id is for jq
. "$(dirname "$0")/lib.sh"

json_edit() {
	json_file=$1
	shift
	json_text=$(jq -c "$@" "$json_file") && printf '%s' "$json_text" >"$json_file"
}
image_layer() { jq -r --arg n "$1" '.[] | select(.names // [] | index($n)) | .layer' "$G/overlay-images/images.json"; }
top() { image_layer localhost/tiny:latest; }
base() { image_layer localhost/tiny-base:latest; }
has_layer() { [ -n "$(jq -r --arg id "$1" '.[] | select(.id == $id).id' "$G/overlay-layers/layers.json")" ]; }
has_image() { store_podman image exists "$1"; }
poison() { echo EVIL >>"$G/overlay/$1/diff/etc/motd"; }
fates() { jq -r '.items[] | .object + " " + .fate' "$OUT" | sort -u; }
# All of the store that a purge could have changed.
snapshot() { (cd "$G" && find overlay overlay-layers overlay-images -printf '%p %y %s %T@ %l\n' | grep -v '\.lock ' | sort); }

clean_store() {
	sealed_store
	snapshot >"$WORK/before"
	for select in --violated --unsealed '--violated --unsealed'; do
		# shellcheck disable=SC2086 # one or two options
		expect_exit 0 guard purge $select --dry-run
		expect_grep 'nothing to purge' "$OUT"
		# shellcheck disable=SC2086
		expect_exit 0 guard purge $select
		expect_grep 'nothing to purge' "$OUT"
		expect_grep '^clean' "$OUT"
	done
	expect_exit 0 guard purge --all --older-than 9w
	snapshot | diff "$WORK/before" - || fail 'the store was changed'
	guard log --json | jq -e '[.entries[].op] | index("purge") | not' >/dev/null || fail 'something was logged'
	[ ! -e "$G.quarantine" ] || fail 'a quarantine without content'
}
cli_test 'a clean store is left alone' clean_store

usage() {
	sealed_store
	for arguments in '' '--dry-run' '--violated IMAGE' '--older-than' '--older-than 0d' '--older-than -1d' \
		'--older-than 5y' '--older-than 1dd' '--violated --nothing'; do
		# shellcheck disable=SC2086 # a list of arguments
		expect_exit 2 guard purge $arguments
	done
}
cli_test 'arguments that mean nothing' usage

violated() {
	sealed_store
	top=$(top)
	base=$(base)
	poison "$top"
	snapshot >"$WORK/before"
	expect_exit 1 guard purge --violated --dry-run
	expect_grep 'would go.*layer' "$OUT"
	snapshot | diff "$WORK/before" - || fail 'a dry run changed the store'
	expect_exit 0 guard purge --violated --json
	[ "$(fates)" = 'image removed
layer removed' ] || fail "fates: $(fates)"
	jq -e '.verdict == "clean" and .schema == "layerseal.purge/1" and .bytes_removed > 0' "$OUT" >/dev/null || fail 'no clean verdict'
	! has_layer "$top" && ! has_image localhost/tiny || fail 'it is still there'
	has_layer "$base" && has_image localhost/tiny-base || fail 'a good layer went along'
	expect_exit 0 guard verify --level full
	guard log --json >"$OUT"
	jq -e --arg id "$top" '.entries[-1] | .op == "retire" and .id == $id and (.reason | startswith("purged:"))' "$OUT" >/dev/null || fail 'no retirement'
	jq -e --arg id "$top" '.entries[-2] | .op == "purge" and .object == "layer" and .id == $id and .quarantine == "-"' "$OUT" >/dev/null || fail 'no purge entry'
	expect_exit 0 guard ledger check
	store_podman build -q --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK" >/dev/null || fail 'no build'
	[ "$(cat "$G/overlay/$(top)/diff/etc/motd")" = tiny ] || fail 'not the content that was built'
}
cli_test 'a violated layer goes, with the images of it, and nothing below it' violated

below() {
	sealed_store
	poison "$(base)"
	expect_exit 0 guard purge --violated
	[ "$(cat "$G/overlay-layers/layers.json")" = '[]' ] || fail 'layers are left'
	expect_exit 0 guard verify --level full
}
cli_test 'all that builds on a violated layer goes' below

unsealed() {
	sealed_store
	printf 'FROM localhost/tiny\nCOPY hostname /new\n' >"$WORK/Containerfile.new"
	store_podman build -q --isolation chroot -t localhost/new -f "$WORK/Containerfile.new" "$WORK" >/dev/null
	expect_exit 1 guard purge --violated
	has_image localhost/new || fail 'what is unsealed is not violated'
	expect_exit 1 guard purge --unsealed --older-than 1h
	has_image localhost/new || fail 'it is not an hour old'
	expect_exit 0 guard purge --unsealed
	! has_image localhost/new && has_image localhost/tiny || fail 'not the right ones went'
	expect_exit 0 guard purge --all
	[ "$(cat "$G/overlay-images/images.json")" = '[]' ] || fail 'images are left'
}
cli_test '--unsealed, --older-than, --all' unsealed

future() {
	sealed_store
	printf 'FROM localhost/tiny\nCOPY hostname /new\n' >"$WORK/Containerfile.new"
	store_podman build -q --isolation chroot -t localhost/new -f "$WORK/Containerfile.new" "$WORK" >/dev/null
	json_edit "$G/overlay-layers/layers.json" '.[-1].created = "2999-01-01T00:00:00Z"'
	json_edit "$G/overlay-images/images.json" 'map(if .names == ["localhost/new:latest"] then .created = "2999-01-01T00:00:00Z" else . end)'
	expect_exit 0 guard purge --unsealed --older-than 1h
}
cli_test 'a record from the future is no young one' future

running() {
	sealed_store
	poison "$(top)"
	container=$(store_podman create localhost/tiny sh)
	mount=$(store_podman mount "$container")
	expect_exit 1 guard purge --violated --json
	[ "$(fates)" = 'container kept
image kept
layer kept' ] || fail "fates: $(fates)"
	[ -e "$mount/etc/hostname" ] && has_image localhost/tiny || fail 'it was taken from under a container'
	# The record says that there is no such container; the kernel knows better.
	echo '[]' >"$G/overlay-containers/containers.json"
	expect_exit 1 guard purge --violated
	expect_exit 1 guard purge --violated --unsealed
	[ -e "$mount/etc/hostname" ] && has_layer "$(top)" || fail 'it was taken from under a hidden container'
}
cli_test 'what is mounted stays, whatever the records say' running

forced() {
	sealed_store
	poison "$(top)"
	container=$(store_podman create localhost/tiny sh)
	store_podman mount "$container" >/dev/null
	expect_exit 0 guard purge --violated --force
	! has_image localhost/tiny || fail 'it is still there'
	! store_podman container exists "$container" || fail 'the container is still there'
}
cli_test '--force takes running containers too' forced

stopped() {
	sealed_store
	container=$(store_podman create localhost/tiny sh)
	kept=$(store_podman create localhost/tiny-base sh)
	working=$(buildah --root "$G" --runroot "$R" --storage-driver overlay from localhost/tiny)
	poison "$(top)"
	expect_exit 0 guard purge --violated --json
	jq -e --arg id "$container" '.items[] | select(.object == "container" and .id == $id)' "$OUT" >/dev/null || fail 'it is not told'
	! store_podman container exists "$container" || fail 'a container of what went is left'
	store_podman container exists "$kept" || fail 'another container went along'
	! buildah --root "$G" --runroot "$R" --storage-driver overlay inspect "$working" >/dev/null 2>&1 || fail 'a working container is left'
	store_podman ps -a >/dev/null || fail 'podman does not work any more'
}
cli_test 'containers that do not run go with their image' stopped

# podman's rmi deletes overlay/l/<what `link` says>, whatever that is.
link_file() {
	sealed_store
	mkdir -p "$WORK/victim" && echo precious >"$WORK/victim/file"
	printf '../../../../victim' >"$G/overlay/$(top)/link"
	expect_exit 0 guard purge --violated --json
	[ "$(cat "$WORK/victim/file")" = precious ] || fail 'podman was led to a directory outside of the store'
	jq -e '[.items[] | select(.object == "layer").fate] == ["quarantined"]' "$OUT" >/dev/null || fail 'a layer with such a link file was given to the engine'
	[ "$(stat -c '%a %u' "$G.quarantine")" = '700 0' ] || fail 'a quarantine that others can look into'
	expect_exit 0 guard verify --level full
	store_podman images >/dev/null || fail 'podman does not work any more'
	store_podman build -q --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK" >/dev/null || fail 'no build'
}
cli_test 'a link file that leads podman outside of the store' link_file

quarantine_prepared() {
	sealed_store
	mkdir -p "$WORK/elsewhere"
	for how in 'ln -s ../elsewhere' 'mkdir -m 777' 'mkdir -m 700'; do
		rm -rf "$G.quarantine"
		$how "$G.quarantine"
		case $how in *700) chown 12345 "$G.quarantine" ;; esac
		ln -sfn /etc "$G/overlay/stray"
		expect_exit 1 guard purge --violated
		expect_grep 'quarantine' "$OUT" "$ERR"
		[ -L "$G/overlay/stray" ] || fail "moved although: $how"
		[ -z "$(ls -A "$WORK/elsewhere")" ] || fail 'moved where somebody wanted it'
	done
	rm -rf "$G.quarantine"
	expect_exit 0 guard purge --violated
	[ ! -L "$G/overlay/stray" ] || fail 'it is still there'
	[ -e /etc/passwd ] || fail '/etc was moved'
}
cli_test 'a quarantine that somebody prepared' quarantine_prepared

records_path() {
	sealed_store
	mkdir -p "$WORK/victim" && echo precious >"$WORK/victim/file"
	json_edit "$G/overlay-layers/layers.json" '. + [.[0] + {id: "../../../victim"}]'
	json_edit "$G/overlay-images/images.json" '. + [.[0] + {id: "../../../victim"} | del(.names)]'
	expect_exit 0 guard purge --violated
	[ "$(cat "$WORK/victim/file")" = precious ] || fail 'something outside of the store is gone'
	has_image localhost/tiny || fail 'a good image went along'
	expect_exit 0 guard verify --level full
}
cli_test 'ids that are paths' records_path

no_records() {
	sealed_store
	printf '[{"id":' >"$G/overlay-layers/layers.json"
	expect_exit 0 guard purge --violated
	expect_grep 'quarantined.*file overlay-layers/layers.json' "$OUT"
	[ -z "$(store_podman images -q -a)" ] || fail 'podman knows images without layers'
	! find "$G/overlay" -mindepth 1 -maxdepth 1 | grep -E '/[0-9a-f]{64}$' || fail 'directories are left'
	guard log --json | jq -e '[.entries[] | select(.op == "retire")] | length == 4' >/dev/null || fail 'not all that was sealed is retired'
	[ -s "$(echo "$G".quarantine/*/overlay-layers/layers.json)" ] || fail 'the file is not kept'
	tar -C "$WORK/rootfs" -c . | store_podman import -q - localhost/tiny-base >/dev/null || fail 'podman does not work any more'
	store_podman build -q --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK" >/dev/null || fail 'no build'
}
cli_test 'layers.json that nobody can read' no_records

no_records_running() {
	sealed_store
	store_podman mount "$(store_podman create localhost/tiny sh)" >/dev/null
	printf '[{"id":' >"$G/overlay-layers/layers.json"
	snapshot >"$WORK/before"
	expect_exit 1 guard purge --violated
	expect_grep 'something that runs uses it' "$ERR"
	snapshot | diff "$WORK/before" - || fail 'the store was changed'
}
cli_test '... while a container runs' no_records_running

planted_child() {
	sealed_store
	evil=$(printf '%064d' 7)
	cp -a "$G/overlay/$(top)" "$G/overlay/$evil"
	printf EVILEVILEVILEVILEVILEVILEV >"$G/overlay/$evil/link"
	ln -s "../$evil/diff" "$G/overlay/l/EVILEVILEVILEVILEVILEVILEV"
	json_edit "$G/overlay-layers/layers.json" --arg id "$evil" --arg parent "$(base)" '. + [.[0] + {id: $id, parent: $parent}]'
	expect_exit 0 guard purge --unsealed --violated
	has_image localhost/tiny && has_image localhost/tiny-base || fail 'good images went along'
	! has_layer "$evil" && [ ! -e "$G/overlay/$evil" ] || fail 'the planted layer is left'
	[ ! -L "$G/overlay/l/EVILEVILEVILEVILEVILEVILEV" ] || fail 'its link is left'
}
cli_test 'a planted layer that claims a good parent' planted_child

parents_in_a_ring() {
	sealed_store
	json_edit "$G/overlay-layers/layers.json" --arg top "$(top)" --arg base "$(base)" \
		'map(if .id == $base then .parent = $top else . end)'
	expect_exit 0 guard purge --violated
	expect_exit 0 guard verify --level full
}
cli_test 'layers that are each others parents' parents_in_a_ring

environment() {
	sealed_store
	poison "$(top)"
	mkdir -p "$WORK/bin"
	printf '#!/bin/sh\ntouch %s/called\n' "$WORK" >"$WORK/bin/podman"
	chmod 755 "$WORK/bin/podman"
	cp "$WORK/bin/podman" "$WORK/bin/buildah"
	PATH="$WORK/bin:$PATH" CONTAINER_HOST=unix:///nowhere CONTAINERS_CONF=/dev/null/x STORAGE_DRIVER=vfs \
		HOME=/nonexistent XDG_RUNTIME_DIR=/nonexistent CONTAINERS_STORAGE_CONF=/nonexistent \
		expect_exit 0 guard purge --violated
	[ ! -e "$WORK/called" ] || fail 'a podman out of PATH was run'
	expect_grep 'removed.*layer' "$OUT"
}
cli_test 'an environment that leads elsewhere' environment

no_key() {
	sealed_store
	poison "$(top)"
	mv "$L/key" "$WORK/key"
	expect_exit 1 guard purge --violated
	expect_grep 'logged' "$ERR"
	has_image localhost/tiny || fail 'something went without a word in the log'
	expect_exit 1 guard purge --violated --dry-run
	mv "$WORK/key" "$L/key"
}
cli_test 'nothing goes that cannot be logged' no_key

busy() {
	sealed_store
	ln -s /etc "$G/overlay/stray"
	# An engine's lock, for three seconds.
	python3 -c 'import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(3)' "$G/overlay-layers/layers.lock" >"$WORK/locked" &
	until [ -s "$WORK/locked" ]; do sleep 0.1; done
	begin=$(date +%s)
	expect_exit 0 guard purge --violated
	[ $(($(date +%s) - begin)) -ge 2 ] || fail 'it did not wait for the lock'
	wait
}
cli_test 'it waits for an engine at work' busy

heal() {
	sealed_store
	poison "$(top)"
	printf '[findings]\nlayer-unsealed = purge\n' >"$WORK/now/other.conf"
	printf '[findings]\ntree-content = purge\ntree-mtime = purge\n' >"$WORK/now/heal.conf"
	expect_exit 1 guard verify --heal
	expect_exit 1 guard --config "$WORK/now/other.conf" verify --heal
	expect_exit 1 guard --config "$WORK/now/heal.conf" verify
	expect_exit 2 guard --config "$WORK/now/heal.conf" verify --heal localhost/tiny
	has_image localhost/tiny || fail 'it was taken out unasked'
	mv "$L/key" "$WORK/key"
	expect_exit 1 guard --config "$WORK/now/heal.conf" verify --heal
	expect_grep tree-content "$OUT"
	mv "$WORK/key" "$L/key"
	expect_exit 0 guard --config "$WORK/now/heal.conf" verify --heal --json
	jq -e '.verdict == "clean" and ([.purged.items[].fate] | unique == ["removed"])' "$OUT" >/dev/null || fail 'not healed'
	! has_image localhost/tiny && has_image localhost/tiny-base || fail 'not the right one went'
	expect_exit 0 guard --config "$WORK/now/heal.conf" verify --heal
}
cli_test 'verify --heal takes out what the policy says to purge' heal

heal_running() {
	sealed_store
	poison "$(top)"
	printf '[findings]\ntree-content = purge\ntree-mtime = purge\n' >"$WORK/now/heal.conf"
	store_podman mount "$(store_podman create localhost/tiny sh)" >/dev/null
	expect_exit 1 guard --config "$WORK/now/heal.conf" verify --heal
	has_image localhost/tiny || fail 'it was taken from under a container'
}
cli_test '... and nothing that runs' heal_running

heal_build() {
	sealed_store
	poison "$(top)"
	printf '[findings]\ntree-content = purge\ntree-mtime = purge\n' >"$WORK/now/heal.conf"
	check() {
		guard --config "$WORK/now/heal.conf" hook check --engine podman -- podman \
			--root "$G" --runroot "$R" --storage-driver overlay build .
	}
	expect_exit 0 check
	expect_grep 'removed.*layer' "$ERR"
	[ ! -s "$OUT" ] || fail 'standard output is the engine'"'"'s'
	! has_image localhost/tiny || fail 'it is still there'
	expect_exit 0 check
	[ ! -s "$ERR" ] || fail "words about a clean store: $(cat "$ERR")"
}
cli_test 'a hook heals before a build' heal_build

layer_field() { jq -r --arg id "$1" ".[] | select(.id == \$id) | .\"$2\"" "$G/overlay-layers/layers.json"; }

revoked_layer() {
	sealed_store
	diff_id=$(layer_field "$(top)" diff-digest)
	expect_exit 0 guard revoke --reason 'a leaked password' "$diff_id"
	for level in stat full; do
		expect_exit 1 guard verify --level $level --json
		jq -e --arg id "$(top)" '[.findings[] | select(.class == "revoked") | .layer] == [$id]' "$OUT" >/dev/null || fail 'not found'
		grep -q 'a leaked password' "$OUT" || fail 'the reason is not told'
	done
	other=sha256:$(printf '%064d' 5)
	expect_exit 1 guard purge --revoked="$other"
	has_image localhost/tiny || fail 'another digest was meant'
	expect_exit 0 guard purge --revoked="$diff_id"
	! has_image localhost/tiny && has_image localhost/tiny-base || fail 'not the right one went'
	# What is built anew has another time in it, and so another digest.
	store_podman build -q --isolation chroot -t localhost/tiny -f "$WORK/Containerfile" "$WORK" >/dev/null
	guard seal --all --quiet
	expect_exit 0 guard verify
	expect_exit 0 guard ledger check
}
cli_test 'a revoked diff-id' revoked_layer

revoked_image() {
	sealed_store
	image=$(store_podman image inspect --format '{{.Id}}' localhost/tiny)
	tree=$(guard show --json "$(top)" | jq -r '.. | .tree? // empty' | head -n 1)
	[ "${#tree}" = 71 ] || fail "tree: $tree"
	for digest in "$image" "$tree"; do
		expect_exit 0 guard revoke --reason why "$digest"
		expect_exit 1 guard verify
		expect_grep revoked "$OUT"
		expect_exit 1 guard revoke --reason again "$digest"
		expect_exit 0 guard revoke --undo --reason mistake "$digest"
		expect_exit 0 guard verify
		expect_exit 1 guard revoke --undo --reason again "$digest"
	done
	for arguments in '' "$image" '--reason why' '--reason why tiny' "--reason why $image $image" "--reason why ${image}0"; do
		# shellcheck disable=SC2086 # a list of arguments
		expect_exit 2 guard revoke $arguments
	done
	expect_exit 2 guard revoke --reason '' "$image"
	expect_exit 2 guard purge --revoked=tiny
	expect_exit 0 guard revoke --reason why "$image"
	# It counts however the ledger is read.
	expect_exit 0 guard ledger compact
	expect_exit 1 guard verify
	expect_exit 0 guard purge --revoked
	! has_image localhost/tiny || fail 'it is still there'
	expect_exit 0 guard ledger check
}
cli_test 'a revoked image, a revoked tree, and a mistake' revoked_image

units() {
	for unit in "$HERE"/../../systemd/layerseal-purge.*; do
		sed 's|@BINDIR@|/bin|' "$unit" >"$WORK/$(basename "$unit")"
	done
	ln -sf /bin/true "$WORK/layerseal"
	sed -i "s|/bin/layerseal|$WORK/layerseal|" "$WORK/layerseal-purge.service"
	command -v systemd-analyze >/dev/null || return 0
	expect_exit 0 systemd-analyze verify --man=no "$WORK/layerseal-purge.service" "$WORK/layerseal-purge.timer"
	[ ! -s "$ERR" ] || fail "$(cat "$ERR")"
}
cli_test 'the units of systemd' units

done_testing
