# SPDX-License-Identifier: Apache-2.0
what='an index is planted beside a layer that a partial pull made'
expect=layer-unsealed path=chunked-manifest-cache
before_seal() { layer_data '{}' zstd-chunked-manifest; }
attack() { layer_data EVIL chunked-manifest-cache; }
