/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: looks for secrets in all memory of the test itself. */
#ifndef TESTS_UNIT_MEMORY_H
#define TESTS_UNIT_MEMORY_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

/* What must not be found is kept here with every bit turned over. */
struct needle {
	uint8_t inverse[64];
	size_t len;
};

static inline struct needle needle_of(const void *data, size_t len)
{
	struct needle n = {.len = len};

	for (size_t i = 0; i < len; i++)
		n.inverse[i] = (uint8_t) ~((const uint8_t *)data)[i];
	return n;
}

static inline size_t count_in(const uint8_t *data, size_t len, const struct needle *n)
{
	const uint8_t *end = data + len, *at = data;
	size_t found = 0;

	while ((at = memchr(at, n->inverse[0] ^ 0xff, (size_t)(end - at)))) {
		size_t i = 0;

		while (i < n->len && at + i < end && (at[i] ^ n->inverse[i]) == 0xff)
			i++;
		found += i == n->len;
		at++;
	}
	return found;
}

struct found {
	size_t locked, elsewhere;
};

/* AddressSanitizer makes mlock() do nothing, so there is no telling. */
#if defined(__SANITIZE_ADDRESS__)
#define TELLS_LOCKED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TELLS_LOCKED false
#endif
#endif
#ifndef TELLS_LOCKED
#define TELLS_LOCKED true
#endif

#define PAGE 4096

/* /proc/self/mem and /proc/self/pagemap */
static int memory, pagemap;

/* Before the process forbids it. */
static inline bool memory_open(void)
{
	memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return memory >= 0 && pagemap >= 0;
}

static inline void memory_close(void)
{
	close(memory);
	close(pagemap);
}

static inline bool is_resident(unsigned long at)
{
	uint64_t entry = 0;

	return pread(pagemap, &entry, sizeof(entry), (off_t)(at / PAGE * 8)) == 8 &&
	       entry >> 62;
}

/* Through the kernel, so that a sanitizer does not mind. */
static inline size_t count_between(
    unsigned long begin, unsigned long end, const struct needle *n)
{
	static _Alignas(PAGE) uint8_t page[PAGE];
	size_t hits = 0;

	for (unsigned long at = begin; at < end; at += PAGE) {
		if (at == (unsigned long)page || !is_resident(at) ||
		    pread(memory, page, PAGE, (off_t)at) != PAGE)
			continue;
		hits += count_in(page, PAGE, n);
		memset(page, 0, PAGE);
	}
	return hits;
}

/*
 * Looks through all writable memory but the one page that is read into, and but the giant reservations
 * of a sanitizer. A needle that lies across two pages is not seen.
 */
static inline struct found look_for(const struct needle *n)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	struct found found = {0};
	char line[1024], mode[8];
	size_t hits = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long begin, end;

		if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) == 3) {
			hits = mode[1] == 'w' && end - begin <= 64UL << 20
				   ? count_between(begin, end, n)
				   : 0;
		} else if (strncmp(line, "VmFlags:", 8) == 0) {
			if (strstr(line, " lo"))
				found.locked += hits;
			else
				found.elsewhere += hits;
			hits = 0;
		}
	}
	fclose(maps);
	return found;
}

#endif
