/* SPDX-License-Identifier: Apache-2.0 */
/* export.c: see export.h. */
#include "ledger/export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/hex.h"
#include "ledger/ledger_impl.h"
#include "ledger/tiles.h"

/* ---- signify(1): the same Ed25519 signature in another frame ---- */

#define SIGNIFY_KEY_ID_BYTES 8

/* "Ed", a number that ties signature and key together, and the bytes of one or the other. */
static int signify_format(const struct public_key *key, const char *comment,
    struct span bytes, struct buf *out, struct err *e)
{
	uint8_t blob[2 + SIGNIFY_KEY_ID_BYTES + SIGNATURE_BYTES] = {'E', 'd'};
	struct digest d;
	int r;

	sha256(key->point, KEY_BYTES, &d);
	memcpy(blob + 2, d.bytes, SIGNIFY_KEY_ID_BYTES);
	memcpy(blob + 2 + SIGNIFY_KEY_ID_BYTES, bytes.data, bytes.len);
	r = buf_addf(out, e, "untrusted comment: %s\n", comment);
	if (!r)
		r = base64_encode(out, blob, 2 + SIGNIFY_KEY_ID_BYTES + bytes.len, e);
	return r ? r : buf_adds(out, "\n", e);
}

int signify_format_key(const struct public_key *key, struct buf *out, struct err *e)
{
	return signify_format(
	    key, key->name, (struct span){key->point, KEY_BYTES}, out, e);
}

int signify_format_signature(const char *note, size_t len,
    const struct public_key *signer, struct buf *out, struct err *e)
{
	uint8_t signature[SIGNATURE_BYTES];
	size_t text_len = 0;
	int r = note_verify(note, len, signer, 1, &text_len, e);

	if (!r)
		r = note_signature(note, len, signer, signature, e);
	if (!r)
		r = signify_format(signer, "verify with " EXPORT_SIGNIFY_KEY,
		    (struct span){signature, SIGNATURE_BYTES}, out, e);
	return r ? r : buf_add(out, note, text_len, e);
}

static int write_signify(struct tiles_writer *w, const struct ledger *l, struct err *e)
{
	const struct public_key *signer = ledger_public_key(l);
	CLEANUP_BUF struct buf text;
	size_t len;
	const char *note = ledger_note(l, &len);
	int r;

	buf_init(&text, NOTE_MAX_BYTES);
	r = signify_format_key(signer, &text, e);
	if (!r)
		r = tiles_writer_file(w, EXPORT_SIGNIFY_KEY, text.data, text.len, e);
	buf_clear(&text);
	if (!r)
		r = signify_format_signature(note, len, signer, &text, e);
	return r ? r : tiles_writer_file(w, EXPORT_SIGNIFY_SIG, text.data, text.len, e);
}

/* ---- the directory ---- */

/* What an export consists of; the temporary file is one that a crash left. */
static bool belongs(const char *name)
{
	static const char *const names[] = {
	    TILES_CHECKPOINT, "tile", EXPORT_SIGNIFY_SIG, EXPORT_SIGNIFY_KEY, TILES_TEMP};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

struct target {
	int dirfd;
	bool has_signify;
};

static int open_target(const char *dir, struct target *out, struct err *e)
{
	CLEANUP_NAMES struct fs_names names = {0};
	CLEANUP_FD int fd = -1;
	int r;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_sys(e, "export %s", dir);
	r = fs_open_root(dir, &fd, e);
	if (!r && flock(fd, LOCK_EX | LOCK_NB))
		r = errno == EWOULDBLOCK
			? err_set(e, ERR_REFUSED, "another export is writing there")
			: err_sys(e, "cannot lock");
	if (!r)
		r = fs_list(fd, ".", 16, &names, e);
	for (size_t i = 0; !r && i < names.n; i++) {
		if (!belongs(names.v[i]))
			r = err_set(
			    e, ERR_REFUSED, "%s: not a part of an export", names.v[i]);
		out->has_signify |= strcmp(names.v[i], EXPORT_SIGNIFY_SIG) == 0;
	}
	if (r == ERR_MALFORMED)
		e->code = r = ERR_REFUSED;
	if (r)
		return err_wrap(e, "export %s", dir);
	out->dirfd = take_fd(&fd);
	return 0;
}

/* The checkpoint that is there; *old of size 0 if there is none. */
static int read_old(
    int dirfd, const struct trust *t, struct checkpoint *old, bool *has, struct err *e)
{
	CLEANUP_BUF struct buf note;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	*old = (struct checkpoint){0};
	*has = false;
	r = tiles_read_checkpoint(dirfd, &note, e);
	if (r)
		return r == ERR_NOT_FOUND ? 0 : r;
	*has = true;
	if (trust_open_checkpoint(t, note.data, note.len, old, NULL, e)) {
		err_wrap(e, "the checkpoint that is there");
		e->code = ERR_REFUSED;
		return ERR_REFUSED;
	}
	return 0;
}

/* ---- the export ---- */

struct run {
	struct tiles_writer *w;
	struct checkpoint old;
	bool has_old;
};

/* Before the first entry that is not there yet. */
static int check_old(const struct run *x, struct err *e)
{
	struct digest root;

	tiles_writer_root(x->w, &root);
	if (!x->has_old || digest_equal(&root, &x->old.root))
		return 0;
	return err_set(e, ERR_LEDGER,
	    "the export has %" PRIu64
	    " entries that are not the first ones of this ledger: a fork",
	    x->old.size);
}

static int add_entry(void *ctx, const struct ledger_leaf *leaf, struct err *e)
{
	struct run *x = ctx;
	int r = leaf->seq == x->old.size ? check_old(x, e) : 0;

	return r ? r : tiles_writer_add(x->w, leaf->bytes, leaf->len, &leaf->hash, e);
}

static int write_export(struct ledger *l, struct run *x, bool signify, struct err *e)
{
	size_t len;
	const char *note = ledger_note(l, &len);
	int r = 0;

	if (x->has_old && x->old.size > ledger_head(l)->size)
		return err_set(e, ERR_LEDGER,
		    "it has %" PRIu64 " entries, the ledger %" PRIu64
		    ": the ledger was rolled back, or the export is of a later one",
		    x->old.size, ledger_head(l)->size);
	r = ledger_replay_leaves(l, add_entry, x, e);
	if (!r && x->old.size == ledger_head(l)->size)
		r = check_old(x, e);
	if (!r && signify)
		r = write_signify(x->w, l, e);
	return r ? r : tiles_writer_finish(x->w, note, len, e);
}

int export_ledger(
    struct ledger *l, const struct export_options *o, uint64_t *before, struct err *e)
{
	CLEANUP_TILES_WRITER struct tiles_writer *w = NULL;
	struct target target = {.dirfd = -1};
	struct run x = {0};
	CLEANUP_FD int dirfd = -1;
	int r = open_target(o->dir, &target, e);

	if (r)
		return r;
	dirfd = target.dirfd;
	r = read_old(dirfd, o->trust, &x.old, &x.has_old, e);
	if (!r) {
		x.w = w = tiles_writer_new(dirfd, x.old.size);
		r = write_export(l, &x, o->signify || target.has_signify, e);
	}
	*before = x.old.size;
	return r ? err_wrap(e, "export %s", o->dir) : 0;
}
