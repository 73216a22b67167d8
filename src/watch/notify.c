/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c: see notify.h. */
#include "watch/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/esc.h"

/* The length of the address, or 0: there is none to be used. "@" begins one that is in no file system. */
static socklen_t address_of(const char *name, struct sockaddr_un *out)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(out->sun_path) || (name[0] != '/' && name[0] != '@'))
		return 0;
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(out->sun_path, name, len);
	if (name[0] == '@')
		out->sun_path[0] = '\0';
	return (
	    socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
}

static void notify(const char *text)
{
	/* A manager that does not read must not hold up the watcher for good. */
	static const struct timeval limit = {.tv_sec = 1};
	struct sockaddr_un address;
	socklen_t len = address_of(getenv("NOTIFY_SOCKET"), &address);
	CLEANUP_FD int fd = len ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	(void)!sendto(
	    fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, len);
}

void notify_ready(void)
{
	notify("READY=1");
}

void notify_status(const char *fmt, ...)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *escaped = NULL;
	CLEANUP_FREE char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	escaped = esc_str(text);
	line = xasprintf("STATUS=%s", escaped);
	notify(line);
}

/* The manager compares the clock with that of its own request. */
void notify_reloading(void)
{
	struct timespec now;
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	notify(text);
}

void notify_stopping(void)
{
	notify("STOPPING=1");
}

void notify_watchdog(void)
{
	notify("WATCHDOG=1");
}

static bool number_of(const char *variable, uint64_t *out)
{
	const char *value = getenv(variable);

	return value && decimal_parse(value, strlen(value), out);
}

int64_t notify_watchdog_ms(void)
{
	uint64_t us, pid;

	if (!number_of("WATCHDOG_USEC", &us) || us == 0 || us > INT64_MAX)
		return 0;
	/* Meant for another process, whose variables these are. */
	if (getenv("WATCHDOG_PID") &&
	    (!number_of("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
		return 0;
	return us < 2000 ? 1 : (int64_t)(us / 2000);
}
