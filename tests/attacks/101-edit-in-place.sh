# SPDX-License-Identifier: Apache-2.0
what='edit in place, size and mtime restored'
expect=tree-content path=/tool.sh drivers='overlay vfs' rootless=yes
attack() { edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'; }
poisons() { later_build && said '^tool: EVIL'; }
