# SPDX-License-Identifier: Apache-2.0
what='bytes changed on the block device, below the file system'
expect=tree-content path=/tool.sh level=full engines=bookworm
unseen='inotify fanotify'
# No ctime moves; only reading the device shows it (layerseal(1), LEVELS).
before_seal() {
	truncate -s 64M "$WORK/disk"
	mkfs.ext4 -q -F "$WORK/disk"
	mv "$G" "$WORK/evil/g"
	mkdir "$G"
	in_engine mount -o loop "$WORK/disk" "$G"
	in_engine cp -a "$WORK/evil/g/." "$G"
}
attack() {
	in_engine sync
	inode=$(in_engine stat -c %i "$TREE/tool.sh")
	block=$(debugfs -R "blocks <$inode>" "$WORK/disk" 2>/dev/null)
	loop=$(losetup -n -O NAME -j "$WORK/disk")
	size=$(dumpe2fs -h "$WORK/disk" 2>/dev/null | sed -n 's/^Block size: *//p')
	printf 'echo EVIL' | dd of="$loop" bs=1 seek=$((block * size)) conv=notrunc,fsync
}
poisons() {
	in_engine dd if="$TREE/tool.sh" iflag=nocache count=0
	later_build && said '^tool: EVIL'
}
cleanup() {
	store_unmount
	rm -f "$WORK/disk"
}
