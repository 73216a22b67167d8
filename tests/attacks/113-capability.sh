# SPDX-License-Identifier: Apache-2.0
what='setcap'
expect=tree-xattr path=/tool.sh drivers='overlay vfs'
attack() { setcap cap_setuid+ep "$TREE/tool.sh"; }
poisons() { mounted localhost/app getcap tool.sh | grep cap_setuid; }
