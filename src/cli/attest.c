/* SPDX-License-Identifier: Apache-2.0 */
/* attest.c: see attest.h. */
#include "cli/attest.h"

#include "cli/outfile.h"
#include "guard/envelope.h"

int attest_load_key(
    const struct cli *c, const char *option, struct attest_key **out, struct err *e)
{
	const char *file = option ? option : c->config.attest_key;
	CLEANUP_OUTFILE struct outfile place = {.dirfd = -1};
	int r;

	*out = NULL;
	if (!file)
		return err_set(e, ERR_USAGE,
		    "no attestation key: name its file, or set key in section [attest] "
		    "of "
		    "layerseal.conf; layerseal key attestation --new makes one");
	r = outfile_open(file, &place, e);
	if (!r)
		r = attest_key_load(place.dirfd, place.name, out, e);
	return r ? err_wrap(e, "attestation key %s", file) : 0;
}

int attest_sign_statement(const struct attest_key *k, const struct jsonout *statement,
    struct buf *out, struct err *e)
{
	return dsse_sign(k, STATEMENT_TYPE, &statement->text, out, e);
}
