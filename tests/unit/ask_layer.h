/* SPDX-License-Identifier: Apache-2.0 */
/* ask_layer.h: a sealed layer in a small store, changes to its tree, and questions about it. */
#ifndef TESTS_ASK_LAYER_H
#define TESTS_ASK_LAYER_H

#include <sys/xattr.h>
#include <time.h>

#include "guard/ask.h"
#include "guard/check.h"
#include "ministore.h"
#include "scratch.h"

#define LAYER 'b'
#define ODD "/d/odd\n\x01\xff name"

static struct mini *store;
static struct guard guard;
static int tree = -1; /* diff/ of the layer */

UNUSED static void die_unless(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

/* ---- a sealed layer ---- */

/* Paths are absolute in the tree. */
UNUSED static void put(const char *path, const char *text)
{
	int fd = openat(tree, path + 1, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	die_unless(
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

UNUSED static void make_dir(const char *path)
{
	die_unless(mkdirat(tree, path + 1, 0755) == 0, path);
}

UNUSED static void make_link(const char *path, const char *target)
{
	die_unless(symlinkat(target, tree, path + 1) == 0, path);
}

UNUSED static void remove_file(const char *path)
{
	die_unless(unlinkat(tree, path + 1, 0) == 0, path);
}

UNUSED static void move(const char *from, const char *to)
{
	die_unless(renameat(tree, from + 1, tree, to + 1) == 0, from);
}

UNUSED static void set_xattr(const char *path, const char *name, const char *value)
{
	CLEANUP_FREE char *full = xasprintf("/proc/self/fd/%d%s", tree, path);

	die_unless(lsetxattr(full, name, value, strlen(value), 0) == 0, path);
}

UNUSED static void make_tree(void)
{
	CLEANUP_FREE char *big = xcalloc(1, (3 << 20) + 1);

	memset(big, 'b', 3 << 20);
	make_dir("/d");
	put("/d/file", "some text");
	put("/d/empty", "");
	put("/d/big", big);
	put(ODD, "odd");
	make_link("/d/link", "file");
	make_dir("/d/sub");
	make_dir("/d/sub/deep");
	put("/d/sub/deep/file", "deep");
	put("/d/sub/other", "other");
	make_dir("/d/sub-2");
	put("/d/sub-2/file", "2");
	set_xattr("/d/sub/other", "user.colour", "red");
	put("/first", "two names");
	die_unless(linkat(tree, "first", tree, "second", 0) == 0, "link");
	die_unless(linkat(tree, "first", tree, "d/third", 0) == 0, "link");
	die_unless(mkfifoat(tree, "pipe", 0600) == 0, "mkfifo");
	make_dir("/e");
}

UNUSED static int add_line(void *ctx, const char *line, size_t len,
    const struct manifest_entry *m, struct err *e)
{
	(void)m;
	return manifest_writer_add(ctx, line, len, e);
}

UNUSED static void seal_tree(struct ledger *l)
{
	struct entry en = entry_of(ENTRY_SEAL_LAYER);
	struct manifest_writer *w = NULL;
	struct tree_options opt = {.line = add_line};
	struct tree_result out;
	struct err e;

	if (manifest_writer_new(l, &w, &e))
		fail_msg("%s", e.msg);
	opt.line_ctx = w;
	if (tree_measure(tree, &opt, &out, &e) ||
	    manifest_writer_commit(w, &out.digest, &e))
		fail_msg("%s", e.msg);
	manifest_writer_free(w);
	memcpy(en.seal_layer.layer, mini_id(LAYER), ID_LEN + 1);
	en.seal_layer.tree = out.digest;
	en.seal_layer.manifest_bytes = out.manifest_bytes;
	en.seal_layer.created = xstrdup(CREATED);
	en.seal_layer.link = xstrdup("BBBBBBBBBBBBBBBBBBBBBBBBBB");
	must_append(l, en);
}

UNUSED static void record_layer(const char *more)
{
	const char *records[] = {mini_record(LAYER, 0, more)};

	mini_layers_json(store, "g/overlay-layers/layers.json", records, 1);
}

UNUSED static void open_diff(void)
{
	char path[PATH_MAX], rel[128];

	snprintf(rel, sizeof(rel), "g/overlay/%s/diff", mini_id(LAYER));
	tree = open(mini_path(store, rel, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	die_unless(tree >= 0, path);
}

UNUSED static int setup(void **state)
{
	umask(022);
	if (scratch_setup(state))
		return -1;
	store = mini_new(STORE_OVERLAY);
	mini_layer(store, "g", LAYER, "");
	record_layer("");
	mini_mkdir(store, "g/overlay-images");
	open_diff();
	make_tree();
	make_ledger(0);
	guard = (struct guard){.ledger = must_open(LEDGER_WRITE), .store_id = store_a};
	seal_tree(guard.ledger);
	mini_open(store);
	guard.store = &store->store;
	return 0;
}

UNUSED static int teardown(void **state)
{
	ledger_close(guard.ledger);
	close(tree);
	mini_free(store);
	return scratch_teardown(state);
}

/* ---- asking ---- */

UNUSED static enum ask_answer ask_for(
    const struct ask_path *paths, size_t n, struct findings *out)
{
	enum ask_answer answer;
	struct err e = {0};

	if (guard_ask(&guard, mini_id(LAYER), paths, n, &answer, out, &e))
		fail_msg("%s", e.msg);
	return answer;
}

UNUSED static enum ask_answer ask(const char *path, struct findings *out)
{
	const struct ask_path p = {.path = path};

	return ask_for(&p, 1, out);
}

/* What verifying the whole tree finds. */
UNUSED static void look_at_whole(struct findings *out)
{
	const struct sealed_layer *sealed =
	    ledger_layer(guard.ledger, &store_a, mini_id(LAYER));
	struct store_layer l = {0};
	struct tree_result measured;
	struct err e = {0};

	memcpy(l.id, mini_id(LAYER), sizeof(l.id));
	if (check_tree(&guard, sealed->seal, &l, true, &measured, out, &e))
		fail_msg("%s", e.msg);
}

UNUSED static void show(const char *whose, const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		print_error("%s: %s %s: %s / %s\n", whose,
		    finding_class_name(list->v[i].class),
		    list->v[i].path ? list->v[i].path : "-",
		    list->v[i].expected ? list->v[i].expected : "-",
		    list->v[i].found ? list->v[i].found : "-");
}

UNUSED static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

UNUSED static bool same_finding(const struct finding *a, const struct finding *b)
{
	return a->class == b->class && same_text(a->layer, b->layer) &&
	       same_text(a->path, b->path) && same_text(a->expected, b->expected) &&
	       same_text(a->found, b->found);
}

UNUSED static void assert_same(const struct findings *a, const struct findings *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = same_finding(&a->v[i], &b->v[i]);
	if (same)
		return;
	show("asked", a);
	show("whole", b);
	fail_msg("the answers differ");
}

UNUSED static bool has(
    const struct findings *list, enum finding_class class, const char *path)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].class == class && same_text(list->v[i].path, path))
			return true;
	}
	return false;
}

UNUSED static void clean(const char *path)
{
	CLEANUP_FINDINGS struct findings found = {0};

	assert_int_equal(ask(path, &found), ASK_ANSWERED);
	if (found.n)
		show(path, &found);
	assert_int_equal(found.n, 0);
}

/* Who asks about these paths learns what the whole says, and `class` at `path` is part of it. */
UNUSED static void expect_for(
    const struct ask_path *paths, size_t n, enum finding_class class, const char *path)
{
	CLEANUP_FINDINGS struct findings asked = {0}, whole = {0};

	assert_int_equal(ask_for(paths, n, &asked), ASK_ANSWERED);
	look_at_whole(&whole);
	assert_same(&asked, &whole);
	assert_true(has(&asked, class, path));
}

UNUSED static void expect(const char *asked, enum finding_class class, const char *path)
{
	const struct ask_path p = {.path = asked};

	expect_for(&p, 1, class, path);
}

/* The modification time of a directory is one more finding if something in it comes or goes. */
static struct timespec times_of[2];
UNUSED static void keep_times(const char *path)
{
	struct stat st;

	die_unless(fstatat(tree, path[1] ? path + 1 : ".", &st, 0) == 0, path);
	times_of[0] = st.st_atim;
	times_of[1] = st.st_mtim;
}

UNUSED static void put_times_back(const char *path)
{
	die_unless(utimensat(tree, path[1] ? path + 1 : ".", times_of, 0) == 0, path);
}

#endif
