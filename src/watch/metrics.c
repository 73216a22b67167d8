/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c: see outlet.h: the numbers in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A store's path is the label of each, so that the
 * files of several watchers can be collected together.
 */
#include <inttypes.h>

#include "base/esc.h"
#include "base/fs.h"
#include "guard/policy.h"
#include "watch/outlet_impl.h"

#define METRICS_MAX 65536
#define PREFIX "layerseal_watch_"

/* A label's value: UTF-8 with backslash, quote and line feed escaped; nothing else is left that needs it. */
static void put_label(FILE *to, const char *value)
{
	CLEANUP_FREE char *text = esc_str(value);

	for (const char *c = text; *c; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', to);
		fputc(*c, to);
	}
}

struct text {
	FILE *to;
	const char *store;
};

static void head(
    const struct text *t, const char *name, const char *type, const char *help)
{
	fprintf(t->to, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help,
	    name, type);
}

/* The line up to its number. */
static void sample(
    const struct text *t, const char *name, const char *label, const char *value)
{
	fprintf(t->to, PREFIX "%s{store=\"", name);
	put_label(t->to, t->store);
	if (label) {
		fprintf(t->to, "\",%s=\"", label);
		put_label(t->to, value);
	}
	fputs("\"} ", t->to);
}

static void counter(
    const struct text *t, const char *name, const char *help, uint64_t value)
{
	head(t, name, "counter", help);
	sample(t, name, NULL, NULL);
	fprintf(t->to, "%" PRIu64 "\n", value);
}

static void gauge(
    const struct text *t, const char *name, const char *help, uint64_t value)
{
	head(t, name, "gauge", help);
	sample(t, name, NULL, NULL);
	fprintf(t->to, "%" PRIu64 "\n", value);
}

static void seconds(
    const struct text *t, const char *name, const char *help, double value)
{
	head(t, name, "gauge", help);
	sample(t, name, NULL, NULL);
	fprintf(t->to, "%.6f\n", value);
}

static void put_verdict(const struct text *t, const struct watch_figures *f)
{
	static const enum verdict all[] = {
	    VERDICT_CLEAN, VERDICT_VIOLATED, VERDICT_UNVERIFIABLE};

	head(t, "info", "gauge", "What tells of changes.");
	sample(t, "info", "source", f->source);
	fputs("1\n", t->to);
	head(t, "verdict", "gauge", "1 for the verdict of the moment.");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		sample(t, "verdict", "verdict", verdict_name(all[i]));
		fputs(f->verdict == all[i] ? "1\n" : "0\n", t->to);
	}
	gauge(t, "verdict_known", "1 if the verdict covers all that was told.", f->known);
}

static void put_counters(const struct text *t, const struct watch_figures *f)
{
	counter(t, "events_total", "Events of the kernel.", f->events);
	counter(t, "alarms_total", "Deviations from what was sealed.", f->alarms);
	counter(
	    t, "notices_total", "Messages, folded ones and alarms included.", f->notices);
	head(t, "gaps_total", "counter", "Times that something may have been missed.");
	for (enum gap g = 0; g < GAP_COUNT; g++) {
		sample(t, "gaps_total", "gap", gap_name(g));
		fprintf(t->to, "%" PRIu64 "\n", f->gaps[g]);
	}
	counter(t, "requests_total", "Requests through the control socket.", f->asked);
	counter(t, "verdicts_total", "Requests that got a verdict.", f->verified);
	counter(t, "passes_total", "Passes over all that is sealed.", f->passes);
}

static void put_gauges(const struct text *t, const struct watch_figures *f)
{
	gauge(t, "ledger_entries", "Entries of the ledger.", f->ledger_size);
	gauge(t, "directories", "Directories that are watched.", f->watches);
	gauge(t, "handles", "Files known by their handle.", f->objects);
	gauge(t, "layers", "Sealed layers.", f->layers);
	gauge(t, "images", "Sealed images.", f->images);
	gauge(t, "unsealed", "Layers, images and names that nobody sealed.", f->unsealed);
	gauge(t, "findings", "Deviations at the moment.", f->findings);
	gauge(t, "start_time_seconds", "When the watcher began, since 1970.",
	    (uint64_t)f->started);
	gauge(t, "last_pass_time_seconds", "End of the last pass, 0 before the first.",
	    (uint64_t)f->last_pass);
	gauge(t, "last_alarm_time_seconds", "The last alarm, 0 before the first.",
	    (uint64_t)f->last_alarm);
	seconds(
	    t, "pass_duration_seconds", "How long the last pass took.", f->pass_seconds);
	seconds(
	    t, "lag_seconds", "From the last event to its judgement.", f->lag_ms / 1000);
}

int metrics_text(
    const struct watch_figures *f, const char *store, struct buf *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	struct text t = {.to = open_memstream(&text, &len), .store = store};

	if (!t.to)
		return err_sys(e, "memory");
	put_verdict(&t, f);
	put_counters(&t, f);
	put_gauges(&t, f);
	if (fclose(t.to))
		return err_sys(e, "memory");
	return buf_add(out, text, len, e);
}

int metrics_write(
    const char *path, const struct watch_figures *f, const char *store, struct err *e)
{
	CLEANUP_BUF struct buf text;
	CLEANUP_FD int dir = -1;
	const char *name;
	int r;

	buf_init(&text, METRICS_MAX);
	r = metrics_text(f, store, &text, e);
	if (!r)
		r = fs_open_parent(path, &dir, &name, e);
	return r ? r : fs_replace(dir, name, text.data, text.len, 0644, e);
}
