# SPDX-License-Identifier: Apache-2.0
what='bytes appended'
expect=tree-content path=/tool.sh drivers='overlay vfs'
attack() { echo 'echo EVIL' >>"$TREE/tool.sh"; }
poisons() { later_build && said '^EVIL'; }
