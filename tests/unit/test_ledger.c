/* SPDX-License-Identifier: Apache-2.0 */
/* test_ledger.c: what a ledger says, what it refuses to become, what it refuses to be. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "crypto/keyfile.h"
#include "crypto/merkle.h"
#include "scratch.h"

/* ---- making one ---- */

static void a_new_ledger_is_empty(void **state)
{
	struct ledger *l;
	struct stat st;

	(void)state;
	remove_ledger();
	must_create();
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(path_of("db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < 4; i++) {
		static const char *const files[] = {
		    "db/data.mdb", "db/lock.mdb", "key", "statprint.key"};

		assert_int_equal(stat(path_of(files[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_int_equal(access(path_of("unfinished"), F_OK), -1);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(ledger_size(l), 0);
	assert_int_equal(ledger_head(l)->size, 0);
	assert_string_equal(ledger_head(l)->origin, ORIGIN);
	assert_string_equal(ledger_public_key(l)->name, ORIGIN);
	assert_true(ledger_writable(l));
	assert_non_null(ledger_statprint_key(l));
	assert_false(ledger_find_store(l, NULL, &(struct store_id){{0}}));
	ledger_close(l);
	l = must_open(LEDGER_READ);
	assert_false(ledger_writable(l));
	ledger_close_p(&l);
	ledger_close_p(&l);
}

static void init_leaves_others_alone(void **state)
{
	char other[96];
	struct err e;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", scratch);
	make_ledger(1);
	assert_int_equal(create_ledger(&e), ERR_REFUSED);
	/* A log that nobody trusts is still a log, and trust is not given to another one. */
	assert_int_equal(rename(trust_file(), path_of("away")), 0);
	assert_int_equal(create_ledger(&e), ERR_REFUSED);
	assert_int_equal(rename(path_of("away"), trust_file()), 0);
	assert_int_equal(rename(dir, other), 0);
	assert_int_equal(create_ledger(&e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, trust_file()));
	assert_int_equal(rename(other, dir), 0);
	ledger_close(must_open(LEDGER_WRITE));
	remove_ledger();
	assert_int_equal(mkdir(dir, 0700), 0);
	refuses_to_open(ERR_NOT_FOUND, "init");
	write_text(path_of("diary"), "dear");
	refuses_to_open(ERR_NOT_FOUND, "init");
	assert_int_equal(create_ledger(&e), ERR_REFUSED);
	assert_int_equal(access(path_of("diary"), F_OK), 0);
	remove_ledger();
	refuses_to_open(ERR_NOT_FOUND, "init");
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(create_ledger(&e), ERR_LEDGER);
	remove_ledger();
}

/* Killed at any moment: either there is no ledger and init makes one, or there is a whole one. */
static void init_can_be_interrupted(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		struct ledger *l = NULL;
		struct err e;
		pid_t pid;
		int r;

		remove_ledger();
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(create_ledger(&e) ? 1 : 0);
		usleep(round * 400);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		r = open_ledger(LEDGER_WRITE, &l, &e);
		if (r) {
			assert_int_equal(r, ERR_NOT_FOUND);
			must_create();
			l = must_open(LEDGER_WRITE);
		}
		must_append(l, init_at("/g"));
		ledger_close(l);
	}
}

static void init_cleans_up_after_itself_only(void **state)
{
	struct err e;

	(void)state;
	remove_ledger();
	must_create();
	write_text(path_of("unfinished"), "");
	write_text(path_of(".layerseal-0123456789abcdef"), "half a file");
	refuses_to_open(ERR_NOT_FOUND, "never finished");
	/* Killed before the last step: all is there, and the key is the one that is trusted. */
	must_create();
	assert_int_equal(access(path_of("key"), F_OK), 0);
	ledger_close(must_open(LEDGER_WRITE));
	/* Killed before that. */
	write_text(path_of("unfinished"), "");
	unlink(trust_file());
	must_create();
	assert_int_equal(access(path_of(".layerseal-0123456789abcdef"), F_OK), -1);
	assert_int_equal(create_ledger(&e), ERR_REFUSED);
	ledger_close(must_open(LEDGER_WRITE));
}

/* ---- what it says ---- */

static int note_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	(void)e;
	snprintf((char *)ctx + strlen(ctx), 64, "%c%s ",
	    layer->seal->layer[ENTRY_ID_LEN - 1], layer->retired ? "-" : "");
	return 0;
}

static int note_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	(void)e;
	snprintf((char *)ctx + strlen(ctx), 64, "%c%s ",
	    image->seal->image[ENTRY_ID_LEN - 1], image->retired ? "-" : "");
	return 0;
}

static void check_story(struct ledger *l)
{
	char id[ENTRY_ID_LEN + 1], seen[256] = "";
	const struct sealed_layer *layer;
	struct store_id found;
	struct err e;

	assert_true(ledger_find_store(l, "/g", &found));
	assert_memory_equal(&found, &store_a, sizeof(found));
	assert_true(ledger_find_store(l, NULL, &found));
	assert_false(ledger_find_store(l, "/other", &found));
	assert_string_equal(ledger_store(l, &store_a)->runroot, "/run");
	id_of(id, 2);
	layer = ledger_layer(l, &store_a, id);
	assert_true(layer->retired);
	id_of(id, 1);
	layer = ledger_layer(l, &store_a, id);
	assert_false(layer->retired);
	assert_int_equal(layer->seq, 3);
	assert_int_equal(layer->seal->diff_size, 1);
	assert_int_equal(layer->print[0], 0x77);
	assert_null(ledger_layer(l, &(struct store_id){{0xb}}, id));
	assert_null(ledger_layer(l, &store_a, "nonsense"));
	assert_int_equal(ledger_each_layer(l, &store_a, note_layer, seen, &e), 0);
	assert_string_equal(seen, "0 1 2- ");
	seen[0] = '\0';
	assert_int_equal(ledger_each_image(l, &store_a, note_image, seen, &e), 0);
	assert_string_equal(seen, "8 9- ");
	assert_string_equal(ledger_name(l, &store_a, "one"),
	    ledger_image(l, &store_a,
		"0000000000000000000000000000000000000000000000000000000000000008")
		->seal->image);
	assert_string_equal(ledger_name(l, &store_a, "two"), "");
	assert_string_equal(ledger_name(l, &store_a, "three"), "");
}

static int op_of_fourth(
    void *ctx, uint64_t seq, const char *bytes, size_t len, struct err *e)
{
	struct entry en;

	if (seq == 4 && entry_parse(bytes, len, &en, e) == 0) {
		*(enum entry_op *)ctx = en.op;
		entry_release(&en);
	}
	return 0;
}

static void the_newest_entry_counts(void **state)
{
	enum entry_op op = ENTRY_INIT;
	struct ledger *l;
	struct err e;

	(void)state;
	remove_ledger();
	must_create();
	l = must_open(LEDGER_WRITE);
	must_append(l, init_at("/g"));
	must_append(l, layer_of(2));
	must_append(l, layer_of(0));
	must_append(l, layer_of(1));
	must_append(l, remeasure_of(1, 1));
	must_append(l, image_of(9));
	must_append(l, image_of(8));
	must_append(l, name_of("one", 9));
	must_append(l, name_of("one", 8));
	must_append(l, name_of("two", 9));
	must_append(l, retire_of(true, 9));
	must_append(l, retire_of(false, 2));
	check_story(l);
	ledger_close(l);
	l = must_open(LEDGER_READ);
	check_story(l);
	assert_int_equal(ledger_size(l), 12);
	assert_int_equal(ledger_replay(l, op_of_fourth, &op, &e), 0);
	assert_int_equal(op, ENTRY_REMEASURE);
	ledger_close(l);
}

static void a_retired_image_frees_its_names(void **state)
{
	struct ledger *l;

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	must_append(l, image_of(1));
	must_append(l, name_of("n", 1));
	assert_int_equal(strlen(ledger_name(l, &store_a, "n")), ENTRY_ID_LEN);
	must_append(l, retire_of(true, 1));
	assert_string_equal(ledger_name(l, &store_a, "n"), "");
	must_append(l, image_of(1)); /* sealed again, under no name */
	assert_string_equal(ledger_name(l, &store_a, "n"), "");
	must_append(l, name_of("n", 1));
	assert_int_equal(strlen(ledger_name(l, &store_a, "n")), ENTRY_ID_LEN);
	ledger_close(l);
}

static void entries_that_contradict_are_refused(void **state)
{
	struct entry foreign = layer_of(0), twice = init_at("/g");
	struct ledger *l;
	struct err e;

	(void)state;
	remove_ledger();
	must_create();
	l = must_open(LEDGER_WRITE);
	assert_int_equal(append(l, layer_of(0), &e), ERR_REFUSED);
	must_append(l, init_at("/g"));
	must_append(l, layer_of(0));
	twice.store.bytes[5] = 5;
	assert_int_equal(append(l, twice, &e), ERR_REFUSED);
	foreign.store.bytes[0] = 0xee;
	assert_int_equal(append(l, foreign, &e), ERR_REFUSED);
	assert_int_equal(append(l, remeasure_of(0, 7), &e), ERR_REFUSED);
	assert_int_equal(append(l, remeasure_of(1, 1), &e), ERR_REFUSED);
	assert_int_equal(append(l, retire_of(false, 1), &e), ERR_REFUSED);
	assert_int_equal(append(l, retire_of(true, 0), &e), ERR_REFUSED);
	assert_int_equal(append(l, name_of("n", 0), &e), ERR_REFUSED);
	must_append(l, retire_of(false, 0));
	assert_int_equal(append(l, retire_of(false, 0), &e), ERR_REFUSED);
	assert_int_equal(append(l, remeasure_of(0, 0), &e), ERR_REFUSED);
	assert_int_equal(ledger_size(l), 3);
	must_append(l, layer_of(0));
	ledger_close(l);
	l = must_open(LEDGER_READ);
	assert_int_equal(ledger_size(l), 4);
	ledger_close(l);
}

static void a_batch_is_all_or_nothing(void **state)
{
	struct entry batch[3] = {image_of(1), name_of("n", 1), retire_of(true, 5)};
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(0);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(ledger_append(l, batch, 3, &e), ERR_REFUSED);
	assert_int_equal(ledger_size(l), 1);
	assert_string_equal(ledger_name(l, &store_a, "n"), "");
	assert_int_equal(ledger_append(l, batch, 0, &e), 0);
	assert_int_equal(ledger_append(l, batch, 2, &e), 0);
	free(batch[1].seal_name.name);
	batch[1].seal_name.name = xmalloc(5000);
	memset(batch[1].seal_name.name, 'n', 4999);
	batch[1].seal_name.name[4999] = '\0';
	assert_int_equal(ledger_append(l, batch, 2, &e), ERR_REFUSED);
	assert_int_equal(ledger_size(l), 3);
	assert_int_equal(ledger_head(l)->size, 3);
	for (size_t i = 0; i < 3; i++)
		entry_release(&batch[i]);
	ledger_close(l);
	l = must_open(LEDGER_READ);
	assert_int_equal(ledger_size(l), 3);
	assert_int_equal(append(l, image_of(2), &e), ERR_REFUSED);
	ledger_close(l);
}

static void of_two_writers_one_wins(void **state)
{
	struct ledger *first, *second;
	struct err e;

	(void)state;
	make_ledger(1);
	first = must_open(LEDGER_WRITE);
	second = must_open(LEDGER_WRITE);
	must_append(first, layer_of(1));
	assert_int_equal(append(second, layer_of(2), &e), ERR_CONFLICT);
	assert_int_equal(append(second, layer_of(2), &e), ERR_CONFLICT);
	assert_int_equal(ledger_size(second), 2);
	must_append(first, layer_of(3));
	ledger_close(first);
	ledger_close(second);
	first = must_open(LEDGER_WRITE);
	assert_int_equal(ledger_size(first), 4);
	ledger_close(first);
}

/* ---- forgeries ---- */

static struct secret_key *key_of_ledger(void)
{
	static const struct passphrase_source none = {.kind = PASSPHRASE_NONE};
	CLEANUP_SECRET_BUF struct buf text;
	struct secret_key *key;
	struct err e;

	secret_buf_init(&text, KEYFILE_MAX);
	assert_int_equal(keyfile_read(AT_FDCWD, path_of("key"), &text, &e), 0);
	assert_int_equal(keyfile_unlock(&text, "key", &none, &key, &e), 0);
	return key;
}

/* Signs what no ledger_append() would sign: the attack of a thief of the key, or of a bug. */
static void sign_entries(const char *const *entries, size_t n)
{
	struct checkpoint head = {.origin = ORIGIN, .size = n};
	const struct signer *signer;
	struct merkle tree;
	struct buf note;
	struct lmdb m;
	struct err e;

	remove_ledger();
	must_create();
	signer = signer_of_key(key_of_ledger());
	m = lmdb_open(dir);
	merkle_init(&tree);
	for (size_t i = 0; i < n; i++) {
		struct digest leaf;

		merkle_leaf(entries[i], strlen(entries[i]), &leaf);
		merkle_append(&tree, &leaf);
		lmdb_put(&m, LMDB_ENTRY, i, entries[i], strlen(entries[i]));
	}
	merkle_root(&tree, &head.root);
	buf_init(&note, NOTE_MAX_BYTES);
	assert_int_equal(checkpoint_sign(&head, &signer, 1, &note, &e), 0);
	lmdb_put(&m, LMDB_HEAD, n, note.data, note.len);
	lmdb_commit(&m);
	buf_release(&note);
	signer_free((struct signer *)(uintptr_t)signer);
}

#define STORE "0a010000000000000000000000000000"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define INIT                                                                             \
	"layerseal/v1 entry\nop init\ntime 1\nstore " STORE                              \
	"\ngraphroot /g\nrunroot /r\ndriver overlay\nimagestore -\nstatprint-key -\n"
#define RETIRE                                                                           \
	"layerseal/v1 entry\nop retire\ntime 1\nstore " STORE                            \
	"\nobject layer\nid " ZEROS "\nreason -\n"

static void signed_nonsense_is_named(void **state)
{
	static const char *const good[] = {INIT}, *const garbage[] = {INIT, "garbage\n"},
				 *const lonely[] = {INIT, RETIRE},
				 *const early[] = {RETIRE},
				 *const future[] = {"layerseal/v2 entry\nop init\n"};
	struct ledger *l;

	(void)state;
	sign_entries(good, 1);
	l = must_open(LEDGER_WRITE);
	assert_int_equal(ledger_size(l), 1);
	ledger_close(l);
	sign_entries(garbage, 2);
	refuses_to_open(ERR_LEDGER, "entry 1");
	sign_entries(lonely, 2);
	refuses_to_open(ERR_LEDGER, "entry 1");
	sign_entries(early, 1);
	refuses_to_open(ERR_LEDGER, "entry 0");
	sign_entries(future, 1);
	refuses_to_open(ERR_LEDGER, "entry 0");
}

static void changed_entries_are_noticed(void **state)
{
	struct lmdb m;
	size_t len;
	char *bytes;

	(void)state;
	make_ledger(5);
	m = lmdb_open(dir);
	bytes = lmdb_get(&m, LMDB_ENTRY, 3, &len);
	bytes[len - 2] = 'x'; /* reason - */
	lmdb_put(&m, LMDB_ENTRY, 3, bytes, len);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "not those that were signed");
	bytes[len - 2] = '-';
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_ENTRY, 3, bytes, len - 1);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "not those that were signed");
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_ENTRY, 3, bytes, len);
	lmdb_put(&m, LMDB_ENTRY, 6, bytes, len);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "more entries");
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_ENTRY, 6);
	lmdb_commit(&m);
	ledger_close(must_open(LEDGER_WRITE));
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_ENTRY, 5);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "6 entries were signed, there are 5");
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_ENTRY, 5, bytes, len); /* another one in its place */
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "not those that were signed");
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_ENTRY, 2);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "damaged");
	free(bytes);
}

static void exchanged_entries_are_noticed(void **state)
{
	size_t len[2];
	char *bytes[2];
	struct lmdb m;

	(void)state;
	make_ledger(5);
	m = lmdb_open(dir);
	for (size_t i = 0; i < 2; i++)
		bytes[i] = lmdb_get(&m, LMDB_ENTRY, 2 + i, &len[i]);
	for (size_t i = 0; i < 2; i++)
		lmdb_put(&m, LMDB_ENTRY, 3 - i, bytes[i], len[i]);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "not those that were signed");
	free(bytes[0]);
	free(bytes[1]);
}

/* Two ledgers of one origin, as a copied ledger that went another way would be. */
static void other_ledgers_do_not_pass(void **state)
{
	char other[96];
	size_t len;
	struct lmdb m;
	char *head;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", scratch);
	make_ledger(3);
	assert_int_equal(rename(dir, other), 0);
	make_ledger(3);
	m = lmdb_open(other);
	head = lmdb_get(&m, LMDB_HEAD, 4, &len);
	lmdb_commit(&m);
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 4, head, len);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "checkpoint"); /* same name, another key */
	free(head);
	make_ledger(3);
	{
		char from[128];

		snprintf(from, sizeof(from), "%s/db/data.mdb", other);
		assert_int_equal(rename(from, path_of("db/data.mdb")), 0);
	}
	refuses_to_open(ERR_LEDGER, "checkpoint");
	remove_tree(other);
}

static void heads_are_what_was_signed(void **state)
{
	struct lmdb m;
	size_t len;
	char *head, *long_note;

	(void)state;
	make_ledger(3);
	m = lmdb_open(dir);
	head = lmdb_get(&m, LMDB_HEAD, 4, &len);
	lmdb_put(&m, LMDB_HEAD, 5, head, len); /* under another size */
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "checkpoint");
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_HEAD, 5);
	head[strlen(ORIGIN) + 1] = '5'; /* the size in the text */
	lmdb_put(&m, LMDB_HEAD, 4, head, len);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "checkpoint");
	long_note = xmalloc(NOTE_MAX_BYTES + 1);
	memset(long_note, 'a', NOTE_MAX_BYTES + 1);
	m = lmdb_open(dir);
	lmdb_put(&m, LMDB_HEAD, 4, long_note, NOTE_MAX_BYTES + 1);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "checkpoint");
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_HEAD,
	    4); /* the empty head is left: rolled back, but not its entries */
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "more entries");
	m = lmdb_open(dir);
	lmdb_del(&m, LMDB_HEAD, 0);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "damaged");
	free(long_note);
	free(head);
}

/* The head that an append follows is the very one that was authenticated. */
static void an_append_follows_its_own_head(void **state)
{
	struct ledger *l;
	struct lmdb m;
	size_t len;
	char *head;
	struct err e;

	(void)state;
	make_ledger(1);
	l = must_open(LEDGER_WRITE);
	m = lmdb_open(dir);
	head = lmdb_get(&m, LMDB_HEAD, 2, &len);
	head[len - 3] ^= 1;
	lmdb_put(&m, LMDB_HEAD, 2, head, len);
	lmdb_commit(&m);
	assert_int_equal(append(l, layer_of(1), &e), ERR_CONFLICT);
	ledger_close(l);
	free(head);
}

static void other_versions_are_refused(void **state)
{
	MDB_val key = {6, (void *)(uintptr_t) "format"};
	MDB_val value = {12, (void *)(uintptr_t) "layerseal/v2"};
	struct lmdb m;

	(void)state;
	make_ledger(1);
	m = lmdb_open(dir);
	assert_int_equal(mdb_put(m.txn, m.dbi[LMDB_META], &key, &value, 0), 0);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "version");
}

static void databases_with_duplicates_are_refused(void **state)
{
	struct lmdb m;

	(void)state;
	make_ledger(1);
	m = lmdb_open(dir);
	assert_int_equal(mdb_drop(m.txn, m.dbi[LMDB_MANIFEST], 1), 0);
	assert_int_equal(mdb_txn_commit(m.txn), 0);
	assert_int_equal(mdb_txn_begin(m.env, NULL, 0, &m.txn), 0);
	assert_int_equal(mdb_dbi_open(m.txn, "manifest", MDB_CREATE | MDB_DUPSORT,
			     &m.dbi[LMDB_MANIFEST]),
	    0);
	lmdb_commit(&m);
	refuses_to_open(ERR_LEDGER, "damaged");
}

/* ---- owners, modes, keys ---- */

static void only_its_user_may_use_it(void **state)
{
	static const char *const files[] = {
	    "db/data.mdb", "db/lock.mdb", "key", "statprint.key"};
	struct ledger *l;

	(void)state;
	make_ledger(1);
	assert_int_equal(chmod(path_of("db"), 0750), 0);
	refuses_to_open(ERR_LEDGER, "db: group or others");
	assert_int_equal(chmod(path_of("db"), 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(chmod(path_of(files[i]), 0640), 0);
		refuses_to_open(ERR_LEDGER, files[i]);
		assert_int_equal(chmod(path_of(files[i]), 0602), 0);
		refuses_to_open(ERR_LEDGER, files[i]);
		assert_int_equal(chmod(path_of(files[i]), 0600), 0);
		if (geteuid() == 0) {
			assert_int_equal(chown(path_of(files[i]), 4321, -1), 0);
			refuses_to_open(ERR_LEDGER, "4321");
			assert_int_equal(chown(path_of(files[i]), 0, -1), 0);
		}
		assert_int_equal(rename(path_of(files[i]), path_of("away")), 0);
		assert_int_equal(symlink("away", path_of(files[i])), 0);
		refuses_to_open(ERR_LEDGER, "not a regular file");
		assert_int_equal(unlink(path_of(files[i])), 0);
		assert_int_equal(mkfifo(path_of(files[i]), 0600), 0);
		refuses_to_open(ERR_LEDGER, "not a regular file");
		assert_int_equal(rename(path_of("away"), path_of(files[i])), 0);
	}
	assert_int_equal(chmod(dir, 0710), 0);
	refuses_to_open(ERR_LEDGER, "mode 0710");
	assert_int_equal(chmod(dir, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(dir, 4321, -1), 0);
		refuses_to_open(ERR_LEDGER, "4321");
		assert_int_equal(chown(dir, 0, -1), 0);
	}
	assert_int_equal(unlink(path_of("db/lock.mdb")), 0); /* LMDB makes it again */
	l = must_open(LEDGER_WRITE);
	ledger_close(l);
	assert_int_equal(unlink(path_of("db/data.mdb")), 0);
	refuses_to_open(ERR_LEDGER, "data.mdb");
}

/* The keeper makes the lock file before it looks at anything: where there is none, it was not asked. */
static void refused_unopened(const char *words)
{
	assert_true(unlink(path_of("db/lock.mdb")) == 0 || errno == ENOENT);
	refuses_to_open(ERR_LEDGER, words);
	assert_int_equal(access(path_of("db/lock.mdb"), F_OK), -1);
}

static void refusal_comes_before_the_database(void **state)
{
	static const char *const parts[] = {
	    ".", "db", "db/data.mdb", "key", "statprint.key"};

	(void)state;
	make_ledger(1);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct stat st;

		assert_int_equal(stat(path_of(parts[i]), &st), 0);
		assert_int_equal(chmod(path_of(parts[i]), st.st_mode | S_IWGRP), 0);
		refused_unopened("group or others");
		assert_int_equal(chmod(path_of(parts[i]), st.st_mode), 0);
		if (geteuid() == 0) {
			assert_int_equal(chown(path_of(parts[i]), 4321, -1), 0);
			refused_unopened("4321");
			assert_int_equal(chown(path_of(parts[i]), 0, -1), 0);
		}
	}
	ledger_close(must_open(LEDGER_READ));
	assert_int_equal(access(path_of("db/lock.mdb"), F_OK), 0);
}

/* An entry of an access control list that grants something shows in the bits of the group: its mask. */
static void access_lists_count(void **state)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[5];
	} acl = {2, {{0x01, 6, UINT32_MAX}, {0x02, 4, 4321}, {0x04, 0, UINT32_MAX},
			{0x10, 4, UINT32_MAX}, {0x20, 0, UINT32_MAX}}};
	static const char *const files[] = {"db/data.mdb", "key"};

	(void)state;
	make_ledger(1);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (setxattr(path_of(files[i]), "system.posix_acl_access", &acl,
			sizeof(acl), 0)) {
			assert_int_equal(errno, ENOTSUP);
			continue;
		}
		refused_unopened("group or others");
		assert_int_equal(
		    removexattr(path_of(files[i]), "system.posix_acl_access"), 0);
		assert_int_equal(chmod(path_of(files[i]), 0600), 0);
	}
	ledger_close(must_open(LEDGER_READ));
}

/* Who could make us take a secret that he knows could look for trees whose statprints collide. */
static void the_statprint_secret_is_ours(void **state)
{
	struct entry en = init_at("/g");
	uint8_t other[XXH_KEY_BYTES] = {1};
	struct ledger *l;

	(void)state;
	remove_ledger();
	must_create();
	l = must_open(LEDGER_WRITE);
	sha256(ledger_statprint_key(l)->secret, XXH_KEY_BYTES, &en.init.statprint_key);
	must_append(l, en);
	ledger_close(l);
	l = must_open(LEDGER_READ);
	assert_non_null(ledger_statprint_key(l));
	ledger_close(l);
	write_file(path_of("statprint.key"), (char *)other, sizeof(other));
	refuses_to_open(ERR_LEDGER, "statprint.key");
	assert_int_equal(unlink(path_of("statprint.key")), 0);
	l = must_open(LEDGER_READ);
	assert_null(ledger_statprint_key(l));
	ledger_close(l);
}

static void trusted_keys_are_what_the_file_says(void **state)
{
	char *mine, text[1024];
	struct secret_key *other;
	struct buf vkey;
	struct err e;

	(void)state;
	make_ledger(1);
	mine = read_file(trust_file(), NULL);
	assert_int_equal(secret_key_generate(ORIGIN, &other, &e), 0);
	buf_init(&vkey, 1024);
	assert_int_equal(public_key_format(secret_key_public(other), &vkey, &e), 0);
	snprintf(text, sizeof(text), "# two of one name\n\nlog %s\n%s", vkey.data, mine);
	write_text(trust_file(), text);
	ledger_close(must_open(LEDGER_WRITE));
	snprintf(text, sizeof(text), "log %s\n", vkey.data);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "checkpoint");
	mine[strlen(mine) - 1] = '\0';
	snprintf(text, sizeof(text), "%s from 1 until 2\n", mine);
	write_text(trust_file(), text);
	ledger_close(must_open(LEDGER_WRITE));
	snprintf(text, sizeof(text), "%s until 1\n", mine);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "may not sign a ledger of 2 entries");
	snprintf(text, sizeof(text), "%s from 3\n", mine);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "may not sign a ledger of 2 entries");
	snprintf(text, sizeof(text), "log %s from 3\n%s\n", vkey.data, mine);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "rolled back");
	assert_int_equal(chmod(trust_file(), 0664), 0);
	refuses_to_open(ERR_LEDGER, "writable by group or others");
	assert_int_equal(chmod(trust_file(), 0644), 0);
	write_text(trust_file(), "");
	refuses_to_open(ERR_LEDGER, "no key");
	write_text(trust_file(), "# nothing but words\n");
	refuses_to_open(ERR_LEDGER, "no key");
	snprintf(text, sizeof(text), "%s %s", "\n\n", mine);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "line 3");
	snprintf(text, sizeof(text), "%s x\n", mine);
	write_text(trust_file(), text);
	refuses_to_open(ERR_LEDGER, "line 2");
	write_file(trust_file(), "\0", 1);
	refuses_to_open(ERR_LEDGER, "NUL");
	write_text(trust_file(), mine);
	ledger_close(must_open(LEDGER_WRITE));
	/* A key that is not trusted must not sign on. */
	assert_int_equal(unlink(path_of("key")), 0);
	assert_int_equal(keyfile_write(other, AT_FDCWD, path_of("key"), NULL, &e), 0);
	refuses_to_open(ERR_LEDGER, "key");
	buf_release(&vkey);
	secret_key_free(other);
	free(mine);
}

static void secrets_may_be_elsewhere(void **state)
{
	struct manifest_writer *w;
	struct ledger *l;
	struct err e;

	(void)state;
	make_ledger(1);
	assert_int_equal(unlink(path_of("key")), 0);
	assert_int_equal(unlink(path_of("statprint.key")), 0);
	l = must_open(LEDGER_WRITE);
	assert_false(ledger_writable(l));
	assert_null(ledger_statprint_key(l));
	assert_int_equal(append(l, layer_of(1), &e), ERR_REFUSED);
	assert_int_equal(manifest_writer_new(l, &w, &e), ERR_REFUSED);
	ledger_close(l);
	write_text(path_of("statprint.key"), "short");
	refuses_to_open(ERR_LEDGER, "statprint.key");
}

/* ---- no space ---- */

/* In a child: appends until it fails; 0 if it failed as it should and nothing was half-written. */
static int append_until_full(void)
{
	struct entry batch[100];
	struct ledger *l;
	struct err e;
	unsigned n = 0;
	size_t size;
	int r;

	if (open_ledger(LEDGER_WRITE, &l, &e))
		return 1;
	r = ledger_store(l, &store_a) ? 0 : append(l, init_at("/g"), &e);
	while (!r && n < 100000) {
		for (size_t i = 0; i < ARRAY_LEN(batch); i++)
			batch[i] = layer_of(n++);
		r = ledger_append(l, batch, ARRAY_LEN(batch), &e);
		for (size_t i = 0; i < ARRAY_LEN(batch); i++)
			entry_release(&batch[i]);
	}
	size = ledger_size(l);
	ledger_close(l);
	if (r != ERR_IO || !strstr(e.msg, "space")) {
		fprintf(stderr, "%d %s\n", r, e.msg);
		return 2;
	}
	if (open_ledger(LEDGER_READ, &l, &e))
		return 3;
	if (ledger_size(l) != size)
		return 4;
	ledger_close(l);
	return 0;
}

static int exit_of(int (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int with_file_limit(void)
{
	const struct rlimit limit = {1 << 20, 1 << 20};

	signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &limit) ? 5 : append_until_full();
}

static int on_small_disk(void)
{
	struct err e;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", scratch, "tmpfs", 0, "size=1m"))
		return 0; /* not allowed here: the other test has the same rule */
	return create_ledger(&e) ? 6 : append_until_full();
}

static int on_a_disk_too_small_to_begin(void)
{
	struct err e;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", scratch, "tmpfs", 0, "size=8k"))
		return 0;
	return create_ledger(&e) == ERR_IO ? 0 : 7;
}

static void no_space_changes_nothing(void **state)
{
	struct ledger *l;

	(void)state;
	make_ledger(0);
	assert_int_equal(exit_of(with_file_limit), 0);
	l = must_open(LEDGER_WRITE);
	must_append(l, layer_of(77777));
	ledger_close(l);
	remove_ledger();
	assert_int_equal(exit_of(on_small_disk), 0);
	assert_int_equal(exit_of(on_a_disk_too_small_to_begin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_ledger_is_empty),
	    cmocka_unit_test(init_leaves_others_alone),
	    cmocka_unit_test(init_can_be_interrupted),
	    cmocka_unit_test(init_cleans_up_after_itself_only),
	    cmocka_unit_test(the_newest_entry_counts),
	    cmocka_unit_test(a_retired_image_frees_its_names),
	    cmocka_unit_test(entries_that_contradict_are_refused),
	    cmocka_unit_test(a_batch_is_all_or_nothing),
	    cmocka_unit_test(of_two_writers_one_wins),
	    cmocka_unit_test(signed_nonsense_is_named),
	    cmocka_unit_test(changed_entries_are_noticed),
	    cmocka_unit_test(exchanged_entries_are_noticed),
	    cmocka_unit_test(other_ledgers_do_not_pass),
	    cmocka_unit_test(heads_are_what_was_signed),
	    cmocka_unit_test(an_append_follows_its_own_head),
	    cmocka_unit_test(other_versions_are_refused),
	    cmocka_unit_test(databases_with_duplicates_are_refused),
	    cmocka_unit_test(only_its_user_may_use_it),
	    cmocka_unit_test(refusal_comes_before_the_database),
	    cmocka_unit_test(access_lists_count),
	    cmocka_unit_test(the_statprint_secret_is_ours),
	    cmocka_unit_test(trusted_keys_are_what_the_file_says),
	    cmocka_unit_test(secrets_may_be_elsewhere),
	    cmocka_unit_test(no_space_changes_nothing),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
