/* SPDX-License-Identifier: Apache-2.0 */
/*
 * growth.c: what a ledger costs as it grows: growth DIR [ENTRIES]. A working set of LIVE layers and images
 * lives through builds that replace them one by one, up to ENTRIES (1,000,000). At sizes on the way it prints
 * medians of what a hook and a seal pay: opening the ledger; opening, appending a seal and closing; and
 * the memory of a process that has opened it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"

#define LIVE 300 /* objects: layers, and as many images */
#define BATCH 100
#define ROUNDS 31

static const struct store_id store = {{0x0a, 1}};
static const struct signer_source key_source = {
    .place = SIGNER_FILE, .name = "key", .passphrase = {.kind = PASSPHRASE_NONE}};
static char dir[4096], trust_file[4200];
static struct err e;

static void check(int r)
{
	if (r) {
		fprintf(stderr, "growth: %s\n", e.msg);
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct ledger *open_ledger(void)
{
	struct trust trust;
	struct ledger_options o = {
	    .dir = dir, .mode = LEDGER_WRITE, .trust = &trust, .key = &key_source};
	struct ledger *l;

	check(trust_load(trust_file, &trust, &e));
	check(ledger_open(&o, &l, &e));
	return l;
}

static void id_of(char out[static ENTRY_ID_LEN + 1], uint64_t n)
{
	snprintf(out, ENTRY_ID_LEN + 1, "%064" PRIx64, n);
}

static struct entry layer_of(uint64_t n)
{
	struct entry en = {.op = ENTRY_SEAL_LAYER, .time = 1767225600, .store = store};

	id_of(en.seal_layer.layer, n);
	sha256(&n, sizeof(n), &en.seal_layer.diff_id);
	en.seal_layer.tree = en.seal_layer.record = en.seal_layer.diff_id;
	en.seal_layer.created = xstrdup("2026-01-01T00:00:00.000000000Z");
	en.seal_layer.link = xstrdup("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	en.seal_layer.has_print = true;
	return en;
}

static struct entry image_of(uint64_t n)
{
	struct entry en = {.op = ENTRY_SEAL_IMAGE, .time = 1767225600, .store = store};

	id_of(en.seal_image.image, n);
	id_of(en.seal_image.layer, n);
	sha256(&n, sizeof(n), &en.seal_image.record);
	en.seal_image.files = xcalloc(1, sizeof(*en.seal_image.files));
	en.seal_image.n_files = 1;
	en.seal_image.files[0] =
	    (struct entry_file){.name = xstrdup("manifest"), .size = 500};
	return en;
}

static struct entry retire_of(bool is_image, uint64_t n)
{
	struct entry en = {.op = ENTRY_RETIRE, .time = 1767225600, .store = store};

	en.retire.is_image = is_image;
	id_of(en.retire.id, n);
	return en;
}

static struct entry init_of(void)
{
	struct entry en = {.op = ENTRY_INIT, .time = 1767225600, .store = store};

	en.init.graphroot = xstrdup("/var/lib/containers/storage");
	en.init.runroot = xstrdup("/run/containers/storage");
	en.init.driver = xstrdup("overlay");
	return en;
}

static void append(struct ledger *l, struct entry *batch, size_t n)
{
	check(ledger_append(l, batch, n, &e));
	for (size_t i = 0; i < n; i++)
		entry_release(&batch[i]);
}

/* One build: a layer and an image come, the oldest go. */
static size_t build(struct entry *out, uint64_t n)
{
	size_t used = 0;

	out[used++] = layer_of(n);
	out[used++] = image_of(n);
	if (n >= LIVE) {
		out[used++] = retire_of(true, n - LIVE);
		out[used++] = retire_of(false, n - LIVE);
	}
	return used;
}

static void grow_to(uint64_t size, uint64_t *built)
{
	struct ledger *l = open_ledger();

	while (ledger_size(l) < size) {
		struct entry batch[4 * BATCH];
		size_t n = 0;

		for (int i = 0; i < BATCH && ledger_size(l) + n < size; i++)
			n += build(batch + n, (*built)++);
		append(l, batch, n);
		check(ledger_maintain(l, &e));
		if (*built % 50000 <
		    BATCH) { /* what was appended is held until it is closed */
			ledger_close(l);
			l = open_ledger();
		}
	}
	ledger_close(l);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static long resident_kb(void)
{
	char text[128] = "";
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (f && fgets(text, sizeof(text), f))
		pages = strtol(strchr(text, ' '), NULL, 10);
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Prints one line; in a process of its own, so that it pays for one run of the program and no more. */
static void measure(uint64_t built)
{
	double opening[ROUNDS], appending[ROUNDS];
	struct ledger *l;

	for (int i = 0; i < ROUNDS; i++) {
		struct entry batch[4];
		double start = now();

		l = open_ledger();
		opening[i] = now() - start;
		append(l, batch, build(batch, built++));
		check(ledger_maintain(l, &e));
		ledger_close(l);
		appending[i] = now() - start;
	}
	l = open_ledger();
	printf("%8" PRIu64 " entries  open %6.2f ms  open and append %6.2f ms  %6ld KB\n",
	    ledger_size(l), median(opening) * 1e3, median(appending) * 1e3,
	    resident_kb());
	ledger_close(l);
}

static void report(const char *where, uint64_t *built)
{
	char number[24];
	pid_t pid;

	snprintf(number, sizeof(number), "%" PRIu64, *built);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "growth", where, "measure", number, (char *)NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		exit(1);
	*built += ROUNDS;
}

int main(int argc, char **argv)
{
	uint64_t most = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, built = 0;
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file,
	    .key = &key_source,
	    .request = {.name = "growth"}};
	struct entry init = init_of();
	struct ledger *l;

	if (argc < 2) {
		fprintf(stderr, "usage: growth DIR [ENTRIES]\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/ledger", argv[1]);
	snprintf(trust_file, sizeof(trust_file), "%s/trust", argv[1]);
	check(crypto_init(&e));
	if (argc > 3) {
		measure(strtoull(argv[3], NULL, 10));
		return 0;
	}
	check(ledger_create(&c, &l, &e));
	append(l, &init, 1);
	ledger_close(l);
	for (uint64_t size = 1000; size <= most; size *= 10) {
		grow_to(size, &built);
		report(argv[1], &built);
	}
	return 0;
}
