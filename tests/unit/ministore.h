/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ministore.h: stores for tests, a few directories and records below a temporary directory: g is
 * the graphroot, r the run root, i a split image store, p an additional store. Layers are named by
 * one letter: its id is 64 times that letter, its short name 26 times the capital.
 */
#ifndef TESTS_MINISTORE_H
#define TESTS_MINISTORE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "store/structure.h"

#define CREATED "2026-01-02T03:04:05.678Z"
#define MINI_TEXT 8192

struct mini {
	char dir[64];
	char graphroot[80], runroot[80], other[80];
	char *additional[1];
	struct store_config config;
	struct store store;
	bool open;
	struct records records;
	struct layer_structure *layers;
	struct findings findings;
};

static inline char *mini_path(const struct mini *m, const char *rel, char out[PATH_MAX])
{
	assert_true(snprintf(out, PATH_MAX, "%s/%s", m->dir, rel) < PATH_MAX);
	return out;
}

/* The id of a layer, in one of some buffers used in turn. */
static inline const char *mini_id(char letter)
{
	static char ids[8][ID_LEN + 1];
	static unsigned turn;
	char *id = ids[turn++ % 8];

	memset(id, letter, ID_LEN);
	return id;
}

static inline void mini_mkdir(const struct mini *m, const char *rel)
{
	char path[PATH_MAX];

	mini_path(m, rel, path);
	for (char *p = path + strlen(m->dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0700);
	}
	mkdir(path, 0700);
}

static inline void mini_parents(const struct mini *m, const char *rel)
{
	char copy[PATH_MAX], *slash;

	snprintf(copy, sizeof(copy), "%s", rel);
	slash = strrchr(copy, '/');
	if (slash) {
		*slash = '\0';
		mini_mkdir(m, copy);
	}
}

static inline void mini_put(
    const struct mini *m, const char *rel, const void *data, size_t len)
{
	char path[PATH_MAX];
	FILE *f;

	mini_parents(m, rel);
	f = fopen(mini_path(m, rel, path), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void mini_write(const struct mini *m, const char *rel, const char *text)
{
	mini_put(m, rel, text, strlen(text));
}

static inline void mini_symlink(const struct mini *m, const char *rel, const char *target)
{
	char path[PATH_MAX];

	mini_parents(m, rel);
	assert_int_equal(symlink(target, mini_path(m, rel, path)), 0);
}

static inline int mini_unlink_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void mini_remove(const struct mini *m, const char *rel)
{
	char path[PATH_MAX];

	assert_int_equal(
	    nftw(mini_path(m, rel, path), mini_unlink_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* One element of layers.json; `more` are further members, each with a comma in front. */
static inline const char *mini_record(char letter, char parent, const char *more)
{
	static char texts[8][512];
	static unsigned turn;
	char *out = texts[turn++ % 8], parent_member[ID_LEN + 16] = "";

	if (parent)
		snprintf(parent_member, sizeof(parent_member), "\"parent\":\"%s\",",
		    mini_id(parent));
	snprintf(out, 512, "{\"id\":\"%s\",%s\"created\":\"" CREATED "\"%s}",
	    mini_id(letter), parent_member, more);
	return out;
}

#define MINI_DIFF(hex64) ",\"diff-digest\":\"sha256:" hex64 "\""

/* The directory of a layer as the overlay driver makes it; parents: letters, nearest first. */
static inline void mini_layer(
    const struct mini *m, const char *root, char letter, const char *parents)
{
	char dir[PATH_MAX], path[PATH_MAX], text[PATH_MAX], lower[1024] = "";
	char link[LINK_LEN + 1] = "";
	static const char *const dirs[] = {"diff", "work", "merged"};

	snprintf(dir, sizeof(dir), "%s/overlay/%s", root, mini_id(letter));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "%.200s/%s", dir, dirs[i]);
		mini_mkdir(m, path);
	}
	memset(link, letter - 'a' + 'A', LINK_LEN);
	snprintf(path, sizeof(path), "%.200s/link", dir);
	mini_write(m, path, link);
	snprintf(path, sizeof(path), "%.200s/overlay/l/%s", root, link);
	snprintf(text, sizeof(text), "../%s/diff", mini_id(letter));
	mini_symlink(m, path, text);
	for (const char *p = parents; *p; p++) {
		memset(link, *p - 'a' + 'A', LINK_LEN);
		snprintf(lower + strlen(lower), sizeof(lower) - strlen(lower), "%sl/%s",
		    lower[0] ? ":" : "", link);
	}
	snprintf(path, sizeof(path), "%.200s/%s", dir, lower[0] ? "lower" : "empty");
	if (lower[0])
		mini_write(m, path, lower);
	else
		mini_mkdir(m, path);
}

static inline struct mini *mini_new(enum store_driver driver)
{
	struct mini *m = xcalloc(1, sizeof(*m));

	strcpy(m->dir, "/tmp/layerseal-store.XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->graphroot, sizeof(m->graphroot), "%s/g", m->dir);
	snprintf(m->runroot, sizeof(m->runroot), "%s/r", m->dir);
	m->config = (struct store_config){
	    .graphroot = m->graphroot, .runroot = m->runroot, .driver = driver};
	mini_mkdir(m, "g");
	mini_mkdir(m, "r");
	return m;
}

/* Makes the store have an image store ("i") or an additional one ("p"). */
static inline void mini_second_place(struct mini *m, const char *name)
{
	snprintf(m->other, sizeof(m->other), "%s/%s", m->dir, name);
	mini_mkdir(m, name);
	if (name[0] == 'i') {
		m->config.imagestore = m->other;
		return;
	}
	m->additional[0] = m->other;
	m->config.additional = m->additional;
	m->config.n_additional = 1;
}

static inline void mini_forget(struct mini *m)
{
	records_release(&m->records);
	free(m->layers);
	m->layers = NULL;
	findings_release(&m->findings);
	if (m->open)
		store_release(&m->store);
	m->open = false;
}

/* Opens the store and reads its records. */
static inline void mini_open(struct mini *m)
{
	struct err e;

	mini_forget(m);
	if (store_open(&m->config, &m->store, &e))
		fail_msg("store_open: %s", e.msg);
	m->open = true;
	if (records_read(&m->store, &m->records, &m->findings, &e))
		fail_msg("records_read: %s", e.msg);
}

static inline void mini_check(struct mini *m)
{
	struct err e;

	mini_open(m);
	if (structure_check(&m->store, &m->records, &m->layers, &m->findings, &e))
		fail_msg("structure_check: %s", e.msg);
}

static inline void mini_free(struct mini *m)
{
	mini_forget(m);
	mini_remove(m, "");
	free(m);
}

static inline bool ends_with(const char *s, const char *tail)
{
	size_t len = s ? strlen(s) : 0, n = strlen(tail);

	return len >= n && strcmp(s + len - n, tail) == 0;
}

/* How many findings of that class have a path that ends like that; "" is any or none. */
static inline size_t mini_count(
    const struct mini *m, enum finding_class c, const char *tail)
{
	size_t n = 0;

	for (size_t i = 0; i < m->findings.n; i++)
		n += m->findings.v[i].class == c &&
		     (!tail[0] || ends_with(m->findings.v[i].path, tail));
	return n;
}

/* Fails and says what was found unless there are exactly n findings. */
static inline void mini_expect(const struct mini *m, size_t n, const char *what)
{
	if (m->findings.n == n)
		return;
	for (size_t i = 0; i < m->findings.n; i++)
		print_error("%s: %s %s: found %s\n", what,
		    finding_class_name(m->findings.v[i].class),
		    m->findings.v[i].path ? m->findings.v[i].path : "",
		    m->findings.v[i].found ? m->findings.v[i].found : "");
	fail_msg("%s: %zu findings, not %zu", what, m->findings.n, n);
}

static inline void mini_layers_json(
    const struct mini *m, const char *rel, const char *const records[], size_t n)
{
	char text[MINI_TEXT] = "[";

	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    i ? "," : "", records[i]);
	strcat(text, "]");
	mini_write(m, rel, text);
}

#endif
