/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_agent.c: whatever an agent answers, only vetted keys come out, and comments end. */
#include <stdlib.h>
#include <string.h>

#include "crypto/agent.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct agent_identities list;
	uint8_t sig[SIGNATURE_BYTES];
	struct err e;

	if (crypto_init(&e))
		abort();
	if (agent_parse_identities(data, len, &list, &e) == 0) {
		for (size_t i = 0; i < list.n; i++) {
			if (key_vet(list.v[i].point, &e) ||
			    !memchr(list.v[i].comment, '\0', sizeof(list.v[i].comment)))
				abort();
		}
		agent_identities_release(&list);
	}
	/* The signature is in the answer, so an answer that has one is long enough. */
	if (agent_parse_signature(data, len, sig, &e) == 0 && len < SIGNATURE_BYTES)
		abort();
	return 0;
}
