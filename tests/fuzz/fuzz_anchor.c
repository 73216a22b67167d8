/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_anchor.c: the bytes of an anchor's file: whatever they are, only a signed checkpoint is believed. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "ledger/anchor_lines.h"

/* The public key of RFC 8032's first test, which has signed the checkpoints of the corpus. */
#define VKEY                                                                             \
	"build01.ci.example/cache-ledger+1704497b+"                                      \
	"AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

static struct public_key key;

static int open_note(
    void *ctx, const char *note, size_t len, struct checkpoint *out, struct err *e)
{
	bool *asked = ctx;
	int r = checkpoint_open(note, len, &key, 1, out, e);

	*asked = *asked || !r;
	return r;
}

static void prepare(void)
{
	struct err e;

	if (crypto_init(&e) || public_key_parse(VKEY, &key, &e))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct anchor_lines lines = {0};
	struct checkpoint head = {.size = 7};
	struct anchor a = {.state = ANCHOR_SEEN};
	bool valid = false;
	const struct anchor_view view = {
	    .head = &head, .note = "", .ctx = &valid, .open_note = open_note};
	CLEANUP_FD int fd = memfd_create("heads", MFD_CLOEXEC);
	struct err e;

	if (!key.id)
		prepare();
	memcpy(head.origin, key.name, sizeof(head.origin));
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	/* In two steps, as a writer does. */
	if (ftruncate(fd, (off_t)(size / 2)) || anchor_lines_scan(&lines, fd, &e) ||
	    pwrite(fd, data, size, 0) != (ssize_t)size ||
	    anchor_lines_scan(&lines, fd, &e))
		abort();
	anchor_lines_newest(&lines, &a, &view);
	if (a.knows_head != (valid && a.state != ANCHOR_FORKED) ||
	    (a.knows_head && strcmp(a.head.origin, key.name) != 0) ||
	    (!a.knows_head && a.state == ANCHOR_SEEN))
		abort();
	anchor_lines_release(&lines);
	return 0;
}
