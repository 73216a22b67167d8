# SPDX-License-Identifier: Apache-2.0
what='directory made writable for all'
expect=tree-mode path=/dir drivers='overlay vfs'
attack() { chmod o+w "$TREE/dir"; }
poisons() { later_build && said '^drwxr-x-w- .* dir$'; }
