/* SPDX-License-Identifier: Apache-2.0 */
/* exports.h: exports made by hand: any entries under a signature of the key of RFC 8032's first test. */
#ifndef TESTS_UNIT_EXPORTS_H
#define TESTS_UNIT_EXPORTS_H

#include "base/fs.h"
#include "crypto/secret.h"
#include "crypto/signer.h"
#include "ledger/tiles.h"
#include "scratch.h"

static struct signer *log_key, *other_key;
static struct trust trusted; /* log_key alone */

static void exports_setup(void)
{
	static const uint8_t seeds[2][KEY_BYTES] = {{1}, {2}};
	struct secret_key *k;
	struct err e;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(secret_key_from_seed(ORIGIN, seeds[i], &k, &e), 0);
		*(i ? &other_key : &log_key) = signer_of_key(k);
	}
	assert_int_equal(
	    trust_add(&trusted, signer_public(log_key), 0, UINT64_MAX, &e), 0);
}

static void exports_teardown(void)
{
	signer_free(log_key);
	signer_free(other_key);
}

UNUSED static int open_dir(const char *path)
{
	struct err e;
	int fd;

	if (fs_open_root(path, &fd, &e))
		fail_msg("%s", e.msg);
	return fd;
}

/* The checkpoint of what a writer has, signed. */
UNUSED static void sign_note(
    const struct tiles_writer *w, const struct signer *key, struct buf *note)
{
	struct checkpoint c = {.origin = ORIGIN, .size = tiles_writer_size(w)};
	struct err e;

	tiles_writer_root(w, &c.root);
	if (checkpoint_sign(&c, &key, 1, note, &e))
		fail_msg("%s", e.msg);
}

UNUSED static int add_bytes(
    struct tiles_writer *w, const void *bytes, size_t len, struct err *e)
{
	struct digest leaf;

	merkle_leaf(bytes, len, &leaf);
	return tiles_writer_add(w, bytes, len, &leaf, e);
}

/* Finishes an export under a signature. */
UNUSED static int finish_export(
    struct tiles_writer *w, const struct signer *key, struct err *e)
{
	CLEANUP_BUF struct buf note;

	buf_init(&note, NOTE_MAX_BYTES);
	sign_note(w, key, &note);
	return tiles_writer_finish(w, note.data, note.len, e);
}

/* ---- a scratch directory with room for one ---- */

UNUSED static char top[96]; /* where an export goes */

UNUSED static int exports_scratch_setup(void **state)
{
	if (scratch_setup(state))
		return -1;
	exports_setup();
	snprintf(top, sizeof(top), "%s/export", scratch);
	return 0;
}

UNUSED static int exports_scratch_teardown(void **state)
{
	exports_teardown();
	return scratch_teardown(state);
}

#endif
