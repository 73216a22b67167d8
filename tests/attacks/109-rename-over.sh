# SPDX-License-Identifier: Apache-2.0
what='file renamed over another'
expect=tree-removed path=/debug.sh drivers='overlay vfs'
attack() { mv "$TREE/debug.sh" "$TREE/tool.sh"; }
poisons() { later_build && said '^tool: EVIL debug'; }
