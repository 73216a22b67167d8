# SPDX-License-Identifier: Apache-2.0
tests='clean changed_and_back new_seal unsealed other_policy no_watcher dead_socket status seal_refused seal_allowed
seal_in_place metrics reload accepted revoked beside_the_tree'
once='other_policy dead_socket'

clean() {
	watch_start "$SOURCE"
	by_watcher 0
	expect_exit 0 asked verify
	expect_grep 'watcher' "$OUT"
	expect_exit 0 asked verify --level full --json
	[ "$(jq -r '.watcher // "none"' "$OUT")" = none ] || fail 'a watcher has not read every byte'
}
changed_and_back() {
	watch_start "$SOURCE"
	cp -a "$TREE/opt.txt" "$WORK/was"
	echo changed >"$TREE/opt.txt"
	by_watcher 1
	expect_finding tree-content /opt.txt
	watch_expect tree-content /opt.txt
	cat "$WORK/was" >"$TREE/opt.txt"
	touch -r "$WORK/was" "$TREE/opt.txt"
	touch -r "$WORK/kept/g/${TREE#"$G"/}" "$TREE"
	by_watcher 0
	watch_wait '.kind == "cleared"' 1 || fail 'it did not say that it is as it was'
}
# What is found beside a tree stays found, whatever is clean in it.
beside_the_tree() {
	watch_start "$SOURCE"
	echo planted | gzip >"$G/$DRIVER-layers/$TREE_LAYER.tar-split.gz"
	by_watcher 1
	expect_finding tar-split
	touch -r "$TREE/opt.txt" "$TREE/opt.txt"
	by_watcher 1
	expect_finding tar-split
}
# What is sealed while it runs is watched from then on.
new_seal() {
	watch_start "$SOURCE"
	build -t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
	by_watcher 1
	expect_finding image-unsealed
	expect_exit 0 layerseal seal --all
	by_watcher 0
	new=$(image_layer "$(image_id localhost/later)")
	case $DRIVER in
	vfs) tree=$G/vfs/dir/$new ;;
	*) tree=$G/overlay/$new/diff ;;
	esac
	echo planted >"$tree/planted"
	by_watcher 1
	expect_finding tree-added /planted
	watch_expect tree-added /planted
}
unsealed() {
	watch_start "$SOURCE"
	build -t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
	watch_expect image-unsealed
	watch_expect_silence
	podman rmi -f localhost/later
	by_watcher 0
	watch_expect_silence
}
# A verdict is only for who judges alike.
other_policy() {
	watch_start "$SOURCE"
	cp "$WATCH_CONF" "$WORK/other.conf"
	printf '[findings]\nname-unsealed = deny\n' >>"$WORK/other.conf"
	WATCH_CONF=$WORK/other.conf by_itself 0
	by_watcher 0
}
no_watcher() {
	watch_start "$SOURCE"
	expect_exit 0 asked verify --no-watcher --json
	[ "$(jq -r '.watcher // "none"' "$OUT")" = none ]
	watch_stop
	WATCH_CONF=$WORK/watch.conf
	by_itself 0
}
dead_socket() {
	watch_start "$SOURCE"
	watch_signal KILL
	sleep 0.2
	[ -e "$WORK/watch.sock" ]
	by_itself 0
	watch_start "$SOURCE"
	by_watcher 0
}
status() {
	watch_start "$SOURCE"
	[ "$(status_of_watcher .source)" = "$SOURCE" ]
	[ "$(status_of_watcher .alarms)" = 0 ]
	[ "$(status_of_watcher .verdict)" = clean ]
	[ "$(status_of_watcher .last_pass)" -gt 1700000000 ]
	chmod 777 "$TREE/opt.txt"
	watch_expect tree-mode /opt.txt
	sleep 0.3
	[ "$(status_of_watcher .alarms)" -ge 1 ] || fail "$(asked status --json)"
	[ "$(status_of_watcher .verdict)" = violated ]
	expect_exit 0 asked status
	expect_grep 'watcher' "$OUT"
	# Entries are written once a second.
	sleep 2.5
	layerseal log >"$WORK/log"
	expect_grep ' alarm ' "$WORK/log"
}
# Not the owner of the store, nor anybody else who is not named.
seal_refused() {
	watch_start "$SOURCE"
	build -t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
	expect_exit 1 asked watch seal
	expect_grep 'seal-users' "$ERR"
	by_watcher 1
}
seal_allowed() {
	watch_settings='seal-users = root'
	watch_start "$SOURCE"
	build -t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
	by_watcher 1
	expect_exit 0 asked watch seal
	by_watcher 0
	watch_expect_silence
}
# Nobody can hand it what to seal: it measures.
seal_in_place() {
	watch_settings='seal-users = root'
	watch_start "$SOURCE"
	echo changed >"$TREE/opt.txt"
	expect_exit 1 asked watch seal localhost/app
	expect_grep 'tree-content' "$ERR"
	by_watcher 1
}
metrics() {
	watch_settings="metrics = $WORK/tmp/layerseal.prom"
	watch_start "$SOURCE"
	chmod 777 "$TREE/opt.txt"
	watch_expect tree-mode /opt.txt
	# It is written four times a minute.
	tries=0
	until grep -q 'layerseal_watch_alarms_total.* [1-9]' "$WORK/tmp/layerseal.prom" || [ $tries -gt 200 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	expect_grep '^layerseal_watch_alarms_total.* [1-9]' "$WORK/tmp/layerseal.prom"
	watch_settings=
}
reload() {
	watch_start "$SOURCE"
	chmod 777 "$TREE/opt.txt"
	by_watcher 1
	printf '[findings]\ntree-mode = warn\n' >>"$WATCH_CONF"
	# Until it has read it, too, it is another one's watcher.
	by_itself 0
	watch_pass
	by_watcher 0
	echo 'nonsense' >>"$WATCH_CONF"
	watch_pass
	expect_grep 'expected NAME = VALUE' "$WATCH_LOG.err"
	sed -i '/nonsense/d' "$WATCH_CONF"
	by_watcher 0
}
accepted() {
	watch_start "$SOURCE"
	echo new >"$IMAGES/$APP/added"
	by_watcher 1
	expect_finding image-file
	rm "$IMAGES/$APP/added"
	by_watcher 0
}
revoked() {
	watch_start "$SOURCE"
	expect_exit 0 layerseal revoke --reason bad "sha256:$APP"
	by_watcher 1
	expect_finding revoked
}
