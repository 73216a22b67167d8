# SPDX-License-Identifier: Apache-2.0
what='file among the short links'
expect=link-unexplained path=''
attack() { echo EVIL >"$PLACE/l/evil"; }
