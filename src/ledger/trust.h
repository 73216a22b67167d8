/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust.h: whom a reader of a ledger believes: public keys, in a file outside the ledger, because who
 * can write the ledger must not be able to choose. layerseal-ledger(5), "Trust".
 *
 *   log VKEY [from SIZE] [until SIZE]    may sign checkpoints of these sizes, both included
 *   witness NAME VKEY                    kept for who asks witnesses
 *   # comment
 */
#ifndef LEDGER_TRUST_H
#define LEDGER_TRUST_H

#include "crypto/note.h"

#define TRUST_KEYS_MAX NOTE_KEYS_MAX
#define TRUST_MAX_BYTES 65536

struct trusted_key {
	struct public_key key;
	uint64_t from,
	    until; /* sizes of checkpoints it may sign; 0 and UINT64_MAX: any */
};

struct trusted_witness {
	char name[KEY_NAME_MAX + 1]; /* what the operator calls it */
	struct public_key key;
};

/* No ownership: copy it as you like. */
struct trust {
	struct trusted_key log[TRUST_KEYS_MAX]; /* all of one name: the ledger's origin */
	size_t n_log;
	struct trusted_witness witness[TRUST_KEYS_MAX];
	size_t n_witness;
};

/*
 * Where the trust file of a ledger is unless somebody says otherwise: CONFDIR/trust/ and the ledger's
 * real path, spelled as one file name. ERR_NOT_FOUND if not even the directory above the ledger exists.
 */
MUSTUSE int trust_default_path(
    const char *confdir, const char *ledger_dir, char **out, struct err *e);

/* ERR_NOT_FOUND: no such file. ERR_LEDGER: who else may write it, or what its text breaks. */
MUSTUSE int trust_load(const char *path, struct trust *out, struct err *e);
/* Replaces the file in one step; makes its directory. */
MUSTUSE int trust_save(const char *path, const struct trust *t, struct err *e);

/* The bytes of a file. */
MUSTUSE int trust_parse(const char *text, size_t len, struct trust *out, struct err *e);
MUSTUSE int trust_format(const struct trust *t, struct buf *out, struct err *e);

/* Adds a log key; ERR_REFUSED: of another ledger, there already, or too many. */
MUSTUSE int trust_add(struct trust *t, const struct public_key *key, uint64_t from,
    uint64_t until, struct err *e);
/* NULL: not a log key. */
struct trusted_key *trust_find(struct trust *t, const struct public_key *key);
/* The log key that a vkey or the 8 digits of its hash name; ERR_NOT_FOUND. */
MUSTUSE int trust_select(
    struct trust *t, const char *vkey_or_hash, struct trusted_key **out, struct err *e);
void trust_remove(struct trust *t, const struct trusted_key *k);
/* The line of one key, without its LF. */
MUSTUSE int trust_format_key(const struct trusted_key *k, struct buf *out, struct err *e);

/*
 * Opens a signed checkpoint. ERR_LEDGER: not signed by a key that may sign this size. The keys that did
 * are in *signers (NULL is fine): bit i is t->log[i].
 */
MUSTUSE int trust_open_checkpoint(const struct trust *t, const char *note, size_t len,
    struct checkpoint *out, uint64_t *signers, struct err *e);
/* As the newest one of a ledger: ERR_LEDGER also if the file knows that there were more entries. */
MUSTUSE int trust_open_head(const struct trust *t, const char *note, size_t len,
    struct checkpoint *out, uint64_t *signers, struct err *e);
/* The first of these, of which there is one. */
const struct public_key *trust_signer(const struct trust *t, uint64_t signers);

#endif
