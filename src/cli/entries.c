/* SPDX-License-Identifier: Apache-2.0 */
/* entries.c: see entries.h. */
#include "cli/entries.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/report.h"

static const char *if_id(const char *text)
{
	return text && strlen(text) == ENTRY_ID_LEN && hex_is(text, ENTRY_ID_LEN) ? text
										  : NULL;
}

/* What the store called a layer need not be an id. */
static const char *alarm_subject(const struct entry_alarm *a)
{
	return if_id(a->layer) ? a->layer : if_id(a->image);
}

const char *entries_subject(const struct entry *en)
{
	switch (en->op) {
	case ENTRY_SEAL_LAYER:
		return en->seal_layer.layer;
	case ENTRY_SEAL_IMAGE:
		return en->seal_image.image;
	case ENTRY_SEAL_NAME:
		return en->seal_name.image;
	case ENTRY_RETIRE:
		return en->retire.id;
	case ENTRY_REMEASURE:
		return en->remeasure.layer;
	case ENTRY_PURGE:
		return en->purge.object < PURGED_NAME ? en->purge.id : NULL;
	case ENTRY_BUILD:
		return en->build.result[0] ? en->build.result : NULL;
	case ENTRY_ALARM:
		return alarm_subject(&en->alarm);
	case ENTRY_GAP:
	case ENTRY_SEAL_TREE:
	case ENTRY_RETIRE_TREE:
	case ENTRY_INIT:
	case ENTRY_KEY_ADD:
	case ENTRY_KEY_RETIRE:
	case ENTRY_ANCHOR:
	case ENTRY_REVOKE:
	case ENTRY_UNREVOKE:
	case ENTRY_STATE:
	case ENTRY_OP_COUNT:
		break;
	}
	return NULL;
}

/* What is told in brackets: why, or of an alarm where. */
static const char *reason_of(const struct entry *en)
{
	switch (en->op) {
	case ENTRY_SEAL_LAYER:
		return en->seal_layer.reason;
	case ENTRY_SEAL_IMAGE:
		return en->seal_image.reason;
	case ENTRY_SEAL_NAME:
		return en->seal_name.reason;
	case ENTRY_SEAL_TREE:
		return en->seal_tree.reason;
	case ENTRY_RETIRE_TREE:
		return en->retire_tree.reason;
	case ENTRY_RETIRE:
		return en->retire.reason;
	case ENTRY_PURGE:
		return en->purge.reason;
	case ENTRY_REVOKE:
	case ENTRY_UNREVOKE:
		return en->revoke.reason;
	case ENTRY_KEY_ADD:
	case ENTRY_KEY_RETIRE:
		return en->key.reason;
	case ENTRY_ALARM:
		return en->alarm.path;
	case ENTRY_BUILD:
	case ENTRY_GAP:
	case ENTRY_INIT:
	case ENTRY_ANCHOR:
	case ENTRY_STATE:
	case ENTRY_REMEASURE:
	case ENTRY_OP_COUNT:
		break;
	}
	return NULL;
}

/* What is not an id but a text; NULL: nothing. */
static const char *text_of(const struct entry *en)
{
	switch (en->op) {
	case ENTRY_INIT:
		return en->init.graphroot;
	case ENTRY_SEAL_NAME:
		return en->seal_name.name;
	case ENTRY_SEAL_TREE:
		return en->seal_tree.path;
	case ENTRY_RETIRE_TREE:
		return en->retire_tree.path;
	case ENTRY_KEY_ADD:
	case ENTRY_KEY_RETIRE:
		return en->key.vkey;
	case ENTRY_ANCHOR:
		return en->anchor.name;
	case ENTRY_PURGE:
		return en->purge.object < PURGED_NAME ? NULL : en->purge.id;
	case ENTRY_BUILD:
		return en->build.engine;
	case ENTRY_ALARM:
		return en->alarm.class;
	case ENTRY_GAP:
		return en->gap.kind;
	case ENTRY_SEAL_LAYER:
	case ENTRY_SEAL_IMAGE:
	case ENTRY_RETIRE:
	case ENTRY_REMEASURE:
	case ENTRY_REVOKE:
	case ENTRY_UNREVOKE:
	case ENTRY_STATE:
	case ENTRY_OP_COUNT:
		break;
	}
	return NULL;
}

void entries_print_line(FILE *to, uint64_t seq, const struct entry *en)
{
	const char *subject = entries_subject(en), *reason = reason_of(en);
	char when[REPORT_TIME_MAX], digest[DIGEST_TEXT_LEN + 1];

	report_time(en->time, when);
	fprintf(to, "%6" PRIu64 "  %s  %-10s", seq, when, entry_op_name(en->op));
	if (subject)
		fprintf(to, "  %.12s", subject);
	if (en->op == ENTRY_REVOKE || en->op == ENTRY_UNREVOKE) {
		digest_text(&en->revoke.digest, digest);
		fprintf(to, "  %s", digest);
	}
	if (text_of(en)) {
		CLEANUP_FREE char *text = esc_str(text_of(en));

		fprintf(to, "  %s", text);
	}
	if (reason) {
		CLEANUP_FREE char *text = esc_str(reason);

		fprintf(to, "  (%s)", text);
	}
	fputc('\n', to);
}

/* The next line of an entry without its LF; NULL at the end. Entries are ASCII and LF-terminated. */
static const char *next_line(const char **rest, const char *end, size_t *len)
{
	const char *line = *rest, *lf;

	if (line == end)
		return NULL;
	lf = memchr(line, '\n', (size_t)(end - line));
	*len = (size_t)(lf - line);
	*rest = lf + 1;
	return line;
}

void entries_print_full(FILE *to, uint64_t seq, const char *bytes, size_t len)
{
	const char *end = bytes + len, *line;
	size_t n;

	fprintf(to, "entry %" PRIu64 "\n", seq);
	while ((line = next_line(&bytes, end, &n)))
		fprintf(to, "  %.*s\n", (int)n, line);
}

static bool may_repeat(const char *key)
{
	static const char *const keys[] = {"file", "additional", "base", "argument"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

static void json_line(
    struct jsonout *j, const char *line, size_t len, char previous[static 64])
{
	CLEANUP_FREE char *copy = xstrndup(line, len);
	char *value = strchr(copy, ' ');

	*value++ = '\0';
	if (strcmp(previous, copy) != 0) {
		if (may_repeat(previous))
			jsonout_end(j, ']');
		if (may_repeat(copy))
			jsonout_begin(j, copy, '[');
	}
	jsonout_str(j, may_repeat(copy) ? NULL : copy, value);
	snprintf(previous, 64, "%s", copy);
}

void entries_json(struct jsonout *j, uint64_t seq, const char *bytes, size_t len)
{
	const char *end = bytes + len, *line;
	char previous[64] = "";
	size_t n;

	jsonout_begin(j, NULL, '{');
	jsonout_u64(j, "seq", seq);
	next_line(&bytes, end, &n); /* "layerseal/v1 entry" is the same for all */
	while ((line = next_line(&bytes, end, &n)))
		json_line(j, line, n, previous);
	if (may_repeat(previous))
		jsonout_end(j, ']');
	jsonout_end(j, '}');
}

int entries_print_proved(
    int (*write)(void *ctx, FILE *to, struct err *e), void *ctx, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int r;

	if (!to)
		return err_sys(e, "memory");
	r = write(ctx, to, e);
	if (fclose(to) && !r)
		r = err_sys(e, "memory");
	if (r)
		return r;
	fwrite(text, 1, len, stdout);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
