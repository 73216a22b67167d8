/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics.c: the numbers, read by the rules of Prometheus' text format and of its linter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notices.h"

static struct watch_figures figures(void)
{
	return (struct watch_figures){.source = "fanotify",
	    .verdict = VERDICT_VIOLATED,
	    .known = true,
	    .events = UINT64_MAX,
	    .alarms = 2,
	    .gaps = {[GAP_LIMIT] = 7},
	    .ledger_size = 12,
	    .findings = 1,
	    .started = 1767225600,
	    .pass_seconds = 1.25,
	    .lag_ms = 3.5};
}

static char *text_of(const struct watch_figures *f, const char *store)
{
	struct buf out;
	struct err e;

	buf_init(&out, 65536);
	assert_int_equal(metrics_text(f, store, &out, &e), 0);
	return buf_take(&out);
}

static void assert_has(const char *text, const char *line)
{
	CLEANUP_FREE char *whole = xasprintf("\n%s\n", line);

	if (!strstr(text, whole))
		fail_msg("no %s in:\n%s", line, text);
}

static void test_numbers(void **state)
{
	struct watch_figures f = figures();
	CLEANUP_FREE char *text = text_of(&f, "/s");

	(void)state;
	assert_has(
	    text, "layerseal_watch_events_total{store=\"/s\"} 18446744073709551615");
	assert_has(text, "layerseal_watch_gaps_total{store=\"/s\",gap=\"limit\"} 7");
	assert_has(text, "layerseal_watch_gaps_total{store=\"/s\",gap=\"overflow\"} 0");
	assert_has(text, "layerseal_watch_verdict{store=\"/s\",verdict=\"clean\"} 0");
	assert_has(text, "layerseal_watch_verdict{store=\"/s\",verdict=\"violated\"} 1");
	assert_has(text, "layerseal_watch_info{store=\"/s\",source=\"fanotify\"} 1");
	assert_has(text, "layerseal_watch_pass_duration_seconds{store=\"/s\"} 1.250000");
	assert_has(text, "layerseal_watch_lag_seconds{store=\"/s\"} 0.003500");
	assert_has(text, "layerseal_watch_ledger_entries{store=\"/s\"} 12");
}

/* A value in quotes: where it ends. Only the three escapes that the format has. */
static const char *past_value(const char *p)
{
	assert_int_equal(*p, '"');
	for (p++; *p != '"'; p++) {
		assert_true(*p && *p != '\n');
		if (*p == '\\') {
			p++;
			assert_true(*p == '\\' || *p == '"' || *p == 'n');
		}
	}
	return p + 1;
}

static size_t name_len(const char *p)
{
	return strspn(p, "abcdefghijklmnopqrstuvwxyz_");
}

static void check_sample(const char *line, const char *name, const char *type)
{
	const char *p = line + strlen(name);
	char *end;

	assert_int_equal(strncmp(line, name, strlen(name)), 0);
	assert_int_equal(*p, '{');
	do {
		size_t len = name_len(++p);

		assert_true(len > 0 && p[len] == '=');
		p = past_value(p + len + 1);
	} while (*p == ',');
	assert_int_equal(strncmp(p, "} ", 2), 0);
	assert_true(p[2] >= '0' && p[2] <= '9');
	strtod(p + 2, &end);
	assert_int_equal(*end, '\n');
	/* promtool check metrics: counters, and they only, end in _total. */
	assert_int_equal(
	    strcmp(type, "counter") == 0, strcmp(name + strlen(name) - 6, "_total") == 0);
}

/* Each name once, first HELP, then TYPE, then its samples, no two of them with the same labels. */
static void check_format(const char *text)
{
	char names[64][64], name[64], type[16];
	size_t n = 0, len;

	while (*text) {
		assert_int_equal(strncmp(text, "# HELP ", 7), 0);
		len = name_len(text + 7);
		assert_true(len > 0 && len < sizeof(name) && n < 64);
		memcpy(name, text + 7, len);
		name[len] = '\0';
		assert_int_equal(strncmp(name, "layerseal_watch_", 16), 0);
		assert_int_equal(text[7 + len], ' ');
		text = strchr(text, '\n') + 1;
		assert_int_equal(strncmp(text, "# TYPE ", 7), 0);
		assert_int_equal(strncmp(text + 7, name, len), 0);
		assert_int_equal(sscanf(text + 7 + len, " %15[a-z]\n", type), 1);
		assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(names[i], name);
		memcpy(names[n++], name, sizeof(name));
		text = strchr(text, '\n') + 1;
		assert_int_not_equal(*text, '#');
		while (*text && *text != '#') {
			check_sample(text, name, type);
			text = strchr(text, '\n') + 1;
		}
	}
	assert_true(n > 15);
}

static void test_format(void **state)
{
	static const char *const stores[] = {"/var/lib/containers/storage", "", "\\",
	    "\"", "a\nb\\n\"}", "\xff\xc3\xa9", HOSTILE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
		struct watch_figures f = figures();
		CLEANUP_FREE char *text = text_of(&f, stores[i]);

		check_format(text);
	}
}

static void test_file(void **state)
{
	char directory[] = "/tmp/layerseal-metrics.XXXXXX";
	struct watch_figures f = figures();
	CLEANUP_FREE char *path = NULL;
	struct stat st;
	struct err e;
	mode_t before = umask(077);

	(void)state;
	assert_non_null(mkdtemp(directory));
	path = xasprintf("%s/layerseal.prom", directory);
	assert_int_equal(metrics_write(path, &f, "/s", &e), 0);
	assert_int_equal(metrics_write(path, &f, "/s", &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(st.st_size > 1000);
	umask(before);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
	assert_int_not_equal(metrics_write(path, &f, "/s", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
