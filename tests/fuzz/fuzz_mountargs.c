/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mountargs.c: what a mount program is told. Whatever was read, written again with every special
 * character escaped, is read as the same directories.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "guard/mountargs.h"

static void put(struct buf *out, const char *text)
{
	struct err e;

	if (buf_adds(out, text, &e))
		abort();
}

static void put_path(struct buf *out, const char *path)
{
	struct err e;

	for (; *path; path++) {
		if ((strchr("\\:,\"=", *path) && buf_add(out, "\\", 1, &e)) ||
		    buf_add(out, path, 1, &e))
			abort();
	}
}

static void same(const char *a, const char *b)
{
	if (!a != !b || (a && strcmp(a, b) != 0))
		abort();
}

static void read_again(const struct mount_args *a)
{
	CLEANUP_MOUNT_ARGS struct mount_args b;
	CLEANUP_BUF struct buf text;
	struct err e;

	buf_init(&text, 4 * MOUNTARGS_BYTES_MAX);
	put(&text, a->options);
	put(&text, ",lowerdir=");
	for (size_t i = 0; i < a->n_lowers; i++) {
		put(&text, i ? ":" : "");
		put_path(&text, a->lowers[i]);
	}
	if (a->upper) {
		put(&text, ",upperdir=");
		put_path(&text, a->upper);
		put(&text, ",workdir=");
		put_path(&text, a->work);
	}
	if (mount_args_parse(text.data, a->target, &b, &e)) {
		if (text.len > MOUNTARGS_BYTES_MAX)
			return;
		abort();
	}
	if (a->n_lowers != b.n_lowers)
		abort();
	for (size_t i = 0; i < a->n_lowers; i++)
		same(a->lowers[i], b.lowers[i]);
	same(a->upper, b.upper);
	same(a->work, b.work);
	same(a->options, b.options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_FREE char *text = xstrndup((const char *)data, len);
	CLEANUP_MOUNT_ARGS struct mount_args a;
	struct err e;

	if (mount_args_parse(text, "/target", &a, &e))
		return 0;
	if (!a.n_lowers)
		abort();
	read_again(&a);
	return 0;
}
