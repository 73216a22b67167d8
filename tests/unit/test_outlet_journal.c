/* SPDX-License-Identifier: Apache-2.0 */
/* test_outlet_journal.c: what arrives at a socket like the journal's, and what happens without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "notices.h"

static char directory[64];
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/layerseal-journal.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(address.sun_path);
	return rmdir(directory);
}

static int listening(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static char *received(int fd)
{
	static char data[1 << 20];
	ssize_t len = recv(fd, data, sizeof(data) - 1, 0);

	if (len < 0)
		return NULL;
	assert_int_equal(strnlen(data, (size_t)len), len);
	data[len] = '\0';
	return data;
}

/* Every line is NAME=value, names are those that the journal takes, and each is there once. */
static void assert_is_message(const char *data)
{
	size_t seen = 0;
	char names[64][40];

	while (*data) {
		const char *equals = strchr(data, '='), *lf = strchr(data, '\n');
		size_t len;

		assert_non_null(lf);
		if (!equals || equals > lf)
			fail_msg("no field: %s", data);
		len = (size_t)(equals - data);
		assert_true(len > 0 && len < sizeof(names[0]) && seen < 64);
		assert_int_equal(
		    strspn(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), len);
		assert_true(data[0] != '_');
		memcpy(names[seen], data, len);
		names[seen][len] = '\0';
		for (size_t i = 0; i < seen; i++)
			assert_string_not_equal(names[i], names[seen]);
		seen++;
		assert_harmless(equals, (size_t)(lf - equals));
		data = lf + 1;
	}
}

static void assert_has(const char *data, const char *line)
{
	if (!strstr(data, line))
		fail_msg("no %s in:\n%s", line, data);
}

static void test_fields(void **state)
{
	struct finding f = finding_of(FINDING_TREE_CONTENT);
	struct notice n = alarm_of(&f);
	struct journal *j = journal_new(address.sun_path);
	int fd = listening();
	char *data;

	(void)state;
	assert_true(journal_tell(j, &n));
	data = received(fd);
	assert_non_null(data);
	assert_is_message(data);
	assert_int_equal(strncmp(data, "MESSAGE=alarm: tree-content layer 0123", 38), 0);
	assert_has(data, "\nPRIORITY=2\n");
	assert_has(data, "\nSYSLOG_IDENTIFIER=layerseal\n");
	assert_has(data, "\nLAYERSEAL_KIND=alarm\n");
	assert_has(data, "\nLAYERSEAL_CLASS=tree-content\n");
	assert_has(data, "\nLAYERSEAL_LAYER=" LAYER "\n");
	assert_has(data, "\nLAYERSEAL_PATH=/etc/\\x0a\\x1b[2J");
	assert_has(data, "\nLAYERSEAL_PID=4711\nLAYERSEAL_UID=1000\n");
	assert_has(data, "\nLAYERSEAL_STORE=/var/lib/containers/storage\n");
	assert_has(data, notice_message_id(NOTICE_ALARM));
	assert_null(received(fd));
	journal_free(j);
	close(fd);
}

static void test_every_kind(void **state)
{
	struct journal *j = journal_new(address.sun_path);
	int fd = listening();

	(void)state;
	for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++) {
		struct notice n = notice_of(k, HOSTILE);
		char *data;

		n.count = 3;
		if (k == NOTICE_TOUCHED) {
			n.layer = LAYER;
			n.path = HOSTILE;
		}
		assert_true(journal_tell(j, &n));
		data = received(fd);
		assert_non_null(data);
		assert_is_message(data);
		assert_has(data, notice_message_id(k));
	}
	journal_free(j);
	close(fd);
}

/* The explanation of an alarm has no holes. */
static void test_unknown(void **state)
{
	struct finding f = {.class = FINDING_RECORD_MISSING};
	struct writer gone = {.pid = 7, .uid = 5, .program = "x"};
	struct notice n = {.kind = NOTICE_ALARM, .finding = &f};
	struct journal *j = journal_new(address.sun_path);
	int fd = listening();
	char *data;

	(void)state;
	assert_true(journal_tell(j, &n));
	data = received(fd);
	assert_is_message(data);
	assert_has(data, "\nLAYERSEAL_LAYER=-\nLAYERSEAL_IMAGE=-\nLAYERSEAL_PATH=-\n");
	assert_has(data, "\nLAYERSEAL_PID=-\nLAYERSEAL_UID=-\nLAYERSEAL_PROGRAM=-\n");
	n.writer = &gone;
	assert_true(journal_tell(j, &n));
	data = received(fd);
	assert_has(data, "\nLAYERSEAL_PID=7\nLAYERSEAL_UID=-\nLAYERSEAL_PROGRAM=-\n");
	journal_free(j);
	close(fd);
}

/* The largest that there can be fits into a datagram. */
static void test_longest(void **state)
{
	char *path = xmalloc(100001);
	struct finding f = {.class = FINDING_CACHE_MOUNT_UNSEALED,
	    .layer = path,
	    .image = path,
	    .path = path,
	    .expected = path,
	    .found = path};
	struct notice n = alarm_of(&f);
	struct journal *j = journal_new(address.sun_path);
	int fd = listening();
	char *data;

	(void)state;
	memset(path, '\n', 100000);
	path[100000] = '\0';
	n.store = n.text = path;
	assert_true(journal_tell(j, &n));
	data = received(fd);
	assert_non_null(data);
	assert_is_message(data);
	journal_free(j);
	close(fd);
	free(path);
}

/* No journal: nothing to tell. One that comes later is told. */
static void test_absent(void **state)
{
	struct notice n = notice_of(NOTICE_READY, "all");
	struct journal *j = journal_new(address.sun_path);
	int fd;

	(void)state;
	unlink(address.sun_path);
	assert_true(journal_tell(j, &n));
	fd = listening();
	assert_true(journal_tell(j, &n));
	assert_non_null(received(fd));
	close(fd);
	assert_true(journal_tell(j, &n)); /* nobody at the socket any more */
	journal_free(j);
	assert_true(journal_tell(NULL, &n));
	journal_free(NULL);
}

static void test_full(void **state)
{
	struct notice n = notice_of(NOTICE_READY, "all");
	struct journal *j = journal_new(address.sun_path);
	int fd = listening();
	size_t told = 0;

	(void)state;
	while (told < 100000 && journal_tell(j, &n))
		told++;
	assert_true(told > 0 && told < 100000);
	while (received(fd))
		;
	assert_true(journal_tell(j, &n));
	journal_free(j);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_every_kind),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_longest),
	    cmocka_unit_test(test_absent),
	    cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
