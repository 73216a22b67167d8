# SPDX-License-Identifier: Apache-2.0
what='user.* extended attribute'
expect=tree-xattr path=/tool.sh drivers='overlay vfs'
attack() { setfattr -n user.evil -v EVIL "$TREE/tool.sh"; }
poisons() { mounted localhost/app getfattr -n user.evil tool.sh | grep EVIL; }
