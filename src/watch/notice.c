/* SPDX-License-Identifier: Apache-2.0 */
/* notice.c: see outlet.h and outlet_impl.h. */
#include <inttypes.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/esc.h"
#include "guard/finding_json.h"
#include "watch/outlet_impl.h"

const char *notice_kind_name(enum notice_kind k)
{
	static const char *const names[] = {
#define X(id, name) [id] = (name),
	    NOTICE_KINDS(X)
#undef X
	};

	return names[k];
}

/* Each belongs to its kind for ever: people search for it. */
const char *notice_message_id(enum notice_kind k)
{
	static const char *const ids[NOTICE_KIND_COUNT] = {
	    [NOTICE_ALARM] = "de0777f72d2149ebb88d173a6757551b",
	    [NOTICE_CLEARED] = "16bb2aa06bb44445baf9c948fba17f07",
	    [NOTICE_TOUCHED] = "e2c0db2f9e7146f9811e71bd003959fb",
	    [NOTICE_UNSEALED] = "65d176058a5b4ee2bf44664cc00ba9e0",
	    [NOTICE_SEALED] = "5200a02579404674a945f39906575907",
	    [NOTICE_GAP] = "cf28e35097794f1dbcea05e380a64160",
	    [NOTICE_PASS] = "ae8cec8a268b4a258179e5c5fb1f2ccb",
	    [NOTICE_UNVERIFIABLE] = "76bb5000aee14c8eb3024131cd4d58f6",
	    [NOTICE_READY] = "30e6eefb3d6c4fc889e03f21e077612c",
	    [NOTICE_FOLDED] = "78ba1479c7104c3fa0c6075786ecb2d1",
	    [NOTICE_UNTOLD] = "666bfd5083d24bb992de6b1701fc208d",
	    [NOTICE_END] = "6aeabfcd31e04687a91ef9d95b4b5d5f",
	};

	return ids[k];
}

static bool is_grave(const struct notice *n)
{
	return n->kind == NOTICE_ALARM &&
	       !(n->finding && n->finding->severity != SEVERITY_DENY);
}

int notice_priority(const struct notice *n)
{
	static const int priorities[NOTICE_KIND_COUNT] = {
	    [NOTICE_ALARM] = LOG_WARNING,
	    [NOTICE_CLEARED] = LOG_NOTICE,
	    [NOTICE_TOUCHED] = LOG_NOTICE,
	    [NOTICE_UNSEALED] = LOG_NOTICE,
	    [NOTICE_SEALED] = LOG_NOTICE,
	    [NOTICE_GAP] = LOG_WARNING,
	    [NOTICE_PASS] = LOG_INFO,
	    [NOTICE_UNVERIFIABLE] = LOG_ERR,
	    [NOTICE_READY] = LOG_INFO,
	    [NOTICE_FOLDED] = LOG_WARNING,
	    [NOTICE_UNTOLD] = LOG_WARNING,
	    [NOTICE_END] = LOG_INFO,
	};

	return is_grave(n) ? LOG_CRIT : priorities[n->kind];
}

void notice_time(int64_t time_ms, char out[static NOTICE_TIME_MAX])
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;

	if (time_ms < 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(out, NOTICE_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(out, NOTICE_TIME_MAX, "%" PRId64, time_ms);
	else
		snprintf(out + strlen(out), NOTICE_TIME_MAX - strlen(out), ".%03dZ",
		    (int)(time_ms % 1000));
}

bool notice_counts(const struct notice *n)
{
	return n->count || n->kind == NOTICE_READY || n->kind == NOTICE_PASS ||
	       n->kind == NOTICE_SEALED || n->kind == NOTICE_GAP ||
	       n->kind == NOTICE_FOLDED;
}

const char *notice_gap(const char *name, size_t *number)
{
	for (size_t g = 0; name && g < GAP_COUNT; g++) {
		if (strcmp(name, gap_name((enum gap)g)) != 0)
			continue;
		if (number)
			*number = g;
		return gap_meaning((enum gap)g);
	}
	return NULL;
}

/* ---- words ---- */

/* A line stays readable however long a path is; JSON and the journal's fields have all of it. */
#define WORDS_MAX 512
#define ID_SHORT 12

static void put_cut(FILE *to, const char *before, const char *value, size_t max)
{
	size_t len = value ? strlen(value) : 0;
	CLEANUP_FREE char *text = esc_text(value, len < max ? len : max);

	if (len)
		fprintf(to, "%s%s%s", before, text,
		    len > max && max != ID_SHORT ? "..." : "");
}

static void put_subject(FILE *to, const struct finding *f)
{
	put_cut(to, " layer ", f->layer, ID_SHORT);
	put_cut(to, " image ", f->image, ID_SHORT);
	put_cut(to, " ", f->path, WORDS_MAX);
}

static void put_finding(FILE *to, const struct finding *f)
{
	fputs(finding_class_name(f->class), to);
	put_subject(to, f);
	fprintf(to, ": %s", finding_class_meaning(f->class));
	put_cut(to, "; expected ", f->expected, WORDS_MAX);
	put_cut(to, "; found ", f->found, WORDS_MAX);
}

static void put_writer(FILE *to, const struct writer *w)
{
	fprintf(to, "; written by pid %d", (int)w->pid);
	if (!w->looked_at)
		return;
	fprintf(to, ", uid %u", (unsigned)w->uid);
	put_cut(to, ", ", w->program, WORDS_MAX);
	if (w->in_container)
		fputs(", in a container", to);
}

static void put_folded(FILE *to, const struct notice *n)
{
	fprintf(to, "%" PRIu64 " more of kind %s", n->count, notice_kind_name(n->folded));
	if (n->finding)
		fprintf(to, ", %s,", finding_class_name(n->finding->class));
	put_cut(to, ", ", n->text, WORDS_MAX);
	fputs(" were not told one by one", to);
}

/* What is said whatever the text; `count` is what there are so many of. */
static void put_words(FILE *to, const struct notice *n)
{
	static const struct {
		const char *words, *count;
	} kinds[NOTICE_KIND_COUNT] = {
	    [NOTICE_READY] = {"all that is sealed is watched, and was looked at",
		"sealed layers"},
	    [NOTICE_PASS] = {"all that is sealed was looked at", "sealed layers"},
	    [NOTICE_SEALED] = {"sealed", "objects"},
	    [NOTICE_GAP] = {"all is looked at again", "times"},
	    [NOTICE_UNTOLD] = {NULL, "messages"},
	    [NOTICE_END] = {"not watched any more", NULL},
	};
	const char *words = kinds[n->kind].words, *count = kinds[n->kind].count;
	bool after = n->finding || n->layer || n->path;

	put_cut(to, after ? "; " : "", n->text, WORDS_MAX);
	if (n->kind == NOTICE_GAP && n->text && notice_gap(n->text, NULL))
		fprintf(to, ": %s", notice_gap(n->text, NULL));
	if (words)
		fprintf(to, "%s%s", n->text || after ? "; " : "", words);
	if (n->count && count)
		fprintf(to, " (%s: %" PRIu64 ")", count, n->count);
}

void notice_text(FILE *to, const struct notice *n)
{
	fprintf(to, "%s: ", notice_kind_name(n->kind));
	if (n->kind == NOTICE_FOLDED) {
		put_folded(to, n);
		return;
	}
	if (n->finding)
		put_finding(to, n->finding);
	put_cut(to, "layer ", n->layer, ID_SHORT);
	put_cut(to, " ", n->path, WORDS_MAX);
	put_words(to, n);
	if (n->writer)
		put_writer(to, n->writer);
}

/* ---- JSON ---- */

static void json_writer(struct jsonout *j, const struct writer *w)
{
	if (!w) {
		jsonout_str(j, "writer", NULL);
		return;
	}
	jsonout_begin(j, "writer", '{');
	jsonout_u64(j, "pid", (uint64_t)w->pid);
	if (w->looked_at)
		jsonout_u64(j, "uid", w->uid);
	else
		jsonout_str(j, "uid", NULL);
	jsonout_str(j, "program", w->looked_at && w->program[0] ? w->program : NULL);
	jsonout_bool(j, "in_container", w->in_container);
	jsonout_end(j, '}');
}

void notice_json(struct jsonout *j, const struct notice *n)
{
	char when[NOTICE_TIME_MAX];

	notice_time(n->time_ms, when);
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "schema", "layerseal.notice/1");
	jsonout_str(j, "kind", notice_kind_name(n->kind));
	jsonout_str(j, "time", when);
	jsonout_str(j, "store", n->store);
	if (n->kind == NOTICE_FOLDED) {
		jsonout_str(j, "folded", notice_kind_name(n->folded));
		jsonout_str(j, "class",
		    n->finding ? finding_class_name(n->finding->class) : NULL);
	} else if (n->finding) {
		finding_json(j, "finding", n->finding);
	}
	if (n->kind == NOTICE_TOUCHED) {
		jsonout_str(j, "layer", n->layer);
		jsonout_str(j, "path", n->path);
	}
	jsonout_str(j, "text", n->text);
	if (notice_counts(n))
		jsonout_u64(j, "count", n->count);
	if (n->kind == NOTICE_ALARM)
		jsonout_seconds(j, "latency_ms", n->latency_ms);
	json_writer(j, n->writer);
	jsonout_end(j, '}');
}
