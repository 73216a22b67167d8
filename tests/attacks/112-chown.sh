# SPDX-License-Identifier: Apache-2.0
what='chown'
expect=tree-owner path=/tool.sh drivers='overlay vfs'
attack() { chown 1000 "$TREE/tool.sh"; }
poisons() { later_build && said '^-.* 1000 .* tool.sh$'; }
