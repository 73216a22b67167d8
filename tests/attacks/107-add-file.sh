# SPDX-License-Identifier: Apache-2.0
what='file added'
expect=tree-added path=/bin/evil drivers='overlay vfs'
attack() { mkdir -p "$TREE/bin" && echo 'echo EVIL' >"$TREE/bin/evil"; }
poisons() { later_build && said ' evil$'; }
