# SPDX-License-Identifier: Apache-2.0
what="podman's own database leads to another store"
heal=refused
expect=libpod-database
# Podman without --root takes the graph root from the database in the default store.
attack() {
	for file in "$G/db.sql" "$G/libpod/bolt_state.db"; do
		[ ! -e "$file" ] || LC_ALL=C sed -i "s|$WORK/g|$WORK/x|g" "$file"
	done
}
