/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h: the signed, append-only log and what it says now.
 *
 * A ledger is a directory of its user, mode 0700 (ledger_dir.h): the database, and unless it is kept
 * elsewhere the secret key. Whom to believe is in a trust file outside (trust.h).
 *
 * ledger_open() authenticates, then parses: owner and modes; the newest checkpoint's signature
 * against the trusted keys; the Merkle root over all entries; only then the entries. LMDB is no
 * trust boundary and its reader can be crashed by flipped bits, so LMDB is touched only in a child
 * process that hands bytes over a socket; a child that dies or stalls is ERR_LEDGER.
 *
 * It need not read the whole log: from a `state` entry on, with the entries that this one says still
 * count, a reader knows as much (state.h), and the root still covers every byte that was read.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "crypto/note.h"
#include "crypto/signer.h"
#include "ledger/anchor.h"
#include "ledger/entry.h"
#include "ledger/trust.h"

struct confinement;
struct ledger;

enum ledger_mode {
	LEDGER_READ,
	LEDGER_MAY_WRITE, /* if the key is at hand without disturbing anybody */
	LEDGER_WRITE,
};

/* What opening does about the anchors. Appends are anchored in any case. */
enum ledger_anchoring {
	LEDGER_ANCHORS_CHECKED, /* ERR_LEDGER if one speaks against the ledger */
	LEDGER_ANCHORS_BEGUN,	/* and those that an empty ledger lacks are made */
	LEDGER_ANCHORS_LEFT,	/* to who looks at them, or makes them */
};

struct ledger_options {
	const char *dir;
	enum ledger_mode mode;
	const struct trust *trust;	 /* borrowed for the call */
	const struct signer_source *key; /* borrowed for the call; NULL: none */
	bool whole; /* read every entry, even where a `state` entry would do */
	const struct anchor_settings *anchors; /* borrowed for the call; NULL: none */
	enum ledger_anchoring anchoring;
	/* Nobody else writes until it is closed; waits so long for who does, then ERR_REFUSED. */
	bool alone;
	unsigned wait_s;
};

struct ledger_creation {
	const char *dir;
	const char *trust_file; /* written: it names the key */
	const struct signer_source *key;
	struct signer_request request;	       /* the key's name is the ledger's origin */
	const struct anchor_settings *anchors; /* NULL: none */
};
/*
 * Makes a new ledger (key, secret, empty log with a signed size-0 checkpoint) and the trust file, and
 * opens it for writing. ERR_REFUSED if there is a ledger, or a trust file of one that was there.
 */
MUSTUSE int ledger_create(
    const struct ledger_creation *c, struct ledger **out, struct err *e);
/*
 * ERR_NOT_FOUND: no ledger there, ledger_create() may make one. ERR_LEDGER: damaged, forged, foreign
 * version, a file missing, wrong owner or mode. Forks: call it before threads exist, from the thread
 * that lives longest (the child ends with it). Without the key all is fine, too: see ledger_writable().
 */
MUSTUSE int ledger_open(
    const struct ledger_options *o, struct ledger **out, struct err *e);
/*
 * Reads it again, after ERR_CONFLICT: what others have appended is part of it now, and what was handed
 * out before is not valid any more. On failure it can only be closed.
 */
MUSTUSE int ledger_reload(struct ledger *l, struct err *e);
/* ERR_NOT_FOUND if there is none (ledger_open() would say so); for who has no trust to show yet. */
MUSTUSE int ledger_exists(const char *dir, struct err *e);
void ledger_close(struct ledger *l); /* NULL is fine */
void ledger_close_p(struct ledger **l);
#define CLEANUP_LEDGER CLEANUP(ledger_close_p)

const struct checkpoint *ledger_head(const struct ledger *l);
const struct public_key *ledger_public_key(
    const struct ledger *l); /* the key that signed the head */
/* NULL if the statprint secret is missing (then everything is measured in full). */
const struct xxh_key *ledger_statprint_key(const struct ledger *l);
/* Made from it, for scrub sums; NULL in the same case. */
const struct xxh_key *ledger_scrub_key(const struct ledger *l);
/* What confines the process that reads its database (ledger/confine.h). */
const struct confinement *ledger_confinement(const struct ledger *l);
/* True if this process could append (mode, key present and neither retired nor distrusted). */
bool ledger_writable(const struct ledger *l);
/* If not: why. */
const char *ledger_not_writable(const struct ledger *l);
/* The key it would sign with; NULL: none. */
const struct public_key *ledger_own_key(const struct ledger *l);
/* What the log itself says of a key: added or never mentioned, and not retired. */
bool ledger_key_is_live(const struct ledger *l, const struct public_key *key);
/*
 * The least size that a key which was added may sign alone: that of the checkpoint that covers its
 * key-add and the key-retire of its predecessor. 0: no entry adds it.
 */
uint64_t ledger_key_added_at(const struct ledger *l, const struct public_key *key);

/* How many entries there are, and when the newest was made (0 if there is none). */
uint64_t ledger_size(const struct ledger *l);
int64_t ledger_time(const struct ledger *l);
/* The newest checkpoint as it was signed; borrowed. */
const char *ledger_note(const struct ledger *l, size_t *len);

/*
 * Every entry, oldest first, read anew and not kept: until it has returned 0 nothing that was seen may
 * be relied on, for only the root over all of them tells that they are the signed ones. Bytes are
 * borrowed for the call.
 */
typedef int ledger_entry_fn(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e);
MUSTUSE int ledger_replay(
    struct ledger *l, ledger_entry_fn *fn, void *ctx, struct err *e);
/* Every checkpoint that is kept, by size, as it is stored: nobody has checked it yet. */
typedef int ledger_head_fn(
    void *ctx, uint64_t size, const char *note, size_t len, struct err *e);
MUSTUSE int ledger_each_head(
    struct ledger *l, ledger_head_fn *fn, void *ctx, struct err *e);
/* The root of the first `size` entries. */
MUSTUSE int ledger_root_at(
    struct ledger *l, uint64_t size, struct digest *root, struct err *e);
/* The newest counter that an `anchor` entry has for this anchor; false if there is none. */
bool ledger_anchor_counter(const struct ledger *l, const char *name, uint64_t *counter);

/* Why what has this diff-id, tree digest or image id must not be used; NULL: it may. */
const char *ledger_revoked(const struct ledger *l, const struct digest *d);

/* Its anchors and what they said when it was opened, or checked; NULL: it has none. */
const struct anchors *ledger_anchors(const struct ledger *l);
MUSTUSE int ledger_check_anchors(struct ledger *l, struct err *e);
/* anchors_create(), and the append that joins counters with the ledger. */
MUSTUSE int ledger_make_anchors(struct ledger *l, bool again, struct err *e);

/*
 * Current state of one store, by the newest entries; NULL: never sealed. What was handed out stays
 * in place until ledger_maintain() or ledger_close(), and an append brings its content up to date.
 */
const struct entry_init *ledger_store(
    const struct ledger *l, const struct store_id *store);
/* The registered store with this graphroot; false if none. graphroot NULL: the only store there is. */
bool ledger_find_store(
    const struct ledger *l, const char *graphroot, struct store_id *out);
/* The only store of a user that root looks after; false if there is none, or several. */
bool ledger_find_user_store(
    const struct ledger *l, const char *user, struct store_id *out);
struct sealed_layer {
	const struct entry_seal_layer *seal;
	uint64_t seq;
	int64_t time;
	const uint8_t
	    *print; /* newest statprint of seal or remeasure, 16 bytes; NULL: none */
	const uint8_t *scrub; /* of the same entry, 16 bytes; NULL: none */
	bool retired;
};
struct sealed_image {
	const struct entry_seal_image *seal;
	uint64_t seq;
	int64_t time;
	bool retired;
};
struct sealed_tree {
	const struct entry_seal_tree *seal;
	uint64_t seq;
	int64_t time;
	bool retired;
};
const struct sealed_layer *ledger_layer(
    const struct ledger *l, const struct store_id *s, const char *id);
const struct sealed_image *ledger_image(
    const struct ledger *l, const struct store_id *s, const char *id);
/* A directory outside the store, by its absolute path. */
const struct sealed_tree *ledger_tree(
    const struct ledger *l, const struct store_id *s, const char *path);
/* The image a name was last sealed to; "" if the name is not bound, or its image was retired since. */
const char *ledger_name(
    const struct ledger *l, const struct store_id *s, const char *name);
/*
 * Visits what is sealed in a store in order of id or path, with the objects that were retired since the newest
 * `state` entry.
 */
typedef int ledger_layer_fn(void *ctx, const struct sealed_layer *layer, struct err *e);
typedef int ledger_image_fn(void *ctx, const struct sealed_image *image, struct err *e);
typedef int ledger_tree_fn(void *ctx, const struct sealed_tree *tree, struct err *e);
MUSTUSE int ledger_each_layer(const struct ledger *l, const struct store_id *s,
    ledger_layer_fn *fn, void *ctx, struct err *e);
MUSTUSE int ledger_each_image(const struct ledger *l, const struct store_id *s,
    ledger_image_fn *fn, void *ctx, struct err *e);
MUSTUSE int ledger_each_tree(const struct ledger *l, const struct store_id *s,
    ledger_tree_fn *fn, void *ctx, struct err *e);

/*
 * Appends a batch under one new checkpoint, all or nothing, durable on return. Nothing is written
 * and nothing changes on failure: ERR_CONFLICT if somebody appended since ledger_open() (ledger_reload()
 * and decide again), ERR_REFUSED without key or for entries that contradict the log (state.h),
 * ERR_IO if there is no space.
 */
MUSTUSE int ledger_append(
    struct ledger *l, const struct entry *entries, size_t n, struct err *e);

/* From here on an append gives up after a few seconds if others keep it waiting. */
void ledger_hurry(struct ledger *l);

/*
 * Changes the key that signs: entries add `next` and retire the present one, and both sign the
 * checkpoint. Whoever calls it sees to the trust file (before: `next` is in it) and to where the key
 * is kept. ERR_REFUSED as for ledger_append(). The ledger owns `next` from here on.
 */
MUSTUSE int ledger_rotate_key(
    struct ledger *l, struct signer *next, const char *reason, struct err *e);
/* Retires a key that is not the one that signs. */
MUSTUSE int ledger_retire_key(
    struct ledger *l, const struct public_key *key, const char *reason, struct err *e);

/*
 * Makes the next opening quick: appends a `state` entry if there are many entries since the last one.
 * For the end of a run that appended; ERR_CONFLICT and other failures leave all as it was.
 */
MUSTUSE int ledger_maintain(struct ledger *l, struct err *e);

/*
 * Manifests, content-addressed; each writer and reader belongs to one thread at a time. Written while a tree is measured, in bounded pieces, before the
 * entry that names them; one that no entry names is harmless.
 */
struct manifest_writer;
MUSTUSE int manifest_writer_new(
    struct ledger *l, struct manifest_writer **out, struct err *e);
MUSTUSE int manifest_writer_add(
    struct manifest_writer *w, const char *text, size_t len, struct err *e);
/* Publishes it under `digest` (the SHA-256 of all that was added, computed here and compared). */
MUSTUSE int manifest_writer_commit(
    struct manifest_writer *w, const struct digest *digest, struct err *e);
void manifest_writer_free(struct manifest_writer *w); /* drops what was not committed */

/*
 * Reads one back in chunks: *len == 0 at the end, where the SHA-256 of everything has been checked
 * against `digest` (ERR_LEDGER if it differs: discard what was read). ERR_NOT_FOUND if not there.
 * `bytes` is its length as it was signed.
 * An error stays: after one, every further call fails.
 */
struct manifest_reader;
/* False if it cannot be had: compaction drops what no seal needs, mending what is damaged. */
bool ledger_has_manifest(struct ledger *l, const struct digest *digest);
MUSTUSE int manifest_reader_new(struct ledger *l, const struct digest *digest,
    uint64_t bytes, struct manifest_reader **out, struct err *e);
int manifest_reader_next(void *reader, const char **data, size_t *len, struct err *e);
void manifest_reader_free(struct manifest_reader *r);

#endif
