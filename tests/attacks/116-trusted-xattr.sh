# SPDX-License-Identifier: Apache-2.0
what='trusted.* extended attribute'
expect=tree-xattr path=/tool.sh drivers='overlay vfs' works_on='*/overlay'
attack() { setfattr -n trusted.evil -v EVIL "$TREE/tool.sh"; }
poisons() { mounted localhost/app getfattr -n trusted.evil tool.sh | grep EVIL; }
