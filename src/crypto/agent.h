/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h: Ed25519 keys behind an ssh-agent's socket (draft-ietf-sshm-ssh-agent): ssh-agent itself, a
 * forwarded one, or one for a token or a TPM. What an agent answers is untrusted: frames are bounded
 * and parsed strictly, time is limited, and whoever uses a signature verifies it.
 */
#ifndef CRYPTO_AGENT_H
#define CRYPTO_AGENT_H

#include "crypto/key.h"

#define AGENT_COMMENT_MAX 255

struct agent {
	const char *socket;
	unsigned timeout; /* milliseconds for one question, from connecting on */
};

struct agent_identity {
	uint8_t point[KEY_BYTES];	     /* vetted */
	char comment[AGENT_COMMENT_MAX + 1]; /* cut if longer; untrusted */
};

struct agent_identities {
	struct agent_identity *v;
	size_t n;
};
void agent_identities_release(struct agent_identities *list);
#define CLEANUP_IDENTITIES CLEANUP(agent_identities_release)

/* The Ed25519 keys that it holds, in its order. ERR_IO: no agent there, or it does not answer. */
MUSTUSE int agent_list(
    const struct agent *a, struct agent_identities *out, struct err *e);
/* ERR_REFUSED: it says no. The signature is not verified yet. */
MUSTUSE int agent_sign(const struct agent *a, const uint8_t point[static KEY_BYTES],
    const struct buf *msg, uint8_t sig[static SIGNATURE_BYTES], struct err *e);

/* The bytes of an answer without its length, for tests and fuzzing. */
MUSTUSE int agent_parse_identities(
    const void *answer, size_t len, struct agent_identities *out, struct err *e);
MUSTUSE int agent_parse_signature(
    const void *answer, size_t len, uint8_t sig[static SIGNATURE_BYTES], struct err *e);

#endif
