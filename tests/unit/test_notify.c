/* SPDX-License-Identifier: Apache-2.0 */
/* test_notify.c: what arrives at the socket of a service manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "watch/notify.h"

static char path[64];

static int listening(bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len;

	snprintf(path, sizeof(path),
	    abstract ? "@layerseal-test-notify-%d" : "/tmp/layerseal-notify-%d",
	    (int)getpid());
	len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + !abstract;
	memcpy(address.sun_path, path, strlen(path));
	if (abstract)
		address.sun_path[0] = '\0';
	else
		unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)len), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

static const char *received(int fd)
{
	static char text[65536];
	ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return "";
	text[len] = '\0';
	return text;
}

static void told(int fd)
{
	struct timespec now;
	uint64_t us;

	notify_ready();
	assert_string_equal(received(fd), "READY=1");
	notify_status("%d layers of %s", 3, "/a\nREADY=1\033");
	assert_string_equal(received(fd), "STATUS=3 layers of /a\\x0aREADY=1\\x1b");
	notify_stopping();
	assert_string_equal(received(fd), "STOPPING=1");
	notify_watchdog();
	assert_string_equal(received(fd), "WATCHDOG=1");
	notify_reloading();
	assert_int_equal(
	    sscanf(received(fd), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &us), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(us <= (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	assert_true(us + 10000000 > (uint64_t)now.tv_sec * 1000000);
	assert_string_equal(received(fd), "");
}

static void test_path(void **state)
{
	int fd = listening(false);

	(void)state;
	told(fd);
	close(fd);
	unlink(path);
	notify_ready(); /* nobody there */
}

static void test_abstract(void **state)
{
	int fd = listening(true);

	(void)state;
	told(fd);
	close(fd);
	notify_ready();
}

static void test_no_manager(void **state)
{
	static const char *const names[] = {"", "@", "/", "relative", "vsock:2:1234"};
	char too_long[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_status("%s", "x");
	}
	memset(too_long, '/', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	setenv("NOTIFY_SOCKET", too_long, 1);
	notify_ready();
}

static void test_watchdog_interval(void **state)
{
	char me[32];

	(void)state;
	snprintf(me, sizeof(me), "%d", (int)getpid());
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", me, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_PID", "x", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "100", 1);
	assert_int_equal(notify_watchdog_ms(), 1);
	setenv("WATCHDOG_USEC", "0", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "-5", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "18446744073709551615", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_abstract),
	    cmocka_unit_test(test_no_manager),
	    cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
