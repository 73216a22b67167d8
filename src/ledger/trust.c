/* SPDX-License-Identifier: Apache-2.0 */
/* trust.c: see trust.h. */
#include "ledger/trust.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/fs.h"

#define TRUST_DIR "trust"
/*
 * A file name may have 255 bytes; what is longer is cut and told apart by its digest, and from all that
 * is not cut by the plus sign, which is never spelled so.
 */
#define FILE_NAME_MAX 200

/* ---- where it is ---- */

/* The real path of something that need not exist yet, in a directory that does. */
static int real_path(const char *path, char **out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(path), *dir = NULL;
	size_t len = strlen(copy);
	char *slash;

	*out = realpath(path, NULL);
	if (*out)
		return 0;
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	dir = realpath(!slash ? "." : copy[0] ? copy : "/", NULL);
	if (!dir)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
		    "ledger %s: %s", path, strerror(errno));
	*out = xasprintf(
	    "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, slash ? slash + 1 : copy);
	return 0;
}

/* As systemd spells paths as unit names: one name for each path. */
static int spell(const char *path, struct buf *out, struct err *e)
{
	int r = 0;

	for (path += *path == '/'; !r && *path; path++) {
		char c = *path;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_' || (c == '.' && out->len);

		if (c == '/')
			r = buf_adds(out, "-", e);
		else if (plain)
			r = buf_add(out, &c, 1, e);
		else
			r = buf_addf(out, e, "\\x%02x", (unsigned char)c);
	}
	return r;
}

int trust_default_path(
    const char *confdir, const char *ledger_dir, char **out, struct err *e)
{
	CLEANUP_BUF struct buf name;
	CLEANUP_FREE char *real = NULL;
	int r = real_path(ledger_dir, &real, e);

	buf_init(&name, 4 * PATH_MAX);
	if (r || !real)
		return r;
	r = spell(real, &name, e);
	if (r)
		return r;
	if (name.len > FILE_NAME_MAX) {
		char hex[DIGEST_HEX_LEN + 1];
		struct digest d;

		sha256(name.data, name.len, &d);
		digest_hex(&d, hex);
		name.data[FILE_NAME_MAX - DIGEST_HEX_LEN - 1] = '+';
		memcpy(name.data + FILE_NAME_MAX - DIGEST_HEX_LEN, hex, sizeof(hex));
	}
	*out = xasprintf("%s/" TRUST_DIR "/%s", confdir, name.data);
	return 0;
}

/* ---- its text ---- */

/* "from SIZE", "until SIZE", both in this order, or nothing. */
static int parse_bounds(char *rest, uint64_t *from, uint64_t *until, struct err *e)
{
	char *word = rest ? strsep(&rest, " ") : NULL;

	*from = 0;
	*until = UINT64_MAX;
	if (word && strcmp(word, "from") == 0) {
		word = rest ? strsep(&rest, " ") : NULL;
		if (!word || !decimal_parse(word, strlen(word), from))
			return err_set(e, ERR_LEDGER, "from: no size");
		word = rest ? strsep(&rest, " ") : NULL;
	}
	if (word && strcmp(word, "until") == 0) {
		word = rest ? strsep(&rest, " ") : NULL;
		if (!word || !decimal_parse(word, strlen(word), until))
			return err_set(e, ERR_LEDGER, "until: no size");
		word = rest ? strsep(&rest, " ") : NULL;
	}
	if (word)
		return err_set(e, ERR_LEDGER, "'%s' where the line should end", word);
	return *from <= *until ? 0 : err_set(e, ERR_LEDGER, "from is larger than until");
}

static int parse_log(struct trust *t, char *rest, struct err *e)
{
	char *vkey = strsep(&rest, " ");
	struct public_key key;
	uint64_t from, until;
	int r = public_key_parse(vkey, &key, e);

	if (!r)
		r = parse_bounds(rest, &from, &until, e);
	return r ? r : trust_add(t, &key, from, until, e);
}

static int parse_witness(struct trust *t, char *rest, struct err *e)
{
	struct trusted_witness *w = &t->witness[t->n_witness];
	char *name = strsep(&rest, " ");

	if (t->n_witness == TRUST_KEYS_MAX)
		return err_set(e, ERR_LEDGER, "more than %d witnesses", TRUST_KEYS_MAX);
	if (!rest || !key_name_is_valid(name, strlen(name)))
		return err_set(e, ERR_LEDGER, "expected witness NAME VKEY");
	memcpy(w->name, name, strlen(name) + 1);
	t->n_witness++;
	return public_key_parse(rest, &w->key, e);
}

static int parse_line(struct trust *t, char *line, struct err *e)
{
	char *word = strsep(&line, " ");

	if (word[0] == '\0' && !line)
		return 0;
	if (word[0] == '#')
		return 0;
	if (line && strcmp(word, "log") == 0)
		return parse_log(t, line, e);
	if (line && strcmp(word, "witness") == 0)
		return parse_witness(t, line, e);
	return err_set(e, ERR_LEDGER, "expected log VKEY or witness NAME VKEY");
}

int trust_parse(const char *text, size_t len, struct trust *out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrndup(text, len);
	char *rest = copy, *line;

	*out = (struct trust){0};
	if (memchr(text, '\0', len))
		return err_set(e, ERR_LEDGER, "a NUL byte");
	for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
		if (parse_line(out, line, e)) {
			err_wrap(e, "line %u", number);
			return e->code = ERR_LEDGER;
		}
	}
	return out->n_log ? 0 : err_set(e, ERR_LEDGER, "no key of a log");
}

int trust_format_key(const struct trusted_key *k, struct buf *out, struct err *e)
{
	int r = buf_adds(out, "log ", e);

	if (!r)
		r = public_key_format(&k->key, out, e);
	if (!r && k->from > 0)
		r = buf_addf(out, e, " from %" PRIu64, k->from);
	if (!r && k->until < UINT64_MAX)
		r = buf_addf(out, e, " until %" PRIu64, k->until);
	return r;
}

int trust_format(const struct trust *t, struct buf *out, struct err *e)
{
	int r =
	    buf_adds(out, "# Who may sign this ledger: layerseal-ledger(5), Trust.\n", e);

	for (size_t i = 0; !r && i < t->n_log; i++) {
		r = trust_format_key(&t->log[i], out, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	for (size_t i = 0; !r && i < t->n_witness; i++) {
		r = buf_addf(out, e, "witness %s ", t->witness[i].name);
		if (!r)
			r = public_key_format(&t->witness[i].key, out, e);
		if (!r)
			r = buf_adds(out, "\n", e);
	}
	return r;
}

/* ---- the file ---- */

int trust_load(const char *path, struct trust *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	*out = (struct trust){0};
	buf_init(&text, TRUST_MAX_BYTES);
	r = fs_read_guarded(path, TRUST_MAX_BYTES, &text, e);
	if (!r)
		r = trust_parse(text.data, text.len, out, e);
	if (r == ERR_REFUSED)
		e->code = r = ERR_LEDGER;
	return r ? err_wrap(e, "trust file %s", path) : 0;
}

int trust_save(const char *path, const struct trust *t, struct err *e)
{
	CLEANUP_BUF struct buf text;
	CLEANUP_FD int fd = -1;
	const char *name;
	int r = fs_make_parents(path, e);

	buf_init(&text, TRUST_MAX_BYTES);
	if (!r)
		r = fs_open_parent(path, &fd, &name, e);
	if (!r)
		r = trust_format(t, &text, e);
	if (!r)
		r = fs_replace(fd, name, text.data, text.len, 0644, e);
	return r ? err_wrap(e, "trust file %s", path) : 0;
}

/* ---- whom to believe ---- */

static bool same_key(const struct public_key *a, const struct public_key *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       memcmp(a->point, b->point, KEY_BYTES) == 0;
}

struct trusted_key *trust_find(struct trust *t, const struct public_key *key)
{
	for (size_t i = 0; i < t->n_log; i++) {
		if (same_key(&t->log[i].key, key))
			return &t->log[i];
	}
	return NULL;
}

int trust_select(
    struct trust *t, const char *vkey_or_hash, struct trusted_key **out, struct err *e)
{
	*out = NULL;
	for (size_t i = 0; i < t->n_log; i++) {
		CLEANUP_BUF struct buf vkey;
		char hash[9];

		buf_init(&vkey, 1024);
		snprintf(hash, sizeof(hash), "%08" PRIx32, t->log[i].key.id);
		if (public_key_format(&t->log[i].key, &vkey, e))
			return e->code;
		if (strcmp(vkey_or_hash, hash) != 0 &&
		    strcmp(vkey_or_hash, vkey.data) != 0)
			continue;
		if (*out)
			return err_set(
			    e, ERR_USAGE, "%s: several keys; give the vkey", hash);
		*out = &t->log[i];
	}
	return *out ? 0
		    : err_set(e, ERR_NOT_FOUND, "'%s' is no key of the trust file",
			  vkey_or_hash);
}

void trust_remove(struct trust *t, const struct trusted_key *k)
{
	size_t i = (size_t)(k - t->log);

	memmove(&t->log[i], &t->log[i + 1], (--t->n_log - i) * sizeof(*k));
}

int trust_add(struct trust *t, const struct public_key *key, uint64_t from,
    uint64_t until, struct err *e)
{
	if (t->n_log == TRUST_KEYS_MAX)
		return err_set(e, ERR_REFUSED, "more than %d keys", TRUST_KEYS_MAX);
	if (trust_find(t, key))
		return err_set(e, ERR_REFUSED, "key %s (%08" PRIx32 "): named twice",
		    key->name, key->id);
	if (t->n_log && strcmp(t->log[0].key.name, key->name) != 0)
		return err_set(e, ERR_REFUSED,
		    "key %s: of another ledger than %s; each has a file of its own",
		    key->name, t->log[0].key.name);
	t->log[t->n_log++] = (struct trusted_key){*key, from, until};
	return 0;
}

/* A key that begins at some size tells that the ledger has reached it. */
static uint64_t least_size(const struct trust *t)
{
	uint64_t least = 0;

	for (size_t i = 0; i < t->n_log; i++) {
		if (t->log[i].from > least)
			least = t->log[i].from;
	}
	return least;
}

/* number[i] is where keys[i] is in the file. */
static size_t keys_for(const struct trust *t, uint64_t size,
    struct public_key keys[static TRUST_KEYS_MAX], size_t number[static TRUST_KEYS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_log; i++) {
		if (t->log[i].from <= size && size <= t->log[i].until) {
			number[n] = i;
			keys[n++] = t->log[i].key;
		}
	}
	return n;
}

const struct public_key *trust_signer(const struct trust *t, uint64_t signers)
{
	return &t->log[__builtin_ctzll(signers)].key;
}

/* Says more where the signature is good and the key is not. */
static int not_trusted(const struct trust *t, const char *note, size_t len, struct err *e)
{
	struct public_key keys[TRUST_KEYS_MAX];
	struct checkpoint c;
	struct err why;
	uint64_t by;

	for (size_t i = 0; i < t->n_log; i++)
		keys[i] = t->log[i].key;
	if (checkpoint_open_by(note, len, keys, t->n_log, &c, &by, &why))
		return e->code;
	return err_set(e, ERR_LEDGER,
	    "signed by key %08" PRIx32 ", which may not sign a ledger of %" PRIu64
	    " entries",
	    trust_signer(t, by)->id, c.size);
}

int trust_open_checkpoint(const struct trust *t, const char *note, size_t len,
    struct checkpoint *out, uint64_t *signers, struct err *e)
{
	struct public_key keys[TRUST_KEYS_MAX];
	size_t number[TRUST_KEYS_MAX];
	uint64_t claimed = 0, by;
	bool told = checkpoint_claimed_size(note, len, &claimed);
	size_t n = told ? keys_for(t, claimed, keys, number) : 0;

	if (checkpoint_open_by(note, len, keys, n, out, &by, e))
		return not_trusted(t, note, len, e);
	if (signers)
		*signers = 0;
	for (size_t i = 0; signers && i < n; i++)
		*signers |= (by >> i & 1) << number[i];
	return 0;
}

int trust_open_head(const struct trust *t, const char *note, size_t len,
    struct checkpoint *out, uint64_t *signers, struct err *e)
{
	int r = trust_open_checkpoint(t, note, len, out, signers, e);

	if (!r && out->size < least_size(t))
		r = err_set(e, ERR_LEDGER,
		    "of %" PRIu64 " entries, but the trust file knows that there were "
		    "%" PRIu64 ": rolled back",
		    out->size, least_size(t));
	return r;
}
