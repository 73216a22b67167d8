# SPDX-License-Identifier: Apache-2.0
what='changes while a guarded build runs, most of them undone before it ends'
tests='tree_in_run own_layer tree_between short_link lower diff1 tree_added record name_moved config planted_step planted_config
unsealed_layer unsealed_config result_name printed_id bind_mount'
quick='tree_in_run own_layer short_link diff1 planted_step unsealed_layer'
# vfs copies the tree for each step, before these change it; and what only root can do.
vfs_not='tree_in_run own_layer short_link lower diff1 record unsealed_layer'
rootful_only='own_layer bind_mount printed_id'
cleanup() {
	in_engine umount -l "$TREE" 2>/dev/null
	in_engine umount -l "$PLACE" 2>/dev/null
	attack_before() { :; }
	steps=''
}

put_evil() { edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'; }
put_back() { edit_quietly "$TREE/tool.sh" 's/EVIL/GOOD/'; }

# All of it within one RUN.
tree_in_run() {
	write_file <<-END
		FROM localhost/app
		COPY look.sh /look.sh
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done; sh /look.sh; touch /sync/three; until test -e /sync/four; do sleep 0.05; done
	END
	attack_during() { put_evil; }
	attack_undo() { put_back; }
	races_file 'tool: EVIL'
}
# A layer that the build itself made a step ago.
own_layer() {
	write_file <<-END
		FROM localhost/app
		COPY look.sh /look.sh
		RUN echo GOOD >/own
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done; cat /own; touch /sync/three; until test -e /sync/four; do sleep 0.05; done
	END
	attack_during() {
		own=$(find "$PLACE" -path '*/diff/own')
		for file in $own; do edit_quietly "$file" 's/GOOD/EVIL/'; done
	}
	attack_undo() { for file in $own; do edit_quietly "$file" 's/EVIL/GOOD/'; done; }
	races_file '^EVIL'
}
tree_between() {
	attack_during() { put_evil; }
	attack_undo() { put_back; }
	races 'tool: EVIL'
}
tree_added() {
	attack_during() { touch -r "$TREE" "$WORK/stamp-of-tree" && echo evil >"$TREE/added"; }
	attack_undo() { rm "$TREE/added" && touch -r "$WORK/stamp-of-tree" "$TREE"; }
	races ' added$'
}
short_link() {
	attack_during() { evil_tree && ln -sfn ../../../evil/diff "$PLACE/l/$(link_of "$LAYER")"; }
	attack_undo() { ln -sfn "../$LAYER/diff" "$PLACE/l/$(link_of "$LAYER")"; }
	races 'tool: EVIL'
}
lower() {
	attack_during() {
		evil_tree
		evil_link
		cp -a "$PLACE/$TOP/lower" "$WORK/lower"
		overwrite "$PLACE/$TOP/lower" 's|^|../../evil/a/b/link:|'
	}
	attack_undo() { cp -a "$WORK/lower" "$PLACE/$TOP/lower"; }
	races 'tool: EVIL'
}
diff1() {
	attack_during() { evil_tree && mv "$WORK/evil/diff" "$PLACE/$TOP/diff1"; }
	attack_undo() { mv "$PLACE/$TOP/diff1" "$WORK/evil/diff"; }
	races 'tool: EVIL'
}
# The record of the top layer of `app` says that it stands on another layer; the parent's `lower` is what a new layer gets.
record() {
	attack_during() {
		TOP_PARENT=$(layer_parent "$TOP")
		edit_layer "$TOP" ".parent = \"$(image_layer "$OTHER")\""
		podman tag localhost/app localhost/tagged
	}
	attack_undo() {
		edit_layer "$TOP" ".parent = \"$TOP_PARENT\""
		podman untag localhost/app localhost/tagged
	}
	race_file
	race guarded_build
	spoiled
}
name_moved() {
	attack_during() { podman tag localhost/other localhost/app; }
	attack_undo() { podman tag "$APP" localhost/app; }
	races 'tool: EVIL other'
}
config() {
	attack_during() {
		cp -a "$IMAGES/$APP" "$WORK/image"
		edited_config "$APP" '.config.Env += ["EVIL=planted"]'
		write_config "$APP" "$WORK/config"
	}
	attack_undo() {
		find "$IMAGES/$APP" -mindepth 1 -delete
		cp -a "$WORK/image/." "$IMAGES/$APP"
		rm -r "$WORK/image"
	}
	races '^EVIL=planted'
}

# ---- planted in the cache ----

# A step that was never built; the attacker makes an image that says it is its result.
planted_step() {
	attack_undo() { :; }
	attack_during() {
		container=$(buildah from localhost/app)
		mounted_write "$container" 'echo EVIL step' /tool.sh
		buildah config --created-by '/bin/sh -c touch /never-built' "$container"
		buildah commit --format oci "$container"
		buildah rm "$container"
	}
	steps='RUN touch /never-built'
	races 'tool: EVIL step'
	expect_grep build-input "$BACK.err"
}
# mounted_write CONTAINER TEXT FILE
mounted_write() {
	# shellcheck disable=SC2016 # expanded inside
	write='printf "%s\n" "$2" >"$(buildah --root "$4" --runroot "$5" --storage-driver "$6" mount "$1")/$3"'
	if [ -n "$ROOTLESS" ]; then
		by_owner podman unshare sh -c "$write" sh "$1" "$2" "$3" "$G" "$R" "$DRIVER"
	else
		by_owner sh -c "$write" sh "$1" "$2" "$3" "$G" "$R" "$DRIVER"
	fi
}
# Without a layer of its own.
planted_config() {
	attack_undo() { :; }
	attack_during() {
		forge_image "$APP" '.config.Env += ["EVIL=planted"] | .history += [{created: "2026-01-01T00:00:00Z", created_by: "/bin/sh -c #(nop) LABEL never=built", empty_layer: true}]'
		podman tag "$FORGED" localhost/forged
	}
	steps='LABEL never=built'
	races '^EVIL=planted'
	expect_grep 'build-input\|store-entry' "$BACK.err"
}

# ---- between build and seal ----

# An intermediate image that the build made and has not sealed yet.
new_image() {
	jq -r --slurpfile layers "$LAYERS/layers.json" --arg top "$TOP" \
		'($layers[0] | map(select(.parent == $top)) | map(.id)) as $new | [.[] | select(.layer as $l | $new | index($l))][0].id' \
		"$IMAGES/images.json"
}
unsealed_layer() {
	attack_undo() { quietly "$(layer_tree "$(image_layer "$(new_image)")")/marker" evil_marker; }
	evil_marker() { echo evil-content >"$(layer_tree "$(image_layer "$(new_image)")")/marker"; }
	attack_during() { :; }
	race_file
	race build
	[ "$status" -eq 0 ]
	expect_exit 0 run_victim cat /marker
	expect_grep '^evil-content' "$OUT"
	start_over
	race_file
	race guarded_build
	spoiled
}
run_victim() {
	# shellcheck disable=SC2046 # a list of flags
	podman run --rm $(run_flags) --entrypoint '' localhost/victim "$@"
}
unsealed_config() {
	attack_during() { :; }
	attack_undo() {
		edited_config "$(new_image)" '.config.Env += ["EVIL=planted"]'
		write_config "$(new_image)" "$WORK/config"
	}
	race_file
	race build
	[ "$status" -eq 0 ]
	# Everything comes from the cache now.
	touch "$WORK/sync/two" "$WORK/sync/four"
	write_file <<-END
		FROM $(new_image)
		RUN env
	END
	build -f "$FILE" "$WORK/ctx" >"$WORK/build.log" 2>&1
	said '^EVIL=planted'
	start_over
	race_file
	race guarded_build
	spoiled
}
# Its name is moved away as soon as it is given, or its result is edited: the guard notices, or the next verification.
result_name() {
	race_file
	in_background guarded_build -v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx"
	tell two
	tell four
	until grep -q 'localhost/victim' "$IMAGES/images.json" || [ -e "$WORK/sync/ended" ]; do sleep 0.01; done
	json_edit "$IMAGES/images.json" --arg other "$OTHER" 'map(.names = (.names // []) - ["localhost/victim:latest"]
		| if .id == $other then .names += ["localhost/victim:latest"] else . end)'
	background_ends
	if [ "$status" -eq 0 ]; then
		expect_exit 1 verify stat
		expect_finding 'image-name'
	else
		spoiled
	fi
}
# A RUN step says what an engine says of its own images.
printed_id() {
	write_file <<-END
		FROM localhost/app
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done; echo "--> \$(cat /sync/id)"; cat /sync/id
	END
	in_background guarded_build -v "$WORK/sync:/sync" -t localhost/guarded -f "$FILE" "$WORK/ctx"
	await one
	guarded=$FILE
	write_file <<-END
		FROM localhost/app
		ENV EVIL=planted
	END
	# By the engine: what is forged by hand is in the store in part for a while, which is a finding of its own.
	build -t localhost/forged -f "$FILE" "$WORK/ctx" >/dev/null 2>&1
	FORGED=$(image_id localhost/forged)
	FILE=$guarded
	echo "$FORGED" >"$WORK/sync/id"
	tell two
	background_ends
	[ "$status" -eq 0 ] || cat "$BACK.err"
	expect_grep "^--> $FORGED" "$BACK.out"
	expect_exit 1 verify stat
	jq -e --arg id "$FORGED" 'any(.findings[]; .class == "image-unsealed" and .image == $id)' "$OUT"
}
bind_mount() {
	# As podman does when it starts, if it is no mount point: over what was mounted below.
	attack_before() { in_engine mount --bind "$PLACE" "$PLACE"; }
	attack_during() {
		cp -a "$TREE" "$WORK/evil/tree"
		edit_quietly "$WORK/evil/tree/tool.sh" 's/GOOD/EVIL/'
		in_engine mount --bind "$WORK/evil/tree" "$TREE"
	}
	attack_undo() { in_engine umount -l "$TREE"; }
	races 'tool: EVIL'
}
