/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config.c: no text makes the configuration parser misbehave or weaken what must be denied. */
#include <stdlib.h>

#include "fuzz.h"
#include "guard/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config c;
	struct err e;

	config_default(&c);
	if (config_parse((const char *)data, len, &c, &e) == 0 &&
	    (c.policy.severity[FINDING_TREE_UNREADABLE] != SEVERITY_DENY ||
		c.policy.severity[FINDING_TREE_UNSTABLE] != SEVERITY_DENY))
		abort();
	if (c.key.name && c.key.place != SIGNER_CREDENTIAL && c.key.name[0] != '/')
		abort();
	config_release(&c);
	return 0;
}
