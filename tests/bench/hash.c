/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c: every way of hashing many blocks beside libgcrypt, in turn, one thread, by how many blocks
 * there are at once. Prints GB/s and the ratio to libgcrypt of medians.
 *   hash [FEATURE]      libgcrypt without a processor feature (intel-shaext), as on a machine without
 *   hash tree WAY DIR   measures a tree with that way (libgcrypt ... or best) from the page cache
 */
#include <fcntl.h>
#include <gcrypt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/sha256_many.h"
#include "tree/tree.h"

#define BLOCK 4096
#define BLOCKS 128
#define RUNS 31
#define BYTES_A_RUN (8U << 20)

static uint8_t *data;
static struct digest out[BLOCKS];
static struct sha256_job jobs[BLOCKS];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double run(enum sha256_way way, size_t n)
{
	size_t rounds = BYTES_A_RUN / (n * BLOCK);
	double start;

	if (!sha256_way_use(way))
		return 0;
	start = seconds();
	for (size_t i = 0; i < rounds; i++)
		sha256_many(jobs, n, BLOCK);
	return (double)(rounds * n * BLOCK) / (seconds() - start) / 1e9;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void row(size_t n)
{
	double speed[SHA256_WAYS][RUNS];

	for (int i = 0; i < RUNS; i++) {
		for (enum sha256_way way = 0; way < SHA256_WAYS; way++)
			speed[way][i] = run(way, n);
	}
	printf("%4zu blocks", n);
	for (enum sha256_way way = 0; way < SHA256_WAYS; way++) {
		qsort(speed[way], RUNS, sizeof(double), compare);
		printf("  %s %.2f GB/s %.2f", sha256_way_name(way), speed[way][RUNS / 2],
		    speed[way][RUNS / 2] / speed[0][RUNS / 2]);
	}
	printf("\n");
}

static bool use(const char *name)
{
	enum sha256_way way = 0;

	if (strcmp(name, "best") == 0)
		return true;
	while (way < SHA256_WAYS && strcmp(name, sha256_way_name(way)) != 0)
		way++;
	return sha256_way_use(way);
}

static int measure(const char *way, const char *dir)
{
	const struct tree_options opt = {0};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree_result result;
	struct err e;

	if (crypto_init(&e) || !use(way) || fd < 0)
		return 2;
	if (tree_measure(fd, &opt, &result, &e)) {
		fprintf(stderr, "hash: %s\n", e.msg);
		return 1;
	}
	printf("%llu names, %llu bytes\n", (unsigned long long)result.entries,
	    (unsigned long long)result.bytes);
	return 0;
}

int main(int argc, char **argv)
{
	static const size_t counts[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 128};
	struct err e;

	if (argc == 4 && strcmp(argv[1], "tree") == 0)
		return measure(argv[2], argv[3]);
	if (argc > 1 && gcry_control(GCRYCTL_DISABLE_HWF, argv[1], NULL)) {
		fprintf(stderr, "hash: libgcrypt does not know %s\n", argv[1]);
		return 2;
	}
	if (crypto_init(&e))
		return 1;
	data = xmalloc(BLOCKS * BLOCK);
	crypto_random(data, 256);
	for (size_t i = 256; i < BLOCKS * BLOCK; i++)
		data[i] = (uint8_t)(data[i - 256] * 5 + 1);
	for (size_t i = 0; i < BLOCKS; i++)
		jobs[i] = (struct sha256_job){data + i * BLOCK, &out[i]};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		row(counts[i]);
	free(data);
	return 0;
}
