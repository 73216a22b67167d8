# SPDX-License-Identifier: Apache-2.0
what='mtime moved within the same second'
expect=tree-mtime path=/tool.sh drivers='overlay vfs'
# make(1) and other tools decide by mtime whether to build again.
attack() { touch -d "@$(stat -c %Y "$TREE/tool.sh").987654321" "$TREE/tool.sh"; }
poisons() { mounted localhost/app stat -c %y tool.sh | grep '\.987654321'; }
