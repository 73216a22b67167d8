# SPDX-License-Identifier: Apache-2.0
what='file removed'
expect=tree-removed path=/tool.sh drivers='overlay vfs'
attack() { rm "$TREE/tool.sh"; }
poisons() { later_build && said '^tool: gone'; }
