/* SPDX-License-Identifier: Apache-2.0 */
/* scrub.c: see scrub.h. */
#include "tree/scrub.h"

#include <string.h>

#include "base/be.h"
#include "base/hex.h"

struct xxh128 scrub_content(const struct xxh_key *key, const void *data, size_t len)
{
	return xxh128_keyed(key, data, len);
}

void scrub_part(const struct xxh_key *key, const void *data, size_t len,
    uint8_t out[static XXH128_BYTES])
{
	struct xxh128 sum = scrub_content(key, data, len);

	xxh128_bytes(&sum, out);
}

struct xxh128 scrub_join(
    const struct xxh_key *key, uint8_t (*parts)[XXH128_BYTES], size_t n)
{
	return xxh128_keyed(key, parts, n * XXH128_BYTES);
}

void scrub_as_digest(const struct xxh128 *content, struct digest *out)
{
	*out = (struct digest){0};
	xxh128_bytes(content, out->bytes);
}

void scrub_add(
    struct walk_sum *sum, const struct xxh_key *key, const char *line, size_t len)
{
	struct xxh128 h = xxh128_keyed(key, line, len);

	sum->v += (unsigned __int128)h.hi << 64 | h.lo;
}

int scrub_add_sealed(struct walk_sum *sum, const struct xxh_key *key,
    const struct buf *line, const struct xxh128 *content, struct buf *copy, struct err *e)
{
	struct digest d;
	char hex[DIGEST_HEX_LEN + 1];
	int r;

	buf_clear(copy);
	r = buf_add(copy, line->data, line->len, e);
	if (r)
		return r;
	scrub_as_digest(content, &d);
	digest_hex(&d, hex);
	memcpy(manifest_line_digest(copy->data), hex, DIGEST_HEX_LEN);
	scrub_add(sum, key, copy->data, copy->len);
	return 0;
}

struct scrub scrub_final(const struct walk_sum *sum)
{
	struct scrub out = {0};

	be_store64(out.bytes, (uint64_t)(sum->v >> 64));
	be_store64(out.bytes + 8, (uint64_t)sum->v);
	return out;
}
