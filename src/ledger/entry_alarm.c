/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_alarm.c: see entry.h. What an alarm says comes from whoever wrote to the store, as long as he likes; an entry
 * has 4096 bytes. So each text has room of its own, and no path leaves none for what was found there.
 */
#include <string.h>

#include "base/esc.h"
#include "base/finding.h"
#include "ledger/entry.h"

/* Bytes as spelled; all of them, the keys, the numbers and the first lines are below ENTRY_MAX_BYTES. */
#define ROOM_ID 192
#define ROOM_PATH 1024
#define ROOM_TEXT 640
#define ROOM_PROGRAM 512
#define ROOM_REST 512
_Static_assert(
    2 * ROOM_ID + ROOM_PATH + 2 * ROOM_TEXT + ROOM_PROGRAM + ROOM_REST <= ENTRY_MAX_BYTES,
    "every alarm has room");

#define CUT "..."

static bool fits(const char *text, size_t len, size_t room)
{
	CLEANUP_BUF struct buf spelled;
	struct err ignored;

	buf_init(&spelled, room);
	return esc_token(&spelled, text, len, NULL, &ignored) == 0;
}

/* As many bytes of `text` as are spelled in at most `room`; no byte is spelled in fewer than one. */
static size_t fitting(const char *text, size_t len, size_t room)
{
	size_t low = 0, high = len < room ? len : room;

	while (low < high) {
		size_t middle = (low + high + 1) / 2;

		if (fits(text, middle, room))
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static char *cut(const char *text, size_t room)
{
	size_t len = text ? strlen(text) : 0;

	if (len == 0)
		return NULL;
	if (fits(text, len, room))
		return xstrdup(text);
	return xasprintf("%.*s" CUT, (int)fitting(text, len, room - strlen(CUT)), text);
}

void entry_alarm_set(struct entry_alarm *out, const struct finding *f)
{
	out->class = xstrdup(finding_class_name(f->class));
	out->layer = cut(f->layer, ROOM_ID);
	out->image = cut(f->image, ROOM_ID);
	out->path = cut(f->path, ROOM_PATH);
	out->expected = cut(f->expected, ROOM_TEXT);
	out->found = cut(f->found, ROOM_TEXT);
}

void entry_alarm_set_writer(
    struct entry_alarm *out, uint64_t pid, const uint64_t *uid, const char *program)
{
	out->has_pid = pid != 0;
	out->pid = pid;
	out->has_uid = uid;
	out->uid = uid ? *uid : 0;
	free(out->program);
	out->program = cut(program, ROOM_PROGRAM);
}
