# SPDX-License-Identifier: Apache-2.0
what='unknown directory among the layers'
expect=store-entry
attack() { mkdir "$PLACE/evil"; }
