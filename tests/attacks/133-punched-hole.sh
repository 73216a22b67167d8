# SPDX-License-Identifier: Apache-2.0
what='hole punched into a program, size and mtime restored'
expect=tree-content path=/bin/ping drivers='overlay vfs'
ping_file() { [ "$DRIVER" = vfs ] && echo "$TREE/bin/ping" || echo "$PLACE/$BASE/diff/bin/ping"; }
attack() { quietly "$(ping_file)" fallocate -p -o 0 -l 4096 "$(ping_file)"; }
poisons() { mounted localhost/app od -An -N4 -tx1 bin/ping | grep '00 00 00 00'; }
