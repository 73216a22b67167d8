# SPDX-License-Identifier: Apache-2.0
what='a file of a sealed cache mount edited, size and time kept'
expect=cache-mount-changed drivers='overlay vfs' rootless=yes
before_seal() { cache_build; }
attack() { cache_sealed && edit_quietly "$CC/tool" s/GOOD/EVIL/ && path=$CC/tool; }
poisons() { cache_says EVIL; }
