/* SPDX-License-Identifier: Apache-2.0 */
/* copies.c: see copies.h. */
#include "cli/copies.h"

#include <stdio.h>
#include <string.h>

#include "cli/report.h"

int copies_parse_wait(const char *text, unsigned *out, struct err *e)
{
	size_t len = strlen(text);

	if (len == 0 || len > 6 || strspn(text, "0123456789") != len)
		return err_set(
		    e, ERR_USAGE, "--wait: '%s' is no number of seconds", text);
	*out = (unsigned)strtoul(text, NULL, 10);
	return 0;
}

void copies_print_count(const char *what, size_t n, uint64_t bytes)
{
	char size[REPORT_SIZE_MAX];

	report_size((double)bytes, size);
	printf("  %-10s %zu manifest%s, %s\n", what, n, REPORT_S(n), size);
}

void copies_print_damaged(const struct copy_report *r)
{
	for (size_t i = 0; i < r->damaged.n; i++) {
		char text[DIGEST_TEXT_LEN + 1];

		digest_text(&r->damaged.v[i].digest, text);
		printf("  left out   damaged manifest %s\n", text);
	}
}

void copies_damaged_json(struct jsonout *j, const struct copy_report *r)
{
	jsonout_begin(j, "manifests_damaged", '[');
	for (size_t i = 0; i < r->damaged.n; i++) {
		char text[DIGEST_TEXT_LEN + 1];

		digest_text(&r->damaged.v[i].digest, text);
		jsonout_str(j, NULL, text);
	}
	jsonout_end(j, ']');
}
