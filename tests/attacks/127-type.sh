# SPDX-License-Identifier: Apache-2.0
what='file becomes a symbolic link'
expect=tree-type path=/tool.sh drivers='overlay vfs'
attack() { ln -sf debug.sh "$TREE/tool.sh"; }
poisons() { later_build && said '^tool: EVIL debug'; }
