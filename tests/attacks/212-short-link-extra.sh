# SPDX-License-Identifier: Apache-2.0
what='short link that belongs to no layer'
expect=link-unexplained
attack() { ln -s ../../../evil/diff "$PLACE/l/EVILEVILEVILEVILEVILEVILEV"; }
