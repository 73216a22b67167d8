# SPDX-License-Identifier: Apache-2.0
what='device node gets another number'
expect=tree-device path=/null drivers='overlay vfs'
null_file() { [ "$DRIVER" = vfs ] && echo "$TREE/null" || echo "$PLACE/$BASE/diff/null"; }
attack() { rm "$(null_file)" && mknod "$(null_file)" c 1 5; }
poisons() { mounted localhost/app stat -c %T null | grep 5; }
