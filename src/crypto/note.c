/* SPDX-License-Identifier: Apache-2.0 */
/* note.c: see note.h. */
#include "crypto/note.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/decimal.h"
#include "base/esc.h"
#include "base/hex.h"

/* Em dash and space: how a signature line begins. */
#define SIGNATURE_PREFIX "\xe2\x80\x94 "
#define SIGNATURE_PREFIX_LEN 4
#define KEY_ID_BYTES 4
#define SIGNATURES_MAX 64

static int add_signature(const char *text, size_t len, const struct signer *signer,
    struct buf *out, struct err *e)
{
	const struct public_key *public = signer_public(signer);
	uint8_t blob[KEY_ID_BYTES + SIGNATURE_BYTES] = {(uint8_t)(public->id >> 24),
	    (uint8_t)(public->id >> 16), (uint8_t)(public->id >> 8),
	    (uint8_t) public->id};
	int r = signer_sign(signer, text, len, blob + KEY_ID_BYTES, e);

	if (!r)
		r = buf_addf(out, e, SIGNATURE_PREFIX "%s ", public->name);
	if (!r)
		r = base64_encode(out, blob, sizeof(blob), e);
	return r ? r : buf_adds(out, "\n", e);
}

static int malformed(struct err *e, const char *rule)
{
	return err_set(e, ERR_LEDGER, "signed note: %s", rule);
}

static int check_bytes(const char *note, size_t len, struct err *e)
{
	const unsigned char *s = (const unsigned char *)note;

	if (len == 0 || len > NOTE_MAX_BYTES)
		return malformed(e, "empty or too long");
	for (size_t i = 0; i < len;) {
		uint32_t code_point;
		size_t n = esc_utf8_decode(s + i, len - i, &code_point);

		if (n == 0)
			return malformed(e, "not UTF-8");
		if ((s[i] < 0x20 && s[i] != '\n') || s[i] == 0x7f)
			return malformed(e, "a control character");
		i += n;
	}
	return note[len - 1] == '\n' ? 0 : malformed(e, "does not end in a line feed");
}

int note_sign(const char *text, const struct signer *const *signers, size_t n,
    struct buf *out, struct err *e)
{
	CLEANUP_BUF struct buf note;
	size_t len = strlen(text);
	int r = check_bytes(text, len, e);

	/* Apart, for its own maximum: a note that note_verify() would refuse is not made. */
	buf_init(&note, NOTE_MAX_BYTES);
	if (!r)
		r = buf_addf(&note, e, "%s\n", text);
	if (!r && n == 0)
		r = err_set(e, ERR_INTERNAL, "a note that nobody signs");
	for (size_t i = 0; !r && i < n; i++)
		r = add_signature(text, len, signers[i], &note, e);
	return r ? r : buf_add(out, note.data, note.len, e);
}

/* The last blank line separates text and signatures; the text keeps its own final LF. */
static int find_text(const char *note, size_t len, size_t *text_len, struct err *e)
{
	for (size_t i = len; i >= 2; i--) {
		if (note[i - 1] == '\n' && note[i - 2] == '\n') {
			*text_len = i - 1;
			return *text_len > 1 && i < len
				   ? 0
				   : malformed(e, "no text or no signature");
		}
	}
	return malformed(e, "no blank line before the signatures");
}

/* c2sp.org/signed-note: not empty, without "+" and without any Unicode space. */
static bool is_name(const char *name, size_t len)
{
	static const char *const spaces[] = {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
	    "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
	    "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87",
	    "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
	    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

	for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
		if (memmem(name, len, spaces[i], strlen(spaces[i])))
			return false;
	}
	return len && !memchr(name, '+', len) && !memchr(name, ' ', len);
}

struct signature {
	char name[KEY_NAME_MAX + 1];
	uint32_t id;
	uint8_t bytes[SIGNATURE_BYTES];
	bool is_ed25519; /* 64 bytes behind the key id; others are somebody else's */
};

static int parse_signature(
    const char *line, size_t len, struct signature *out, struct err *e)
{
	const char *name = line + SIGNATURE_PREFIX_LEN, *space;
	CLEANUP_BUF struct buf blob;
	const unsigned char *bytes;

	*out = (struct signature){0};
	buf_init(&blob, NOTE_MAX_BYTES);
	if (len <= SIGNATURE_PREFIX_LEN ||
	    memcmp(line, SIGNATURE_PREFIX, SIGNATURE_PREFIX_LEN) != 0)
		return malformed(e, "a signature line without its dash");
	space = memchr(name, ' ', len - SIGNATURE_PREFIX_LEN);
	if (!space || !is_name(name, (size_t)(space - name)))
		return malformed(e, "a signature line without a valid key name");
	if (base64_decode(&blob, space + 1, len - (size_t)(space + 1 - line), e) ||
	    blob.len <= KEY_ID_BYTES)
		return malformed(
		    e, "a signature that is not base64 of a key id and a signature");
	/* A longer name is not one of ours; the signature is then ignored like any unknown one. */
	if ((size_t)(space - name) <= KEY_NAME_MAX)
		memcpy(out->name, name, (size_t)(space - name));
	bytes = (const unsigned char *)blob.data;
	out->id = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
		  (uint32_t)bytes[2] << 8 | bytes[3];
	out->is_ed25519 = blob.len == KEY_ID_BYTES + SIGNATURE_BYTES;
	if (out->is_ed25519)
		memcpy(out->bytes, bytes + KEY_ID_BYTES, SIGNATURE_BYTES);
	return 0;
}

/* n if it is none of them. */
static size_t find_key(const struct signature *s, const struct public_key *keys, size_t n)
{
	size_t i = 0;

	while (i < n && (keys[i].id != s->id || strcmp(keys[i].name, s->name) != 0))
		i++;
	return i;
}

/* As note_verify(), and says which keys signed: bit i is keys[i]. */
static int verify(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, size_t *text_len, uint64_t *signers, struct err *e)
{
	size_t n_signatures = 0, split = 0;
	int r = check_bytes(note, len, e);

	*signers = 0;
	if (!r && n_keys > NOTE_KEYS_MAX)
		r = err_set(e, ERR_INTERNAL, "too many keys for a note");
	if (!r)
		r = find_text(note, len, &split, e);
	for (size_t at = split + 1; !r && at < len;) {
		const char *line = note + at, *lf = memchr(line, '\n', len - at);
		struct signature s;
		size_t key;

		if (++n_signatures > SIGNATURES_MAX)
			return malformed(e, "too many signatures");
		r = parse_signature(line, (size_t)(lf - line), &s, e);
		at += (size_t)(lf - line) + 1;
		key = r ? n_keys : find_key(&s, keys, n_keys);
		if (key == n_keys)
			continue;
		r = s.is_ed25519
			? key_verify(&keys[key], note, split, s.bytes, e)
			: malformed(e, "a trusted key's signature has a wrong length");
		if (!r)
			*signers |= UINT64_C(1) << key;
	}
	if (!r && !*signers)
		r = malformed(e, "no signature of a trusted key");
	if (!r)
		*text_len = split;
	return r;
}

int note_verify(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, size_t *text_len, struct err *e)
{
	uint64_t signers;

	return verify(note, len, keys, n_keys, text_len, &signers, e);
}

int note_signature(const char *note, size_t len, const struct public_key *key,
    uint8_t out[static SIGNATURE_BYTES], struct err *e)
{
	size_t split = 0;
	int r = find_text(note, len, &split, e);

	for (size_t at = split + 1; !r && at < len;) {
		const char *line = note + at, *lf = memchr(line, '\n', len - at);
		struct signature s;

		if (!lf)
			return malformed(e, "does not end in a line feed");
		r = parse_signature(line, (size_t)(lf - line), &s, e);
		at += (size_t)(lf - line) + 1;
		if (!r && s.is_ed25519 && find_key(&s, key, 1) == 0 &&
		    key_verify(key, note, split, s.bytes, e) == 0) {
			memcpy(out, s.bytes, SIGNATURE_BYTES);
			return 0;
		}
	}
	return r ? r
		 : err_set(e, ERR_NOT_FOUND,
		       "signed note: not signed by %s (%08" PRIx32 ")", key->name,
		       key->id);
}

/* ---- checkpoints ---- */

int checkpoint_format(const struct checkpoint *c, struct buf *out, struct err *e)
{
	int r;

	if (!key_name_is_valid(c->origin, strlen(c->origin)))
		return err_set(e, ERR_INTERNAL, "'%s' cannot be an origin", c->origin);
	r = buf_addf(out, e, "%s\n%" PRIu64 "\n", c->origin, c->size);
	if (!r)
		r = base64_encode(out, c->root.bytes, DIGEST_BYTES, e);
	return r ? r : buf_adds(out, "\n", e);
}

int checkpoint_parse(const char *text, size_t len, struct checkpoint *out, struct err *e)
{
	const char *line[4], *end = text + len;
	CLEANUP_BUF struct buf root;
	size_t n = 0;

	buf_init(&root, DIGEST_BYTES);
	for (const char *p = text; p < end;
	     p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1) {
		if (n == 3 || !memchr(p, '\n', (size_t)(end - p)))
			return malformed(e, "a checkpoint has exactly three lines");
		line[n++] = p;
	}
	if (n != 3)
		return malformed(e, "a checkpoint has exactly three lines");
	line[3] = end;
	if (!key_name_is_valid(line[0], (size_t)(line[1] - line[0] - 1)))
		return malformed(e, "the origin is not the name of a key");
	memset(out, 0, sizeof(*out));
	memcpy(out->origin, line[0], (size_t)(line[1] - line[0] - 1));
	if (!decimal_parse(line[1], (size_t)(line[2] - line[1] - 1), &out->size))
		return malformed(e, "the size is not a canonical decimal number");
	if (base64_decode(&root, line[2], (size_t)(line[3] - line[2] - 1), e) ||
	    root.len != DIGEST_BYTES)
		return malformed(e, "the root hash is not base64 of 32 bytes");
	memcpy(out->root.bytes, root.data, DIGEST_BYTES);
	return 0;
}

int checkpoint_sign(const struct checkpoint *c, const struct signer *const *signers,
    size_t n, struct buf *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, NOTE_MAX_BYTES);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(c->origin, signer_public(signers[i])->name) != 0)
			return err_set(e, ERR_INTERNAL,
			    "a checkpoint of %s is not signed by key %s", c->origin,
			    signer_public(signers[i])->name);
	}
	r = checkpoint_format(c, &text, e);
	return r ? r : note_sign(text.data, signers, n, out, e);
}

int checkpoint_open_by(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, struct checkpoint *out, uint64_t *signers, struct err *e)
{
	size_t text_len;
	int r = verify(note, len, keys, n_keys, &text_len, signers, e);

	if (!r)
		r = checkpoint_parse(note, text_len, out, e);
	for (size_t i = 0; !r && i < n_keys; i++) {
		if (strcmp(out->origin, keys[i].name) != 0)
			*signers &= ~(UINT64_C(1) << i);
	}
	if (!r && !*signers)
		r = malformed(e, "the origin is not the name of the key that signed");
	return r;
}

int checkpoint_open(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, struct checkpoint *out, struct err *e)
{
	uint64_t signers;

	return checkpoint_open_by(note, len, keys, n_keys, out, &signers, e);
}

bool checkpoint_claimed_size(const char *note, size_t len, uint64_t *size)
{
	const char *end = note + len, *first = memchr(note, '\n', len);
	const char *second =
	    first ? memchr(first + 1, '\n', (size_t)(end - first - 1)) : NULL;

	return second && decimal_parse(first + 1, (size_t)(second - first - 1), size);
}
