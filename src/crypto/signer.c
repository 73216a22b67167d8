/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c: see signer.h. */
#include "crypto/signer.h"

#include <string.h>

#include "crypto/keyfile.h"

/* A person may have to confirm, or to touch a token, before an agent signs. */
#define AGENT_LIST_MS 10000
#define AGENT_SIGN_MS 60000
#define AGENT_MESSAGE_MAX (32U << 10)

struct signer {
	struct public_key public;
	struct secret_key *key; /* or */
	char *socket;		/* of an agent */
};

struct signer *signer_of_key(struct secret_key *key)
{
	struct signer *s = xcalloc(1, sizeof(*s));

	s->public = *secret_key_public(key);
	s->key = key;
	return s;
}

static struct signer *signer_of_agent(
    const struct agent *agent, const struct public_key *public)
{
	struct signer *s = xcalloc(1, sizeof(*s));

	s->public = *public;
	s->socket = xstrdup(agent->socket);
	return s;
}

/* ---- where keys are ---- */

int signer_source_agent(
    const struct signer_source *source, struct agent *out, struct err *e)
{
	const char *socket = source->name ? source->name : getenv("SSH_AUTH_SOCK");

	if (!socket || socket[0] == '\0')
		return err_set(e, ERR_NOT_FOUND, "no agent (no SSH_AUTH_SOCK)");
	*out = (struct agent){.socket = socket, .timeout = AGENT_LIST_MS};
	return 0;
}

char *signer_source_text(const struct signer_source *source)
{
	switch (source->place) {
	case SIGNER_FILE:
		return xasprintf("key file %s", source->name);
	case SIGNER_CREDENTIAL:
		return xasprintf("credential %s", source->name);
	case SIGNER_AGENT:
		break;
	}
	return xasprintf("agent %s", source->name ? source->name : "$SSH_AUTH_SOCK");
}

int signer_source_read(
    const struct signer_source *source, struct buf *text, struct err *e)
{
	int r;

	if (source->place == SIGNER_FILE)
		return keyfile_read(source->dirfd, source->name, text, e);
	r = secmem_prepare(e);
	return r ? r : credential_read(source->name, text, e);
}

static int unlock(const struct signer_source *source, const struct buf *text,
    struct secret_key **out, struct err *e)
{
	CLEANUP_FREE char *what = signer_source_text(source);

	if (source->quiet && keyfile_is_wrapped(text))
		return err_set(e, ERR_NOT_FOUND,
		    "%s is under a passphrase, which is not asked for here", what);
	return keyfile_unlock(text, what, &source->passphrase, out, e);
}

static int open_text(
    const struct signer_source *source, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	secret_buf_init(&text, KEYFILE_MAX);
	if (source->quiet && !crypto_memory_is_locked())
		return err_set(e, ERR_NOT_FOUND, "no memory for a secret can be locked");
	r = signer_source_read(source, &text, e);
	return r ? r : unlock(source, &text, out, e);
}

/* ---- one of the trusted keys ---- */

static bool is_one_of(
    const struct public_key *k, const struct public_key *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (public_key_equal(k, &wanted[i]))
			return true;
	}
	return false;
}

static bool holds(const struct agent_identities *list, const struct public_key *k)
{
	for (size_t i = 0; i < list->n; i++) {
		if (memcmp(list->v[i].point, k->point, KEY_BYTES) == 0)
			return true;
	}
	return false;
}

static int open_agent(const struct signer_source *source, const struct public_key *wanted,
    size_t n_wanted, struct signer **out, struct err *e)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	struct agent agent;
	int r;

	if (source->quiet)
		return err_set(
		    e, ERR_NOT_FOUND, "the key is an agent's, which is not asked here");
	r = signer_source_agent(source, &agent, e);
	if (!r)
		r = agent_list(&agent, &list, e);
	if (r)
		return r;
	for (size_t i = 0; i < n_wanted; i++) {
		if (holds(&list, &wanted[i])) {
			*out = signer_of_agent(&agent, &wanted[i]);
			return 0;
		}
	}
	return err_set(
	    e, ERR_NOT_FOUND, "agent %s holds no key that is trusted", agent.socket);
}

int signer_open(const struct signer_source *source, const struct public_key *wanted,
    size_t n_wanted, struct signer **out, struct err *e)
{
	CLEANUP_SECRET_KEY struct secret_key *key = NULL;
	CLEANUP_FREE char *what = signer_source_text(source);
	int r;

	*out = NULL;
	if (source->place == SIGNER_AGENT)
		return open_agent(source, wanted, n_wanted, out, e);
	r = open_text(source, &key, e);
	if (r)
		return r;
	if (!is_one_of(secret_key_public(key), wanted, n_wanted))
		return err_set(e, ERR_LEDGER, "%s: not a key that is trusted", what);
	*out = signer_of_key(take_ptr(key));
	return 0;
}

/* ---- a key for something new ---- */

static int choose_identity(const struct agent *agent,
    const struct signer_request *request, struct public_key *out, struct err *e)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	int r = agent_list(agent, &list, e);

	if (r)
		return r;
	if (request->choice) {
		*out = *request->choice;
		return holds(&list, out)
			   ? 0
			   : err_set(e, ERR_NOT_FOUND, "agent %s does not hold key %s",
				 agent->socket, out->name);
	}
	if (list.n != 1)
		return err_set(e, ERR_REFUSED,
		    "agent %s holds %zu Ed25519 keys: which one, must be said (layerseal "
		    "key show --agent lists them)",
		    agent->socket, list.n);
	return public_key_make(request->name, list.v[0].point, out, e);
}

static int create_agent(const struct signer_source *source,
    const struct signer_request *request, struct signer **out, struct err *e)
{
	struct public_key public;
	struct agent agent;
	int r = signer_source_agent(source, &agent, e);

	if (!r)
		r = choose_identity(&agent, request, &public, e);
	if (!r)
		*out = signer_of_agent(&agent, &public);
	return r;
}

static int write_file(
    const struct signer_source *source, const struct secret_key *key, struct err *e)
{
	enum passphrase_kind kind = source->passphrase.kind;
	CLEANUP_FREE char *what = signer_source_text(source);
	CLEANUP_SECRET_BUF struct buf passphrase;
	int r;

	secret_buf_init(&passphrase, PASSPHRASE_MAX);
	if (kind == PASSPHRASE_IF_NEEDED || kind == PASSPHRASE_NONE)
		return keyfile_write(key, source->dirfd, source->name, NULL, e);
	r = passphrase_get(&source->passphrase, what, true, &passphrase, e);
	return r ? r : keyfile_write(key, source->dirfd, source->name, &passphrase, e);
}

int signer_generate(const struct signer_source *source, const char *name,
    struct signer **out, struct err *e)
{
	CLEANUP_SECRET_KEY struct secret_key *key = NULL;
	int r = secret_key_generate(name, &key, e);

	*out = NULL;
	if (!r)
		r = write_file(source, key, e);
	if (!r)
		*out = signer_of_key(take_ptr(key));
	return r;
}

int signer_create(const struct signer_source *source,
    const struct signer_request *request, struct signer **out, struct err *e)
{
	CLEANUP_SECRET_KEY struct secret_key *key = NULL;
	CLEANUP_FREE char *what = signer_source_text(source);
	int r;

	*out = NULL;
	if (source->place == SIGNER_AGENT)
		return create_agent(source, request, out, e);
	r = open_text(source, &key, e);
	if (!r && request->choice &&
	    !public_key_equal(secret_key_public(key), request->choice))
		r = err_set(
		    e, ERR_REFUSED, "%s: not key %s", what, request->choice->name);
	if (r == ERR_NOT_FOUND && source->place == SIGNER_FILE && !request->choice)
		return signer_generate(source, request->name, out, e);
	if (!r)
		*out = signer_of_key(take_ptr(key));
	return r;
}

/* ---- signing ---- */

const struct public_key *signer_public(const struct signer *s)
{
	return &s->public;
}

static int ask_agent(const struct signer *s, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	const struct agent agent = {.socket = s->socket, .timeout = AGENT_SIGN_MS};
	CLEANUP_BUF struct buf copy;
	int r;

	buf_init(&copy, AGENT_MESSAGE_MAX);
	r = buf_add(&copy, msg, len, e);
	return r ? r : agent_sign(&agent, s->public.point, &copy, sig, e);
}

int signer_sign(const struct signer *s, const void *msg, size_t len,
    uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	int r =
	    s->key ? key_sign(s->key, msg, len, sig, e) : ask_agent(s, msg, len, sig, e);

	return r ? r : key_verify(&s->public, msg, len, sig, e);
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	secret_key_free(s->key);
	free(s->socket);
	free(s);
}

void signer_free_p(struct signer **s)
{
	signer_free(*s);
	*s = NULL;
}
