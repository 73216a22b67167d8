/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c: see signer.h. */
#include "crypto/signer.h"

struct signer {
	struct secret_key *key;
};

struct signer *signer_of_key(struct secret_key *key)
{
	struct signer *s = xcalloc(1, sizeof(*s));

	s->key = key;
	return s;
}

const struct public_key *signer_public(const struct signer *s)
{
	return secret_key_public(s->key);
}

int signer_sign(const struct signer *s, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	int r = key_sign(s->key, msg, len, sig, e);

	return r ? r : key_verify(signer_public(s), msg, len, sig, e);
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	secret_key_free(s->key);
	free(s);
}

void signer_free_p(struct signer **s)
{
	signer_free(*s);
	*s = NULL;
}
