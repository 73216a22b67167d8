/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source_random.c: directories and files are made, moved within, into and out of a watched tree, linked and removed at
 * random by several processes while events are read. When all is quiet, whatever is in the tree must be watched,
 * and under the name that it has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "watched.h"

#define WORKERS 3
#define STEPS 1500
#define ROUNDS 3
#define PLACES 40
#define PATH_ROOM 512

/* ---- the mess ---- */

static uint32_t state_of_chance;

static uint32_t chance(uint32_t below)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 17;
	state_of_chance ^= state_of_chance << 5;
	return state_of_chance % below;
}

/* A path of up to three names, often one that is there. */
static void any_path(char *out, size_t size)
{
	int depth = 1 + (int)chance(3);

	snprintf(out, size, "%s", chance(4) ? "tree" : "outside");
	for (int i = 0; i < depth; i++) {
		size_t len = strlen(out);

		snprintf(out + len, size - len, "/%c", 'a' + (int)chance(5));
	}
}

/* Most of it fails; that does not matter. */
static void step(int dir)
{
	char a[40], b[40];
	int fd, r = 0;

	any_path(a, sizeof(a));
	any_path(b, sizeof(b));
	switch (chance(8)) {
	case 0:
	case 1:
		r = mkdirat(dir, a, 0755);
		break;
	case 2:
		fd = openat(dir, a, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd >= 0)
			close(fd);
		break;
	case 3:
	case 4:
		r = renameat(dir, a, dir, b);
		break;
	case 5:
		r = renameat2(dir, a, dir, b, RENAME_EXCHANGE);
		break;
	case 6:
		r = unlinkat(dir, a, chance(3) ? 0 : AT_REMOVEDIR);
		break;
	default:
		r = linkat(dir, a, dir, b, 0);
		break;
	}
	(void)r;
}

static void make_a_mess(struct area *a)
{
	state_of_chance = (uint32_t)getpid() * 2654435761U | 1;
	for (int i = 0; i < STEPS; i++)
		step(a->dir);
}

/* ---- when it is quiet ---- */

struct found {
	char path[PLACES * 30][PATH_ROOM]; /* below tree/ */
	bool is_dir[PLACES * 30];
	size_t n;
};

static void look(struct found *f, int at, const char *prefix)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t n = f->n;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		assert_true(n < ARRAY_LEN(f->path));
		assert_true(snprintf(f->path[n], sizeof(f->path[n]), "%s%s%s", prefix,
				*prefix ? "/" : "", e->d_name) < PATH_ROOM);
		f->is_dir[n] = e->d_type == DT_DIR;
		f->n++;
		if (e->d_type == DT_DIR) {
			int below =
			    openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			look(f, below, f->path[n]);
			close(below);
		}
	}
	closedir(d);
}

static struct found found;

/* Each directory by what is made in it, each file by its times. */
static void touch_all(struct area *a)
{
	int tree = openat(a->dir, "tree", O_PATH);
	char path[PATH_ROOM + 8];

	for (size_t i = 0; i < found.n; i++) {
		if (!found.is_dir[i]) {
			MUST(utimensat(tree, found.path[i], NULL, 0) == 0);
			continue;
		}
		snprintf(path, sizeof(path), "%s/probe", found.path[i]);
		put(tree, path, "x");
		MUST(unlinkat(tree, path, 0) == 0);
	}
}

static void all_are_watched(struct area *a)
{
	int tree = openat(a->dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_ROOM + 8];

	found.n = 0;
	look(&found, tree, "");
	close(tree);
	forget(a);
	stranger(a, touch_all);
	listen(a);
	for (size_t i = 0; i < found.n; i++) {
		snprintf(path, sizeof(path), "%s%s", found.path[i],
		    found.is_dir[i] ? "/probe" : "");
		assert_told(a, DEEP_ROOT, path,
		    found.is_dir[i] ? SOURCE_ADDED | SOURCE_REMOVED : SOURCE_ATTRIB);
	}
}

static void a_mess(struct area *a)
{
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[WORKERS];
		int left = WORKERS;

		for (int i = 0; i < WORKERS; i++)
			pid[i] = start(a, make_a_mess);
		while (left) {
			listen(a);
			forget(a);
			for (int i = 0; i < WORKERS; i++) {
				if (pid[i] && waitpid(pid[i], NULL, WNOHANG) == pid[i]) {
					pid[i] = 0;
					left--;
				}
			}
		}
		listen(a);
		assert_int_equal(a->gaps[GAP_OVERFLOW], 0);
		all_are_watched(a);
	}
	source_drop(a->source, DEEP_ROOT);
	source_drop(a->source, FLAT_ROOT);
}
BOTH_IN_MEMORY(a_mess)

/* The same while the root is armed, so that the walk meets the mess. */
static void armed_in_a_mess(struct area *a)
{
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[WORKERS];

		for (int i = 0; i < WORKERS; i++)
			pid[i] = start(a, make_a_mess);
		for (int i = 0; i < 20; i++) {
			source_drop(a->source, DEEP_ROOT);
			add(a, DEEP_ROOT, "tree", true);
			listen(a);
			forget(a);
		}
		for (int i = 0; i < WORKERS; i++)
			done(pid[i]);
		listen(a);
		assert_int_equal(a->gaps[GAP_OVERFLOW], 0);
		all_are_watched(a);
	}
}
BOTH_IN_MEMORY(armed_in_a_mess)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TWICE(a_mess),
	    TWICE(armed_in_a_mess),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
