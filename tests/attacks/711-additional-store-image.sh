# SPDX-License-Identifier: Apache-2.0
what='image planted in an additional image store'
heal=refused
expect=image-unsealed drivers='overlay vfs'
setup() { store_additional; }
attack() {
	echo 'echo EVIL' >"$WORK/more/rootfs/tool.sh"
	tar -C "$WORK/more/rootfs" -cf "$WORK/more/planted.tar" .
	more_podman import -q "$WORK/more/planted.tar" localhost/tools
}
poisons() {
	STORAGE_CONF=$WORK/storage.conf
	mounted localhost/tools grep EVIL tool.sh
}
cleanup() { store_more_clear; }
