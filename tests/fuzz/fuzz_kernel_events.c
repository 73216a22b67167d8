/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kernel_events.c: events of inotify and fanotify of any bytes: what is taken lies within them, names end, and each
 * event moves on.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "watch/kernel_events.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_name(const uint8_t *data, size_t len, const char *name)
{
	const uint8_t *p = (const uint8_t *)name;

	if (!name)
		return;
	must(p >= data && p < data + len);
	must(*p && memchr(p, '\0', (size_t)(data + len - p)));
}

static void check_handle(const uint8_t *data, size_t len, const struct kernel_handle *h)
{
	must(h->len == 0 ||
	     (h->bytes >= data && h->len <= len && h->bytes <= data + len - h->len));
}

static void check_fanotify(const uint8_t *data, size_t len)
{
	struct fanotify_found ev;
	size_t n;

	while ((n = fanotify_take(data, len, &ev))) {
		must(n <= len);
		must(ev.pidfd >= -1);
		check_handle(data, n, &ev.in);
		check_handle(data, n, &ev.from);
		check_handle(data, n, &ev.object);
		check_name(data, n, ev.name);
		check_name(data, n, ev.from_name);
		data += n;
		len -= n;
	}
}

static void check_inotify(const uint8_t *data, size_t len)
{
	struct inotify_found ev;
	size_t n;

	while ((n = inotify_take(data, len, &ev))) {
		must(n <= len);
		check_name(data, n, ev.name);
		data += n;
		len -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_fanotify(data, len);
	check_inotify(data, len);
	return 0;
}
