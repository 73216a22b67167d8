/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: see report.h. */
#include "cli/report.h"

#include <time.h>
#include <unistd.h>

#include "base/esc.h"
#include "guard/finding_json.h"
#include "guard/policy.h"

#define ID_SHORT 12

const char *report_colour(FILE *to, enum colour c)
{
	return colour_text(isatty(fileno(to)), c);
}

static void print_field(FILE *to, const char *label, const char *value)
{
	CLEANUP_FREE char *text = esc_str(value);

	if (value)
		fprintf(to, "    %-9s %s\n", label, text);
}

static void print_subject(FILE *to, const struct finding *f)
{
	CLEANUP_FREE char *layer = esc_str(f->layer);
	CLEANUP_FREE char *image = esc_str(f->image);
	CLEANUP_FREE char *users = esc_str(f->used_by);

	if (f->layer)
		fprintf(to, "  layer %.*s", ID_SHORT, layer);
	if (f->image)
		fprintf(to, "  image %.*s", ID_SHORT, image);
	if (f->used_by)
		fprintf(to, "  (used by %s)", users);
}

static void print_finding(FILE *to, const struct finding *f)
{
	bool deny = f->severity == SEVERITY_DENY;

	fprintf(to, "%s%-4s %s%s", report_colour(to, deny ? COLOUR_RED : COLOUR_YELLOW),
	    severity_name(f->severity), finding_class_name(f->class),
	    report_colour(to, COLOUR_NONE));
	print_subject(to, f);
	fprintf(to, "\n    %s\n", finding_class_meaning(f->class));
	print_field(to, "path:", f->path);
	print_field(to, "expected:", f->expected);
	print_field(to, "found:", f->found);
}

void report_findings(FILE *to, const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		print_finding(to, &list->v[i]);
	if (list->dropped)
		fprintf(to, "... and %zu more findings\n", list->dropped);
}

static bool has_class(
    const struct findings *list, enum finding_class from, enum finding_class to)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].class >= from && list->v[i].class <= to)
			return true;
	}
	return false;
}

void report_remedies(FILE *to, const struct findings *list)
{
	bool unsealed = has_class(list, FINDING_LAYER_UNSEALED, FINDING_LAYER_UNSEALED) ||
			has_class(list, FINDING_IMAGE_UNSEALED, FINDING_IMAGE_UNSEALED) ||
			has_class(list, FINDING_NAME_UNSEALED, FINDING_NAME_UNSEALED);

	if (list->n == 0)
		return;
	if (has_class(list, FINDING_CACHE_MOUNT_CHANGED, FINDING_CACHE_MOUNT_ENTRY))
		fprintf(to,
		    "Cache mounts are emptied with: layerseal purge --cache-mounts\n");
	if (unsealed)
		fprintf(to,
		    "What a trusted build made is sealed with: layerseal seal --all\n"
		    "What nobody can account for is removed with: layerseal purge "
		    "--unsealed\n");
	fprintf(to, "Meaning and remedy of each class: layerseal-findings(7)\n");
}

void report_findings_json(struct jsonout *j, const struct findings *list)
{
	findings_json(j, list);
	jsonout_u64(j, "findings_dropped", list->dropped);
}

int report_json(const struct jsonout *j, struct err *e)
{
	if (fputs(j->text.data, stdout) == EOF || putchar('\n') == EOF || fflush(stdout))
		return err_sys(e, "standard output");
	return 0;
}

void report_size(double bytes, char out[static REPORT_SIZE_MAX])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	size_t unit = 0;

	for (; bytes >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
		bytes /= 1000;
	snprintf(out, REPORT_SIZE_MAX, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void report_time(int64_t seconds, char out[static REPORT_TIME_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    !strftime(out, REPORT_TIME_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, REPORT_TIME_MAX, "%lld", (long long)seconds);
}
