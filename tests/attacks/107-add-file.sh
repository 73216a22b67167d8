# SPDX-License-Identifier: Apache-2.0
what='file added'
expect=tree-added path=/dir/evil drivers='overlay vfs'
attack() { echo 'echo EVIL' >"$TREE/dir/evil"; }
poisons() { later_build && said ' evil$'; }
