/* SPDX-License-Identifier: Apache-2.0 */
/* anchor_view.h: a ledger that is no more than its tree and its head, to try anchors with. */
#ifndef TESTS_UNIT_ANCHOR_VIEW_H
#define TESTS_UNIT_ANCHOR_VIEW_H

#include <time.h>

#include "crypto/merkle.h"
#include "ledger/anchor.h"
#include "scratch.h"

#define LEAVES_MAX 5000

struct fake {
	struct secret_key *key;
	struct signer *signer;
	struct public_key public;
	struct digest leaf[LEAVES_MAX];
	struct merkle tree;
	struct checkpoint head;
	struct buf note;
	bool has_counter;
	uint64_t counter; /* of the newest anchor entry */
	struct anchor_view view;
};

static int fake_open_note(
    void *ctx, const char *note, size_t len, struct checkpoint *out, struct err *e)
{
	struct fake *f = ctx;

	return checkpoint_open(note, len, &f->public, 1, out, e);
}

static int fake_root_at(void *ctx, uint64_t size, struct digest *root, struct err *e)
{
	struct fake *f = ctx;
	struct merkle tree;

	(void)e;
	assert_true(size <= f->head.size);
	merkle_init(&tree);
	for (uint64_t i = 0; i < size; i++)
		merkle_append(&tree, &f->leaf[i]);
	merkle_root(&tree, root);
	return 0;
}

static bool fake_counter(void *ctx, const char *anchor, uint64_t *out)
{
	struct fake *f = ctx;

	(void)anchor;
	*out = f->counter;
	return f->has_counter;
}

static void fake_sign(struct fake *f)
{
	const struct signer *signer = f->signer;
	struct err e;

	f->head = (struct checkpoint){.size = f->tree.size};
	memcpy(f->head.origin, f->public.name, sizeof(f->head.origin));
	merkle_root(&f->tree, &f->head.root);
	buf_clear(&f->note);
	if (checkpoint_sign(&f->head, &signer, 1, &f->note, &e))
		fail_msg("%s", e.msg);
	f->view.note = f->note.data;
	f->view.note_len = f->note.len;
}

/* Appends entries of a flavour: ledgers of different flavours fork where they begin to differ. */
static void fake_append(struct fake *f, unsigned n, char flavour)
{
	for (unsigned i = 0; i < n; i++) {
		char text[32];
		int len = snprintf(
		    text, sizeof(text), "%c %ju", flavour, (uintmax_t)f->tree.size);

		assert_true(f->tree.size < LEAVES_MAX);
		merkle_leaf(text, (size_t)len, &f->leaf[f->tree.size]);
		merkle_append(&f->tree, &f->leaf[f->tree.size]);
	}
	f->view.newest = time(NULL);
	fake_sign(f);
}

/* The key is the same for the same seed. */
static struct fake *fake_new(const char *origin, uint8_t seed)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	uint8_t bytes[KEY_BYTES] = {seed, 1, 2, 3};
	struct err e;

	if (secret_key_from_seed(origin, bytes, &f->key, &e))
		fail_msg("%s", e.msg);
	f->public = *secret_key_public(f->key);
	f->signer = signer_of_key(f->key);
	merkle_init(&f->tree);
	buf_init(&f->note, NOTE_MAX_BYTES);
	mkdir(dir, 0700);
	f->view = (struct anchor_view){
	    .head = &f->head,
	    .dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    .may_write = true,
	    .ctx = f,
	    .open_note = fake_open_note,
	    .root_at = fake_root_at,
	    .counter = fake_counter,
	};
	assert_true(f->view.dirfd >= 0);
	fake_sign(f);
	return f;
}

static void fake_free(struct fake *f)
{
	close(f->view.dirfd);
	signer_free(f->signer);
	buf_release(&f->note);
	free(f);
}

/* ---- anchors ---- */

static struct anchor_settings settings; /* of the test that runs */

UNUSED static void set(const char *name, const char *value)
{
	struct err e;

	if (anchor_settings_set(&settings, name, value, &e))
		fail_msg("%s", e.msg);
}

static struct anchors *must_open_anchors(void)
{
	struct anchors *as;
	struct err e;

	if (anchors_open(&settings, &as, &e))
		fail_msg("%s", e.msg);
	return as;
}

static enum anchor_state state_of(const struct anchors *as, size_t i)
{
	struct anchor_report report;

	anchors_report(as, i, &report);
	return report.state;
}

/* Opens, checks, and expects the first anchor in this state (as it was found, if it heals). */
static void expect_state(struct fake *f, enum anchor_state wanted, const char *words)
{
	struct anchors *as = must_open_anchors();
	struct err e = {0};
	int r = anchors_check(as, &f->view, &e);
	bool fine = wanted == ANCHOR_AGREES || wanted == ANCHOR_BEHIND;

	if (state_of(as, 0) != wanted)
		fail_msg("state %s, not %s: %s", anchor_state_name(state_of(as, 0)),
		    anchor_state_name(wanted), e.msg);
	if (fine != (r == 0) || (r && (r != ERR_LEDGER || e.code != ERR_LEDGER)))
		fail_msg("status %d: %s", r, e.msg);
	if (!strstr(e.msg, words))
		fail_msg("\"%s\", not about \"%s\"", e.msg, words);
	anchors_close(as);
}

UNUSED static void expect_fine(struct fake *f)
{
	expect_state(f, ANCHOR_AGREES, "");
}

UNUSED static int make_anchors(struct fake *f, bool again, struct err *e)
{
	struct anchors *as = must_open_anchors();
	struct err ignored;
	int r;

	(void)!anchors_check(as, &f->view, &ignored);
	r = anchors_create(as, &f->view, again, e);
	anchors_close(as);
	return r;
}

UNUSED static void must_make_anchors(struct fake *f)
{
	struct err e;

	if (make_anchors(f, false, &e))
		fail_msg("%s", e.msg);
}

#endif
