/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h: whatever can sign as one public key: a secret key in this process, or an agent that is
 * asked over a socket. Every signature that comes back is verified before anybody sees it.
 *
 * Where a key is, says a signer_source: a file, a systemd credential with the text of one, or an
 * ssh-agent. Only the first two can be under a passphrase.
 */
#ifndef CRYPTO_SIGNER_H
#define CRYPTO_SIGNER_H

#include "crypto/agent.h"
#include "crypto/passphrase.h"
#include "crypto/secret.h"

enum signer_place { SIGNER_FILE, SIGNER_CREDENTIAL, SIGNER_AGENT };

/* All borrowed. */
struct signer_source {
	enum signer_place place;
	const char *
	    name; /* file, credential or socket; an agent's may be NULL: $SSH_AUTH_SOCK */
	int dirfd; /* a relative file name starts here */
	struct passphrase_source passphrase;
	/* Disturbs nobody: agents and keys under a passphrase are as if they were not there. */
	bool quiet;
};

struct signer;

/*
 * A signer for one of `wanted` (an agent: the first of them that it holds). ERR_NOT_FOUND: no key
 * there, so whoever only verifies goes on without; *e says what is missing. ERR_LEDGER: the file or
 * credential is another key, or the file is open to others. ERR_REFUSED: no or a wrong passphrase.
 */
MUSTUSE int signer_open(const struct signer_source *source,
    const struct public_key *wanted, size_t n_wanted, struct signer **out, struct err *e);

/*
 * For a new ledger or a new key of an old one: the key that is there, or a fresh one called `name`,
 * written to the file, under a passphrase if the source has one. The key of an agent is `choice`, or
 * the only one it holds under `name`; any other key must be `choice` too, unless that is NULL. A key
 * that was there may have another name.
 */
struct signer_request {
	const char *name;
	const struct public_key *choice; /* may be NULL */
};
MUSTUSE int signer_create(const struct signer_source *source,
    const struct signer_request *request, struct signer **out, struct err *e);

/* The file's part of that alone: a fresh key. ERR_REFUSED if the file exists. */
MUSTUSE int signer_generate(const struct signer_source *source, const char *name,
    struct signer **out, struct err *e);

/* "key file F", "credential N", "agent S": what people call it. Heap. */
char *signer_source_text(const struct signer_source *source);
/* The agent of a source; ERR_NOT_FOUND if the environment names none. */
MUSTUSE int signer_source_agent(
    const struct signer_source *source, struct agent *out, struct err *e);
/* The text of a file or credential into a secret_buf of KEYFILE_MAX. */
MUSTUSE int signer_source_read(
    const struct signer_source *source, struct buf *text, struct err *e);

/* Signs with a secret key of this process, which the signer owns from here on. */
struct signer *signer_of_key(struct secret_key *key);

const struct public_key *signer_public(const struct signer *s);
/* Pure Ed25519 over the bytes. ERR_IO: the agent is gone; ERR_REFUSED: it says no. */
MUSTUSE int signer_sign(const struct signer *s, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e);
void signer_free(struct signer *s); /* NULL is fine */
void signer_free_p(struct signer **s);
#define CLEANUP_SIGNER CLEANUP(signer_free_p)

#endif
