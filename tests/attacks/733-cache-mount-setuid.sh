# SPDX-License-Identifier: Apache-2.0
what='a file of a sealed cache mount made setuid'
expect=cache-mount-changed
before_seal() { cache_build; }
attack() { cache_sealed && chmod 4755 "$CC/tool" && path=$CC/tool; }
poisons() { cache_says '^-rwsr-xr-x .* tool$'; }
