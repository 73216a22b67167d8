/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_keys.c: entries about the keys that sign. */
#include <string.h>
#include <time.h>

#include "ledger/ledger_impl.h"

static int key_entry(enum entry_op op, const struct public_key *key, const char *reason,
    struct entry *out, struct err *e)
{
	CLEANUP_BUF struct buf vkey;
	int r;

	*out = (struct entry){.op = op, .time = time(NULL)};
	buf_init(&vkey, ENTRY_MAX_BYTES);
	r = public_key_format(key, &vkey, e);
	if (!r)
		out->key.vkey = buf_take(&vkey);
	out->key.reason = reason ? xstrdup(reason) : NULL;
	return r;
}

/* The retirement is the last entry of its batch: the old key signs no further than that. */
int ledger_rotate_key(
    struct ledger *l, struct signer *next, const char *reason, struct err *e)
{
	struct entry entries[2] = {{0}, {0}};
	int r = ledger_writable(l)
		    ? 0
		    : err_set(e, ERR_REFUSED,
			  "the ledger cannot be written: the key that signs "
			  "it is not here");

	if (!r)
		r = key_entry(ENTRY_KEY_ADD, signer_public(next), reason, &entries[0], e);
	if (!r)
		r = key_entry(
		    ENTRY_KEY_RETIRE, signer_public(l->own_key), reason, &entries[1], e);
	if (!r)
		r = ledger_append_signed(l, entries, 2, next, e);
	entry_release(&entries[0]);
	entry_release(&entries[1]);
	if (r) {
		signer_free(next);
		return r;
	}
	signer_free(l->own_key);
	l->own_key = next;
	return 0;
}

int ledger_retire_key(
    struct ledger *l, const struct public_key *key, const char *reason, struct err *e)
{
	struct entry en;
	int r;

	if (l->own_key && strcmp(key->name, signer_public(l->own_key)->name) == 0 &&
	    memcmp(key->point, signer_public(l->own_key)->point, KEY_BYTES) == 0)
		return err_set(e, ERR_REFUSED,
		    "the key that signs the ledger cannot be retired: rotate it");
	r = key_entry(ENTRY_KEY_RETIRE, key, reason, &en, e);
	if (!r)
		r = ledger_append(l, &en, 1, e);
	entry_release(&en);
	return r;
}
