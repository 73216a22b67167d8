/* SPDX-License-Identifier: Apache-2.0 */
/*
 * covered.h: within store/ only: what the user whose store it is has mounted over parts of it, in mount
 * namespaces that the user's engines may enter. Layers are measured below such a mount, engines see the mount.
 */
#ifndef STORE_COVERED_H
#define STORE_COVERED_H

#include "base/finding.h"
#include "store/records.h"

/*
 * Looks into every mount namespace of the user's processes (all of the account's ids) with the root directory of
 * this one: containers have another, and see another store. Without an account it does nothing. ERR_IO: /proc
 * does not show the processes.
 */
MUSTUSE int covered_check(const struct store *s, const struct records *r,
    struct findings *findings, struct err *e);

#endif
