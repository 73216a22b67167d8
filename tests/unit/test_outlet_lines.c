/* SPDX-License-Identifier: Apache-2.0 */
/* test_outlet_lines.c: lines for readers that read, that do not, and that are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "notices.h"

struct pair {
	int read, write;
};

static struct pair pair(void)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	return (struct pair){fd[0], fd[1]};
}

/* All that can be read now, NUL-terminated. */
static char *taken(int fd, size_t *len)
{
	char *text = xmalloc(4 << 20);
	ssize_t n;

	*len = 0;
	while ((n = read(fd, text + *len, 65536)) > 0)
		*len += (size_t)n;
	text[*len] = '\0';
	return text;
}

static void test_text(void **state)
{
	struct finding f = finding_of(FINDING_TREE_MODE);
	struct notice n = alarm_of(&f);
	struct pair p = pair();
	struct lines *l = lines_new(LINES_TEXT, p.write);
	CLEANUP_FREE char *text = NULL;
	size_t len;

	(void)state;
	assert_true(lines_tell(l, &n));
	text = taken(p.read, &len);
	assert_true(len > 1 && text[len - 1] == '\n');
	assert_harmless(text, len - 1);
	assert_int_equal(
	    strncmp(text, "2026-01-01T00:00:00.123Z  alarm: tree-mode ", 43), 0);
	lines_free(l);
	close(p.read);
	close(p.write);
}

static void test_json(void **state)
{
	struct finding f = finding_of(FINDING_TREE_MODE);
	struct notice n = alarm_of(&f);
	struct pair p = pair();
	struct lines *l = lines_new(LINES_JSON, p.write);
	CLEANUP_FREE char *text = NULL;
	size_t len;
	char *second;

	(void)state;
	assert_true(lines_tell(l, &n));
	n = notice_of(NOTICE_PASS, "all");
	assert_true(lines_tell(l, &n));
	text = taken(p.read, &len);
	second = strchr(text, '\n');
	assert_non_null(second);
	*second++ = '\0';
	json_decref(parsed(text));
	assert_int_equal(second[strlen(second) - 1], '\n');
	second[strlen(second) - 1] = '\0';
	json_decref(parsed(second));
	lines_free(l);
	close(p.read);
	close(p.write);
}

/* Nothing waits; lines are whole; what does not fit is reported; a reader that reads again gets the rest. */
static void test_slow_reader(void **state)
{
	struct notice n = notice_of(NOTICE_PASS, "0123456789 0123456789 0123456789");
	struct pair p = pair();
	struct lines *l = lines_new(LINES_JSON, p.write);
	size_t told = 0, lines = 0, len;

	(void)state;
	while (lines_tell(l, &n))
		told++;
	assert_true(told > LINES_PENDING_MAX / 200);
	for (;;) {
		CLEANUP_FREE char *text = taken(p.read, &len);

		if (len == 0)
			break;
		for (size_t i = 0; i < len; i++)
			lines += text[i] == '\n';
		lines_flush(l);
	}
	assert_int_equal(lines, told);
	assert_true(lines_tell(l, &n));
	lines_free(l);
	close(p.read);
	close(p.write);
}

static void test_reader_is_gone(void **state)
{
	struct notice n = notice_of(NOTICE_PASS, "all");
	struct pair p = pair();
	struct lines *l = lines_new(LINES_TEXT, p.write);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	close(p.read);
	for (int i = 0; i < 100000; i++)
		assert_true(lines_tell(l, &n));
	lines_free(l);
	close(p.write);
}

static void test_none(void **state)
{
	struct notice n = notice_of(NOTICE_PASS, "all");
	struct lines *l = lines_new(LINES_NONE, -1);

	(void)state;
	assert_null(l);
	assert_true(lines_tell(l, &n));
	lines_flush(l);
	lines_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_slow_reader),
	    cmocka_unit_test(test_reader_is_gone),
	    cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
