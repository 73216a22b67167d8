/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c: see ledger.h: create, open, close; what a ledger says. */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ledger/exchange.h"
#include "ledger/ledger_impl.h"

#define OPEN_TRIES 100

/* ---- heads ---- */

int ledger_sign_head(const struct merkle *tree, const struct signer *const *signers,
    size_t n, struct checkpoint *head, struct buf *note, struct err *e)
{
	*head = (struct checkpoint){.size = tree->size};
	memcpy(head->origin, signer_public(signers[0])->name, sizeof(head->origin));
	merkle_root(tree, &head->root);
	return checkpoint_sign(head, signers, n, note, e);
}

static int write_empty_log(struct keeper *k, const struct signer *signer, struct err *e)
{
	CLEANUP_BUF struct buf note;
	struct keeper_batch batch = {0};
	struct checkpoint head;
	struct merkle tree;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	merkle_init(&tree);
	r = ledger_sign_head(&tree, &signer, 1, &head, &note, e);
	if (r)
		return r;
	batch.head = (struct span){note.data, note.len};
	return keeper_append(k, &batch, e);
}

/* ---- open ---- */

static bool may_sign_on(const struct ledger *l, const struct trusted_key *k)
{
	uint64_t next = l->head.size + 1;

	return k->from <= next && next <= k->until &&
	       state_key_may_sign(l->state, &k->key, next);
}

/*
 * All trusted keys, first those that may sign the next head, *live in number: an agent may hold one
 * that is retired beside its successor.
 */
static void order_keys(
    const struct ledger *l, struct public_key keys[static TRUST_KEYS_MAX], size_t *live)
{
	size_t n = 0;

	for (int may = 1; may >= 0; may--) {
		for (size_t i = 0; i < l->trust.n_log; i++) {
			if (may_sign_on(l, &l->trust.log[i]) == may)
				keys[n++] = l->trust.log[i].key;
		}
		if (may)
			*live = n;
	}
}

static bool is_one_of(
    const struct public_key *key, const struct public_key *keys, size_t n)
{
	while (n && !public_key_equal(key, &keys[n - 1]))
		n--;
	return n > 0;
}

/* A missing key, or one that was retired, only means that nothing can be appended. */
static int load_key(struct ledger *l, const struct signer_source *key, struct err *e)
{
	CLEANUP_SIGNER struct signer *signer = NULL;
	struct public_key keys[TRUST_KEYS_MAX];
	struct signer_source source = *key;
	size_t live;
	int r;

	source.dirfd = l->dirfd;
	source.quiet = l->mode == LEDGER_MAY_WRITE;
	order_keys(l, keys, &live);
	r = signer_open(&source, keys, l->trust.n_log, &signer, e);
	if (r && r != ERR_NOT_FOUND)
		return r;
	if (r)
		l->no_key = *e;
	else if (is_one_of(signer_public(signer), keys, live))
		l->own_key = take_ptr(signer);
	else
		err_set(&l->no_key, ERR_NOT_FOUND,
		    "key %s+%08" PRIx32 " may not sign any more",
		    signer_public(signer)->name, signer_public(signer)->id);
	return 0;
}

/*
 * A secret that somebody else chose is one that he knows, and what is known can be made to collide.
 */
static int load_print_key(struct ledger *l, struct err *e)
{
	struct digest digest;
	int r = ledger_dir_statprint_key(l->dirfd, &l->print_key, &l->has_print_key, e);

	if (r || !l->has_print_key)
		return r;
	xxh_key_derive(&l->print_key, "layerseal/v1 scrub", &l->scrub_key);
	sha256(l->print_key.secret, XXH_KEY_BYTES, &digest);
	return state_statprint_key_is(l->state, &digest)
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 LEDGER_FILE_STATPRINT
			 ": not the secret that the ledger names "
			 "(without the file, every layer is measured)");
}

/* Before anything is read: what is read must be the newest, or stay in place. */
static int lock_database(struct ledger *l, const struct ledger_options *o, struct err *e)
{
	if (o->alone)
		return exchange_claim(l->dirfd, l->dbfd, o->wait_s, &l->floor_fd, e);
	return o->mode == LEDGER_WRITE
		   ? exchange_hold_off_long(l->dirfd, l->dbfd, &l->floor_fd, e)
		   : 0;
}

/* To verify from a read-only mount is no less than to verify without the key. */
static bool is_read_only(int dbfd)
{
	return faccessat(dbfd, "data.mdb", W_OK, AT_EACCESS) && errno == EROFS;
}

/*
 * The keeper is forked before there is a secret in memory. It has to confine itself, and reads nothing before
 * it is asked: time to look at the anchors.
 */
static int open_parts(struct ledger *l, const struct ledger_options *o, struct err *e)
{
	int r = ledger_dir_database(l->dirfd, &l->dbfd, e);
	bool writes;

	if (!r)
		r = lock_database(l, o, e);
	if (!r && l->mode == LEDGER_MAY_WRITE && is_read_only(l->dbfd))
		l->mode = LEDGER_READ;
	writes = l->mode != LEDGER_READ;
	if (!r)
		r = keeper_start(
		    l->dbfd, writes ? KEEPER_WRITE : KEEPER_READ, &l->keeper, e);
	if (!r)
		r = ledger_anchors_look(l, o->anchors, e);
	if (!r) {
		ledger_anchors_prove(l);
		r = ledger_load(l, o->whole, e);
	}
	if (!r && writes && o->key)
		r = load_key(l, o->key, e);
	if (!r)
		r = load_print_key(l, e);
	if (!r)
		r = ledger_anchors_settle(l, o->anchoring, e);
	if (r == ERR_MALFORMED)
		e->code = r = ERR_LEDGER;
	return r;
}

/* What was read. */
static void forget(struct ledger *l)
{
	state_free(l->state);
	for (size_t i = 0; i < l->n_records; i++)
		record_drop(l->records[i]);
	free(l->records);
	l->state = NULL;
	l->records = NULL;
	l->n_records = 0;
}

static struct ledger *ledger_new(const struct ledger_options *o)
{
	struct ledger *l = xcalloc(1, sizeof(*l));

	l->mode = o->mode;
	l->dirfd = l->dbfd = l->floor_fd = -1;
	l->trust = *o->trust;
	l->state = state_new();
	buf_init(&l->note, NOTE_MAX_BYTES);
	merkle_init(&l->tree);
	return l;
}

static int open_once(
    const struct ledger_options *o, struct ledger **out, bool *again, struct err *e)
{
	struct ledger *l = ledger_new(o);
	int r = ledger_dir_open(o->dir, &l->dirfd, e);

	if (!r)
		r = open_parts(l, o, e);
	*again = r && l->dbfd >= 0 && exchange_happened(l->dirfd, l->dbfd);
	if (r) {
		ledger_close(l);
		return r;
	}
	*out = l;
	return 0;
}

int ledger_open(const struct ledger_options *o, struct ledger **out, struct err *e)
{
	bool again;
	int r;

	*out = NULL;
	/* A database that was exchanged just then went away while it was being opened. */
	for (int try = 0; (r = open_once(o, out, &again, e)) && again; try++) {
		if (try == OPEN_TRIES)
			break;
	}
	return r;
}

void ledger_forget_statprint_key(struct ledger *l)
{
	explicit_bzero(&l->print_key, sizeof(l->print_key));
	explicit_bzero(&l->scrub_key, sizeof(l->scrub_key));
	l->has_print_key = false;
}

int ledger_open_database(
    const struct trust *trust, int dbfd, struct ledger **out, struct err *e)
{
	struct ledger *l =
	    ledger_new(&(struct ledger_options){.mode = LEDGER_READ, .trust = trust});
	int r = 0;

	*out = NULL;
	l->dbfd = fcntl(dbfd, F_DUPFD_CLOEXEC, 3);
	if (l->dbfd < 0)
		r = err_sys(e, "ledger: its database");
	if (!r)
		r = keeper_start(l->dbfd, KEEPER_READ, &l->keeper, e);
	if (!r)
		r = ledger_load(l, false, e);
	if (r) {
		ledger_close(l);
		return r;
	}
	*out = l;
	return 0;
}

int ledger_reload(struct ledger *l, struct err *e)
{
	uint64_t size = l->head.size;
	int r = ledger_anchors_look(l, &l->anchor_settings, e);

	forget(l);
	l->state = state_new();
	l->start = 0;
	merkle_init(&l->tree);
	buf_clear(&l->note);
	if (!r)
		r = ledger_load(l, false, e);
	if (!r && l->head.size < size)
		r = err_set(e, ERR_LEDGER, "ledger: it was rolled back just now");
	if (!r)
		r = ledger_check_anchors(l, e);
	if (r == ERR_MALFORMED)
		e->code = r = ERR_LEDGER;
	return r;
}

int ledger_exists(const char *dir, struct err *e)
{
	CLEANUP_FD int fd = -1;

	return ledger_dir_open(dir, &fd, e);
}

/* ---- create ---- */

/* Init may have died between its last two steps: then all is there that the trust file speaks of. */
static int finish_interrupted(const char *dir, const struct trust *trust, struct err *e)
{
	const struct ledger_options o = {
	    .dir = dir, .mode = LEDGER_READ, .trust = trust, .whole = true};
	struct ledger *l = ledger_new(&o);
	int r = ledger_dir_open_unfinished(dir, &l->dirfd, e);

	if (!r)
		r = open_parts(l, &o, e);
	if (!r)
		r = ledger_dir_finish(l->dirfd, e);
	ledger_close(l);
	return r;
}

/* The trust file last: with it there is a ledger, and it is whole. */
static int write_parts(struct ledger *l, const struct ledger_creation *c, struct err *e)
{
	struct signer_source source = *c->key;
	bool inside = source.place == SIGNER_FILE && source.name[0] != '/';
	int r;

	source.dirfd = l->dirfd;
	/* The directory was empty: a key that lies there by now is none of ours. */
	r = inside && !c->request.choice
		? signer_generate(&source, c->request.name, &l->own_key, e)
		: signer_create(&source, &c->request, &l->own_key, e);
	if (!r)
		r = ledger_dir_write_statprint_key(l->dirfd, e);
	if (!r)
		r = write_empty_log(l->keeper, l->own_key, e);
	if (!r)
		r = ledger_dir_settle(l->dirfd, l->dbfd, e);
	if (!r)
		r = trust_add(&l->trust, signer_public(l->own_key), 0, UINT64_MAX, e);
	if (!r)
		r = trust_save(c->trust_file, &l->trust, e);
	return r ? r : ledger_dir_finish(l->dirfd, e);
}

/* The pin of a ledger that is gone went with its trust file. */
static int remove_pin(const char *trust_file, struct err *e)
{
	CLEANUP_FREE char *pin = anchor_pin_path(trust_file);

	return unlink(pin) && errno != ENOENT && errno != ENOTDIR
		   ? err_sys(e, "anchor %s", pin)
		   : 0;
}

/* Of the parts of a ledger the keeper is started first: it must not inherit the secrets. */
static int create(const struct ledger_creation *c, struct ledger **out, struct err *e)
{
	const struct trust nobody = {0};
	const struct ledger_options o = {
	    .dir = c->dir, .mode = LEDGER_WRITE, .trust = &nobody};
	CLEANUP_LEDGER struct ledger *l = ledger_new(&o);
	int r = remove_pin(c->trust_file, e);

	if (!r)
		r = ledger_anchors_look(l, c->anchors, e);
	if (!r)
		r = ledger_dir_prepare(c->dir, &l->dirfd, e);
	if (!r)
		r = ledger_dir_database(l->dirfd, &l->dbfd, e);
	if (!r)
		r = keeper_start(l->dbfd, KEEPER_CREATE, &l->keeper, e);
	if (!r)
		r = write_parts(l, c, e);
	if (!r)
		r = ledger_load(l, true, e);
	if (!r)
		r = load_print_key(l, e);
	if (!r)
		r = ledger_anchors_settle(l, LEDGER_ANCHORS_BEGUN, e);
	if (!r) {
		*out = l;
		l = NULL;
	}
	return r;
}

int ledger_create(const struct ledger_creation *c, struct ledger **out, struct err *e)
{
	struct trust trust;
	const struct ledger_options o = {.dir = c->dir,
	    .mode = LEDGER_WRITE,
	    .trust = &trust,
	    .key = c->key,
	    .anchors = c->anchors,
	    .anchoring = LEDGER_ANCHORS_BEGUN};
	int r = trust_load(c->trust_file, &trust, e);

	*out = NULL;
	if (r == ERR_NOT_FOUND)
		return create(c, out, e);
	if (r)
		return r;
	if (finish_interrupted(c->dir, &trust, e) == 0)
		return ledger_open(&o, out, e);
	return err_set(e, ERR_REFUSED,
	    "trust file %s names the key of a ledger that was at %s before: if that one "
	    "is "
	    "meant to be gone, remove the trust file, too",
	    c->trust_file, c->dir);
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	keeper_stop(l->keeper);
	anchors_close(l->anchors);
	forget(l);
	buf_release(&l->note);
	signer_free(l->own_key);
	ledger_forget_statprint_key(l);
	base_close_p(&l->floor_fd);
	base_close_p(&l->dbfd);
	base_close_p(&l->dirfd);
	free(l);
}

void ledger_close_p(struct ledger **l)
{
	ledger_close(*l);
	*l = NULL;
}

/* ---- what it says ---- */

const struct checkpoint *ledger_head(const struct ledger *l)
{
	return &l->head;
}

const struct public_key *ledger_public_key(const struct ledger *l)
{
	return &l->signer;
}

const struct xxh_key *ledger_statprint_key(const struct ledger *l)
{
	return l->has_print_key ? &l->print_key : NULL;
}

const struct xxh_key *ledger_scrub_key(const struct ledger *l)
{
	return l->has_print_key ? &l->scrub_key : NULL;
}

const struct confinement *ledger_confinement(const struct ledger *l)
{
	return keeper_confinement(l->keeper);
}

bool ledger_writable(const struct ledger *l)
{
	return l->own_key != NULL;
}

const struct public_key *ledger_own_key(const struct ledger *l)
{
	return l->own_key ? signer_public(l->own_key) : NULL;
}

bool ledger_key_is_live(const struct ledger *l, const struct public_key *key)
{
	return state_key_may_sign(l->state, key, l->head.size + 1);
}

uint64_t ledger_key_added_at(const struct ledger *l, const struct public_key *key)
{
	return state_key_added_at(l->state, key);
}

const char *ledger_not_writable(const struct ledger *l)
{
	if (l->mode == LEDGER_READ)
		return "it was opened for reading";
	return l->no_key.code ? l->no_key.msg : "no key was named";
}

uint64_t ledger_size(const struct ledger *l)
{
	return l->head.size;
}

int64_t ledger_time(const struct ledger *l)
{
	return l->n_records ? l->records[l->n_records - 1]->entry->time : 0;
}

const char *ledger_note(const struct ledger *l, size_t *len)
{
	*len = l->note.len;
	return l->note.data;
}

bool ledger_anchor_counter(const struct ledger *l, const char *name, uint64_t *counter)
{
	return state_anchor(l->state, name, counter);
}

const char *ledger_revoked(const struct ledger *l, const struct digest *d)
{
	return state_revoked(l->state, d);
}

const struct entry_init *ledger_store(
    const struct ledger *l, const struct store_id *store)
{
	return state_store(l->state, store);
}

bool ledger_find_store(
    const struct ledger *l, const char *graphroot, struct store_id *out)
{
	return state_find_store(l->state, graphroot, out);
}

bool ledger_find_user_store(
    const struct ledger *l, const char *user, struct store_id *out)
{
	return state_find_user_store(l->state, user, out);
}

const struct sealed_layer *ledger_layer(
    const struct ledger *l, const struct store_id *s, const char *id)
{
	return state_layer(l->state, s, id);
}

const struct sealed_image *ledger_image(
    const struct ledger *l, const struct store_id *s, const char *id)
{
	return state_image(l->state, s, id);
}

const struct sealed_tree *ledger_tree(
    const struct ledger *l, const struct store_id *s, const char *path)
{
	return state_tree(l->state, s, path);
}

const char *ledger_name(
    const struct ledger *l, const struct store_id *s, const char *name)
{
	return state_name(l->state, s, name);
}

int ledger_each_layer(const struct ledger *l, const struct store_id *s,
    ledger_layer_fn *fn, void *ctx, struct err *e)
{
	return state_each_layer(l->state, s, fn, ctx, e);
}

int ledger_each_image(const struct ledger *l, const struct store_id *s,
    ledger_image_fn *fn, void *ctx, struct err *e)
{
	return state_each_image(l->state, s, fn, ctx, e);
}

int ledger_each_tree(const struct ledger *l, const struct store_id *s, ledger_tree_fn *fn,
    void *ctx, struct err *e)
{
	return state_each_tree(l->state, s, fn, ctx, e);
}
