/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutations.c: every mutation of the list, each on a ledger of its own: read, then appended to. TAP:
 * one test per family. A process that crashes or hangs is noticed by its parent and costs one mutation.
 *
 *   mutations [--seed N] [--every N] [--from NUMBER] [--to NUMBER] [--jobs N]
 */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pool.h"
#include "mutations.h"

#define LIMIT_S 10.0
/* Well above it, so that what takes too long still tells how long. */
#define GIVE_UP_S 40
#define JOBS_MAX 16
#define FAULTS_MAX 20
#define WANTED 20000

struct fault {
	size_t number;
	char what[160];
};

struct counts {
	size_t done, by_verdict[LIE + 1], slow, crashed;
	double slowest;
	size_t slowest_number;
};

/* Shared with the main process. */
struct worker {
	pid_t pid;
	size_t next; /* the mutation it is at */
	time_t since;
	struct counts family[FAMILY_COUNT];
	struct fault faults[FAULTS_MAX];
	size_t n_faults;
};

static struct {
	uint64_t seed;
	size_t every, from, to;
	unsigned jobs;
} options = {.seed = 1, .every = 1, .to = SIZE_MAX};

static char scratch[64];
static struct mutations all;
static struct worker *workers;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void note_fault(struct worker *w, size_t number, const char *what)
{
	struct fault *f = &w->faults[w->n_faults];

	if (w->n_faults == FAULTS_MAX)
		return;
	w->n_faults++;
	f->number = number;
	snprintf(f->what, sizeof(f->what), "%s", what);
}

/* ---- one mutation ---- */

static void judge(
    struct worker *w, size_t number, enum verdict v, double took, const char *why)
{
	struct counts *c = &w->family[all.v[number].family];

	c->by_verdict[v]++;
	if (v == LIE)
		note_fault(w, number, why[0] ? why : "not the truth");
	if (v == LOST)
		note_fault(w, number, "an append was confirmed and is not there");
	if (took > c->slowest) {
		c->slowest = took;
		c->slowest_number = number;
	}
	if (took > LIMIT_S) {
		c->slow++;
		note_fault(w, number, "too slow");
	}
}

static void end_process(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void try_one(struct worker *w, size_t number, const char *dir)
{
	enum verdict (*const sessions[])(const char *, char *, size_t) = {
	    genuine_read, genuine_append};
	const struct mutation *m = &all.v[number];
	char why[120];

	w->family[m->family].done++;
	for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
		double start;
		enum verdict v;
		pid_t helper;

		mutations_restore(&all, dir);
		helper = mutations_apply(&all, m, dir);
		start = now();
		v = sessions[i](dir, why, sizeof(why));
		judge(w, number, v, now() - start, why);
		end_process(helper);
	}
}

static NORETURN void work(struct worker *w, unsigned index)
{
	CLEANUP_FREE char *dir = xasprintf("%s/%u/genuine", scratch, index);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; w->next < all.n; w->next += options.jobs) {
		if (w->next < options.from || w->next > options.to ||
		    w->next / options.jobs % options.every)
			continue;
		w->since = time(NULL);
		try_one(w, w->next, dir);
	}
	_exit(0);
}

/* ---- workers ---- */

static void start_worker(unsigned index)
{
	struct worker *w = &workers[index];
	pid_t pid;

	w->since = time(NULL);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		exit(99);
	if (pid == 0)
		work(w, index);
	w->pid = pid;
}

/* A worker ended before the list did. */
static void worker_crashed(unsigned index, int status)
{
	struct worker *w = &workers[index];
	char what[80];

	snprintf(what, sizeof(what), "the reader's own process ended: %s %d",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	note_fault(w, w->next, what);
	w->family[all.v[w->next].family].crashed++;
	w->next += options.jobs;
	start_worker(index);
}

static void end_hanging_workers(void)
{
	for (unsigned i = 0; i < options.jobs; i++) {
		if (workers[i].pid > 0 && time(NULL) - workers[i].since > 2 * GIVE_UP_S)
			kill(workers[i].pid, SIGKILL);
	}
}

static void run_workers(void)
{
	unsigned running = options.jobs;

	for (unsigned i = 0; i < options.jobs; i++) {
		workers[i].next = i;
		start_worker(i);
	}
	while (running > 0) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid <= 0) {
			end_hanging_workers();
			usleep(50000);
			continue;
		}
		for (unsigned i = 0; i < options.jobs; i++) {
			if (workers[i].pid != pid)
				continue;
			workers[i].pid = 0;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
				running--;
			else
				worker_crashed(i, status);
		}
	}
}

/* ---- report ---- */

static void add_counts(struct counts *to, const struct counts *c)
{
	to->done += c->done;
	for (size_t v = 0; v <= LIE; v++)
		to->by_verdict[v] += c->by_verdict[v];
	to->slow += c->slow;
	to->crashed += c->crashed;
	if (c->slowest > to->slowest) {
		to->slowest = c->slowest;
		to->slowest_number = c->slowest_number;
	}
}

static bool is_sample(void)
{
	return options.every > 1 || options.from > 0 || options.to < SIZE_MAX;
}

static bool report_family(unsigned number, enum family f, struct counts *total)
{
	struct counts c = {0};
	bool good;

	for (unsigned i = 0; i < options.jobs; i++)
		add_counts(&c, &workers[i].family[f]);
	/* Some are refused in every family, or it tests nothing. */
	good = !c.by_verdict[LIE] && !c.by_verdict[LOST] && !c.slow && !c.crashed &&
	       (c.by_verdict[REFUSED] || is_sample());
	printf("%sok %u - %s: %zu mutations, read and appended to: %zu refused, %zu "
	       "genuine, %zu of an earlier time, %zu lost an append, %zu untrue, %zu "
	       "crashes; slowest %.1f s (number %zu)\n",
	    good ? "" : "not ", number, family_names[f], c.done, c.by_verdict[REFUSED],
	    c.by_verdict[GENUINE], c.by_verdict[OLDER], c.by_verdict[LOST],
	    c.by_verdict[LIE], c.crashed, c.slowest, c.slowest_number);
	add_counts(total, &c);
	return good;
}

static void report_faults(void)
{
	for (unsigned i = 0; i < options.jobs; i++) {
		for (size_t k = 0; k < workers[i].n_faults; k++) {
			const struct fault *f = &workers[i].faults[k];
			char text[200];

			mutations_describe(&all.v[f->number], text, sizeof(text));
			printf("# number %zu: %s: %s\n", f->number, f->what, text);
		}
	}
}

static int report(double took)
{
	struct counts total = {0};
	bool good = true, enough;

	printf("1..%d\n", FAMILY_COUNT + 1);
	for (unsigned f = 0; f < FAMILY_COUNT; f++)
		good &= report_family(f + 1, (enum family)f, &total);
	report_faults();
	enough = total.done >= WANTED || is_sample();
	printf("%sok %d - %zu mutations (seed %llu), %zu sessions in %.0f s, the slowest "
	       "%.1f s\n",
	    enough ? "" : "not ", FAMILY_COUNT + 1, total.done,
	    (unsigned long long)options.seed, 2 * total.done, took, total.slowest);
	return good && enough ? 0 : 1;
}

/* ---- main ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_scratch(void)
{
	snprintf(scratch, sizeof(scratch), "%s/layerseal-mutations.XXXXXX",
	    access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm");
	if (!mkdtemp(scratch))
		exit(99);
}

static void copy_ledgers(void)
{
	for (unsigned i = 0; i < options.jobs; i++) {
		CLEANUP_FREE char *from = xasprintf("%s/genuine", scratch);
		CLEANUP_FREE char *to = xasprintf("%s/%u", scratch, i);
		char *argv[] = {(char[]){"cp"}, (char[]){"-a"}, from, to, NULL};
		int status;
		pid_t pid;

		if (mkdir(to, 0700) || (pid = fork()) < 0)
			exit(99);
		if (pid == 0) {
			execvp("cp", argv);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			exit(99);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {{"seed", required_argument, NULL, 's'},
	    {"every", required_argument, NULL, 'e'},
	    {"from", required_argument, NULL, 'f'}, {"to", required_argument, NULL, 't'},
	    {"jobs", required_argument, NULL, 'j'}, {0}};
	int option;

	options.jobs = 2 * pool_online_cpus();
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

		if (option == 's')
			options.seed = n;
		else if (option == 'e' && n > 0)
			options.every = n;
		else if (option == 'f')
			options.from = n;
		else if (option == 't')
			options.to = n;
		else if (option == 'j' && n > 0)
			options.jobs = (unsigned)n;
		else
			exit(2);
	}
	if (options.jobs > JOBS_MAX)
		options.jobs = JOBS_MAX;
}

int main(int argc, char **argv)
{
	double start = now();
	struct err e;
	int status;

	parse_options(argc, argv);
	if (crypto_init(&e))
		exit(99);
	make_scratch();
	genuine_make(scratch, &all);
	mutations_plan(&all, options.seed);
	copy_ledgers();
	workers = mmap(NULL, JOBS_MAX * sizeof(*workers), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (workers == MAP_FAILED)
		exit(99);
	run_workers();
	status = report(now() - start);
	clean_up();
	return status;
}
