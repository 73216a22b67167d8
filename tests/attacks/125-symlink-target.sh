# SPDX-License-Identifier: Apache-2.0
what='symbolic link leads elsewhere'
expect=tree-target path=/sym drivers='overlay vfs'
attack() { quietly "$TREE" ln -sfn debug.sh "$TREE/sym"; }
poisons() { later_build && said '^sym: echo EVIL'; }
