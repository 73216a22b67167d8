# SPDX-License-Identifier: Apache-2.0
what='whiteout device hides a file of a lower layer'
expect=tree-added path=/tool.sh rootless=yes
attack() { mknod "$UPPER/tool.sh" c 0 0; }
poisons() { later_build && said '^tool: gone'; }
