/* SPDX-License-Identifier: Apache-2.0 */
/* attest.h: what the commands that sign attestations share. */
#ifndef CLI_ATTEST_H
#define CLI_ATTEST_H

#include "base/jsonout.h"
#include "cli/cli.h"
#include "crypto/dsse.h"

/*
 * The file that an option names (NULL: not given), or else the one of layerseal.conf. ERR_USAGE if there
 * is neither. The user namespace must have been entered.
 */
MUSTUSE int attest_load_key(
    const struct cli *c, const char *option, struct attest_key **out, struct err *e);

/* The envelope of a statement, a line of JSON. */
MUSTUSE int attest_sign_statement(const struct attest_key *k,
    const struct jsonout *statement, struct buf *out, struct err *e);

#endif
