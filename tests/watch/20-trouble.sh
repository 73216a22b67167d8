# SPDX-License-Identifier: Apache-2.0
tests='killed storm overrun exchanged moved_away mounted mounted_cache
removed_and_back replaced_ledger rolled_back purged busy hammer'
once='replaced_ledger rolled_back'

# Whenever it dies, the next one finds what happened meanwhile.
killed() {
	for pause in 0 0.02 0.05 0.1 0.3; do
		watch_start "$SOURCE"
		chmod 777 "$TREE/opt.txt"
		sleep $pause
		watch_signal KILL
		by_itself 1
		watch_start "$SOURCE"
		watch_expect tree-mode /opt.txt
		by_watcher 1
		chmod 644 "$TREE/opt.txt"
		by_watcher 0
		watch_stop
	done
	expect_exit 0 layerseal ledger check
}
# Few words about much, and none of it missed.
storm() {
	watch_start "$SOURCE"
	mkdir "$TREE/many"
	(cd "$TREE/many" && seq 5000 | xargs touch)
	by_watcher 1
	chmod -R 777 "$TREE/many"
	rm -rf "$TREE/many"
	touch -r "$WORK/kept/g/${TREE#"$G"/}" "$TREE"
	by_watcher 0
	[ "$(lines)" -lt 400 ] || fail "$(lines) lines about one storm"
	rm -rf "${PLACE:?}"/*
	by_watcher '[13]'
	[ "$(lines)" -lt 800 ] || fail "$(lines) lines about a store that was removed"
}
# More than its queue holds, while it does not run.
overrun() {
	watch_start "$SOURCE"
	mkdir "$TREE/d"
	by_watcher 1
	watch_signal STOP
	queue=$(cat /proc/sys/fs/inotify/max_queued_events /proc/sys/fs/fanotify/max_queued_events | sort -n | tail -n 1)
	i=0
	while [ $((i * 1000)) -lt $((queue + 2000)) ]; do
		(cd "$TREE/d" && seq 500 | xargs touch && seq 500 | xargs rm)
		i=$((i + 1))
	done
	rmdir "$TREE/d"
	chmod 777 "$TREE/opt.txt"
	watch_signal CONT
	watch_wait '.kind == "gap" and .text == "overflow"' 1 || fail 'no gap is told'
	watch_expect tree-mode /opt.txt
	by_watcher 1
	sleep 1.2
	[ "$(status_of_watcher .gaps.overflow)" -ge 1 ]
	layerseal log >"$WORK/log"
	expect_grep ' gap ' "$WORK/log"
}
# The directory of a layer gives way to a copy that is another.
exchanged() {
	watch_start "$SOURCE"
	dir=${TREE%/diff}
	cp -a "$dir" "$WORK/evil/copy"
	echo evil >"$WORK/evil/copy${TREE#"$dir"}/opt.txt"
	mv "$dir" "$WORK/evil/was"
	mv "$WORK/evil/copy" "$dir"
	by_watcher 1
	expect_finding tree-content /opt.txt
	# In the new one changes are seen, too; what is not there any more does not matter.
	echo more >"$TREE/more"
	by_watcher 1
	expect_finding tree-added /more
	echo elsewhere >>"$WORK/evil/was${TREE#"$dir"}/opt.txt"
	mv "$dir" "$WORK/evil/copy"
	mv "$WORK/evil/was" "$dir"
	by_watcher 1
	expect_finding tree-content /opt.txt
}
moved_away() {
	watch_start "$SOURCE"
	mv "$G" "$WORK/evil/g"
	expect_exit 3 asked verify --json
	cp -a "$WORK/evil/g" "$G"
	echo evil >"$TREE/opt.txt"
	expect_exit 1 asked verify --json
	expect_finding tree-content /opt.txt
	by_watcher_again 1
}
# What cannot be looked at is unverifiable, which whoever asks sees for himself.
mounted() {
	watch_start "$SOURCE"
	mkdir "$WORK/evil/etc"
	in_engine mount --bind "$WORK/evil/etc" "$TREE/etc"
	expect_exit 3 asked verify --json
	watch_expect tree-unreadable
	in_engine umount "$TREE/etc"
	expect_exit 0 asked verify --json
	in_engine mount -t tmpfs none "$TREE"
	expect_exit '[13]' asked verify --json
	in_engine umount "$TREE"
	# It opens the store anew, and not all the time.
	expect_exit 0 asked verify --json
}
# A sealed cache mount is no part of the store.
mounted_cache() {
	cache_build >"$WORK/build.log" 2>&1
	expect_exit 0 layerseal seal --all
	watch_start "$SOURCE"
	cache_sealed
	in_engine mount --bind "$WORK/evil" "$CC/sub"
	expect_exit 3 asked verify --json
	watch_expect tree-unreadable "$CC"
	in_engine umount "$CC/sub"
	by_watcher 0
}
# By the engine, and made again with the same ids.
removed_and_back() {
	watch_start "$SOURCE"
	podman rmi -f localhost/app localhost/other
	build -t localhost/other -f "$WORK/ctx/Containerfile.other" "$WORK/ctx" >"$WORK/build.log" 2>&1
	build -t localhost/app -f "$WORK/ctx/Containerfile.app" "$WORK/ctx" >"$WORK/build.log" 2>&1
	watch_expect_silence
	expect_exit 0 layerseal seal --all
	by_watcher 0
	store_names
	echo evil >"$TREE/opt.txt"
	by_watcher 1
	watch_expect tree-content /opt.txt
}
replaced_ledger() {
	watch_start "$SOURCE"
	mv "$LEDGER" "$WORK/tmp/ledger"
	expect_exit 3 asked verify --json
	mv "$WORK/tmp/ledger" "$LEDGER"
	by_watcher_again 0
}
# An older ledger put back: nobody says clean.
rolled_back() {
	cp -a "$LEDGER" "$WORK/tmp/old"
	build -t localhost/later -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
	expect_exit 0 layerseal seal --all
	watch_start "$SOURCE"
	by_watcher 0
	cp "$WORK/tmp/old/db/data.mdb" "$LEDGER/db/data.mdb"
	expect_exit 3 asked verify --json
}
purged() {
	watch_start "$SOURCE"
	echo changed >"$TREE/opt.txt"
	watch_expect tree-content /opt.txt
	expect_exit 0 layerseal purge --violated
	by_watcher 0
	watch_wait '.kind == "cleared"' 1 || fail 'it did not say that the change is gone'
}
# An engine at work, and who asks all the time.
busy() {
	watch_start "$SOURCE"
	for i in 1 2 3; do
		build --no-cache -t "localhost/busy$i" -f "$WORK/ctx/Containerfile.from" "$WORK/ctx" >"$WORK/build.log" 2>&1
		expect_exit '[01]' asked verify --json
		podman rmi -f "localhost/busy$i"
		expect_exit '[01]' asked verify --json
	done
	by_watcher 0
	watch_expect_silence
}
# What is asked right after a change is answered with it, each time.
hammer() {
	watch_start "$SOURCE"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		chmod 777 "$TREE/opt.txt"
		by_watcher 1
		chmod 644 "$TREE/opt.txt"
		by_watcher 0
	done
}
