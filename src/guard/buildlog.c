/* SPDX-License-Identifier: Apache-2.0 */
/* buildlog.c: see buildlog.h. Of each line its last bytes are kept, which is where an engine's words are. */
#include "guard/buildlog.h"

#include <string.h>

#include "base/hex.h"

#define ARROW "--> "
#define HIT "Using cache "
/* podman 4 says 11 digits, podman 5 says 12; anything that short could be meant by chance. */
#define PREFIX_MIN 11

static int add_event(
    struct buildlog *log, bool hit, const char *hex, size_t len, struct err *e)
{
	struct buildlog_event *event;

	if (log->n == BUILDLOG_EVENTS_MAX)
		return err_set(e, ERR_REFUSED, "the build names more than %d images",
		    BUILDLOG_EVENTS_MAX);
	log->events = xreallocarray(log->events, log->n + 1, sizeof(*log->events));
	event = &log->events[log->n++];
	event->hit = hit;
	memcpy(event->hex, hex, len);
	event->hex[len] = '\0';
	return 0;
}

static size_t hex_digits(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* What follows one arrow. */
static int read_arrow(struct buildlog *log, const char *text, struct err *e)
{
	bool hit = strncmp(text, HIT, strlen(HIT)) == 0;
	size_t len;

	if (hit)
		text += strlen(HIT);
	len = hex_digits(text);
	if (len > BUILDLOG_ID_LEN || (hit && len != BUILDLOG_ID_LEN) || len < PREFIX_MIN)
		return 0;
	return add_event(log, hit, text, len, e);
}

static int end_line(struct buildlog *log, struct err *e)
{
	const char *end = log->line + log->len, *arrow = log->line;
	size_t digits;
	int r = 0;

	log->line[log->len] = '\0';
	while (
	    !r && (arrow = memmem(arrow, (size_t)(end - arrow), ARROW, strlen(ARROW)))) {
		arrow += strlen(ARROW);
		r = read_arrow(log, arrow, e);
	}
	digits = hex_digits(log->line);
	log->result[0] = '\0';
	if (digits == BUILDLOG_ID_LEN && digits == log->len)
		memcpy(log->result, log->line, BUILDLOG_ID_LEN + 1);
	log->len = 0;
	return r;
}

int buildlog_add(struct buildlog *log, const char *bytes, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (bytes[i] == '\n') {
			r = end_line(log, e);
			continue;
		}
		if (log->len == sizeof(log->line) - 1) {
			/* An arrow and an id are shorter than half of it. */
			memmove(
			    log->line, log->line + log->len / 2, log->len - log->len / 2);
			log->len -= log->len / 2;
		}
		log->line[log->len++] = bytes[i];
	}
	return r;
}

int buildlog_end(struct buildlog *log, struct err *e)
{
	return log->len ? end_line(log, e) : 0;
}

void buildlog_release(struct buildlog *log)
{
	free(log->events);
	*log = (struct buildlog){0};
}

static size_t first(const struct buildlog *log, const char *id, bool hit)
{
	for (size_t i = 0; i < log->n; i++) {
		const struct buildlog_event *event = &log->events[i];

		if (event->hit == hit && strncmp(event->hex, id, strlen(event->hex)) == 0)
			return i;
	}
	return SIZE_MAX;
}

size_t buildlog_made(const struct buildlog *log, const char *id)
{
	return first(log, id, false);
}

size_t buildlog_hit(const struct buildlog *log, const char *id)
{
	return first(log, id, true);
}
