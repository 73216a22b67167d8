# SPDX-License-Identifier: Apache-2.0
what='bytes stored through a shared memory mapping, mtime restored'
expect=tree-content path=/tool.sh drivers='overlay vfs'
attack() { quietly "$TREE/tool.sh" poke "$TREE/tool.sh" 5 EVIL; }
poisons() { later_build && said '^tool: EVIL'; }
