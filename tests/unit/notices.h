/* SPDX-License-Identifier: Apache-2.0 */
/* notices.h: notices for the tests of the outlets, with what an attacker would put into them. */
#ifndef TESTS_UNIT_NOTICES_H
#define TESTS_UNIT_NOTICES_H

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/outlet_impl.h"

#define UNUSED __attribute__((unused))
#define LAYER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HOSTILE "/etc/\n\033[2J\"\\\xff\xe2\x80\xae\nPRIORITY=7"

static char layer_id[] = LAYER, hostile_path[] = HOSTILE, expected[] = "sha256:aa",
	    found[] = "sha256:bb\r\n=";

UNUSED static struct finding finding_of(enum finding_class class)
{
	return (struct finding){.class = class,
	    .layer = layer_id,
	    .path = hostile_path,
	    .expected = expected,
	    .found = found};
}

UNUSED static struct notice alarm_of(const struct finding *f)
{
	static const struct writer w = {.pid = 4711,
	    .looked_at = true,
	    .uid = 1000,
	    .program = "/usr/bin/\x1bsh",
	    .in_container = true};

	return (struct notice){.kind = NOTICE_ALARM,
	    .time_ms = 1767225600123,
	    .store = "/var/lib/containers/storage",
	    .finding = f,
	    .writer = &w,
	    .latency_ms = 1.5};
}

UNUSED static struct notice notice_of(enum notice_kind kind, const char *text)
{
	return (struct notice){
	    .kind = kind, .time_ms = 1767225600123, .store = "/s", .text = text};
}

/* What HOSTILE has in it, and every control character, is escaped. */
UNUSED static void assert_harmless(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c >= 0x7f)
			fail_msg("byte %02x in: %s", c, text);
	}
}

UNUSED static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (!j)
		fail_msg("%s: %s", error.text, text);
	return j;
}

UNUSED static const char *member(const json_t *j, const char *name)
{
	const char *value = json_string_value(json_object_get(j, name));

	if (!value)
		fail_msg("no text %s", name);
	return value;
}

#endif
