/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c: what watching costs: source DIR [DIRECTORIES [FILES-IN-EACH]]. Makes a tree in DIR, arms it with each source, and
 * prints how long that took, the memory of this process for it, how many events a second source_read() handles
 * (in the tree, and with fanotify elsewhere on the file system), and how long dropping takes. The tree is removed.
 */
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "watch/source.h"

#define EVENTS 16000 /* a queue takes 16384 */
#define ROUNDS 5

static void check(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "source: %s\n", what);
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t held(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void make(int base, unsigned dirs, unsigned files)
{
	char path[64];

	check(mkdirat(base, "tree", 0755) == 0 && mkdirat(base, "other", 0755) == 0,
	    "the directory has to be empty");
	for (unsigned i = 0; i < dirs; i++) {
		if (i % 1000 == 0) {
			snprintf(path, sizeof(path), "tree/%u", i / 1000);
			check(mkdirat(base, path, 0755) == 0, path);
		}
		snprintf(path, sizeof(path), "tree/%u/directory-%u", i / 1000, i);
		check(mkdirat(base, path, 0755) == 0, path);
		for (unsigned j = 0; j < files; j++) {
			snprintf(path, sizeof(path), "tree/%u/directory-%u/file-%u",
			    i / 1000, i, j);
			check(mknodat(base, path, S_IFREG | 0644, 0) == 0, path);
		}
	}
	for (unsigned i = 0; i < EVENTS; i++) {
		snprintf(path, sizeof(path), "other/%u", i);
		check(mknodat(base, path, S_IFREG | 0644, 0) == 0, path);
	}
}

/* EVENTS of another process, each of another object. It is still there when they are read. */
static pid_t change(int base, unsigned dirs, bool inside)
{
	int done[2];
	pid_t pid;
	char byte;

	check(pipe(done) == 0, "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0) {
		for (unsigned i = 0; i < EVENTS; i++) {
			char path[64];

			if (inside)
				snprintf(path, sizeof(path),
				    "tree/%u/directory-%u/file-0", i % dirs / 1000,
				    i % dirs);
			else
				snprintf(path, sizeof(path), "other/%u", i);
			if (fchmodat(base, path, i & 1 ? 0600 : 0640, 0))
				_exit(1);
		}
		check(write(done[1], "x", 1) == 1, "write");
		pause();
	}
	close(done[1]);
	check(read(done[0], &byte, 1) == 1, "changing files");
	close(done[0]);
	return pid;
}

static void count(void *ctx, const struct source_event *ev)
{
	(void)ev;
	++*(size_t *)ctx;
}

static size_t drain(struct source *s, uint64_t *seen)
{
	uint64_t gaps[GAP_COUNT] = {0};
	struct source_figures f;
	size_t told = 0;
	struct err e;

	check(source_read(s, count, &told, gaps, &e) == 0, "reading");
	for (int g = 0; g < GAP_COUNT; g++)
		check(gaps[g] == 0, gap_name((enum gap)g));
	source_figures(s, &f);
	*seen = f.events;
	return told;
}

static void rate(struct source *s, int base, unsigned dirs, bool inside)
{
	uint64_t before, after;
	size_t told = 0;
	double took = 0;

	(void)drain(s, &before);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = change(base, dirs, inside);
		double start = now();

		told += drain(s, &after);
		took += now() - start;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	printf("  events %-7s %8.0f a second (%.0f read, %zu told)\n",
	    inside ? "inside" : "outside", (double)(after - before) / took,
	    (double)(after - before), told);
}

static void measure(enum source_kind kind, int base, unsigned dirs)
{
	size_t memory = held();
	struct source_figures f;
	struct source *s;
	double start;
	struct err e;

	if (source_open(kind, &s, &e)) {
		printf("%s: %s\n", source_kind_name(kind), e.msg);
		return;
	}
	start = now();
	check(source_add(s, 1, base, "tree", true, &e) == 0, e.msg);
	printf("%s: armed in %.2f s\n", source_kind_name(kind), now() - start);
	source_figures(s, &f);
	memory = held() - memory;
	printf(
	    "  %zu directories, %zu objects, %zu blind: %.1f MiB, %.0f bytes an object\n",
	    f.watches, f.objects, f.blind, (double)memory / (1 << 20),
	    (double)memory / (double)f.objects);
	if (!f.blind) {
		rate(s, base, dirs, true);
		if (kind == SOURCE_FANOTIFY)
			rate(s, base, dirs, false);
	}
	start = now();
	source_drop(s, 1);
	printf("  dropped in %.3f s\n", now() - start);
	source_free(s);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return ftw->level ? remove(path) : 0;
}

int main(int argc, char **argv)
{
	unsigned dirs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
	unsigned files = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
	int base = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	check(base >= 0 && dirs > 0 && files > 0,
	    "source DIR [DIRECTORIES [FILES-IN-EACH]]");
	make(base, dirs, files);
	measure(SOURCE_INOTIFY, base, dirs);
	measure(SOURCE_FANOTIFY, base, dirs);
	nftw(argv[1], remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
