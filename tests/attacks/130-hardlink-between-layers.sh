# SPDX-License-Identifier: Apache-2.0
what='hard link between two layers'
expect=tree-added path=/evil.txt
attack() { ln "$TREE/tool.sh" "$UPPER/evil.txt"; }
poisons() { later_build && said ' evil.txt$'; }
