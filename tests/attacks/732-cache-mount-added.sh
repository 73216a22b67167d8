# SPDX-License-Identifier: Apache-2.0
what='a file added to a sealed cache mount'
expect=cache-mount-changed
before_seal() { cache_build; }
attack() { cache_sealed && echo EVIL >"$CC/added" && path=$CC/added; }
poisons() { cache_says EVIL; }
