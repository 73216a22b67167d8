# SPDX-License-Identifier: Apache-2.0
what='chmod u+s'
expect=tree-mode path=/tool.sh drivers='overlay vfs' rootless=yes
attack() { chmod u+s "$TREE/tool.sh"; }
poisons() { later_build && said '^-rwsr-xr-x .* /*tool.sh$'; }
