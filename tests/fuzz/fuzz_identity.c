/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_identity.c: a tar through libarchive, tarhead and the expected tree. The first byte chooses
 * driver and user namespace, the rest is a tar that is cut as tar-split would (its header sums
 * corrected, or nothing would ever get past them). The tree holds no files, so that bodies are
 * zeros. Each name of the table must be found under its own path.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "fuzz.h"
#include "store/identity_internal.h"

#define BLOCK 512U
#define BODY_MAX 4096U

struct memory {
	const char *data;
	size_t len;
};

static int read_memory(void *ctx, void *data, size_t cap, size_t *got, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	*got = m->len < cap ? m->len : cap;
	memcpy(data, m->data, *got);
	m->data += *got;
	m->len -= *got;
	return 0;
}

struct lines {
	struct buf text;
	unsigned position;
};

static void must(int r)
{
	if (r)
		abort();
}

static void segment(struct lines *l, const void *data, size_t len)
{
	struct err e;

	must(buf_adds(&l->text, "{\"type\":2,\"payload\":\"", &e));
	must(base64_encode(&l->text, data, len, &e));
	must(buf_addf(&l->text, &e, "\",\"position\":%u}\n", l->position++));
}

static void file(struct lines *l, const char *name, size_t size)
{
	struct err e;

	must(buf_adds(&l->text, "{\"type\":1,\"name_raw\":\"", &e));
	must(base64_encode(&l->text, name, strlen(name), &e));
	if (size)
		must(buf_addf(
		    &l->text, &e, "\",\"size\":%zu,\"payload\":\"AAAAAAAAAAA=\"", size));
	else
		must(buf_adds(&l->text, "\",\"payload\":null", &e));
	must(buf_addf(&l->text, &e, ",\"position\":%u}\n", l->position++));
}

static void correct_sum(uint8_t *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	for (int i = 5; i >= 0; i--, sum >>= 3)
		block[148 + i] = (uint8_t)('0' + (sum & 7));
	block[154] = 0;
}

static size_t size_of(const uint8_t *block)
{
	size_t n = 0;

	for (int i = 124; i < 136 && block[i] >= '0' && block[i] <= '7'; i++)
		n = n << 3 | (size_t)(block[i] - '0');
	return n;
}

/* Cuts as tar-split's reader would; the names are read by the module under test. */
static void cut(struct lines *l, uint8_t *tar, size_t len)
{
	struct tarhead *head = tarhead_new();
	struct tar_header h;
	size_t start = 0, at = 0;
	struct err e;

	while (len - at >= BLOCK) {
		uint8_t *block = tar + at;

		if (block[0])
			correct_sum(block);
		at += BLOCK;
		if (strchr("xgLK", block[156]) && block[156] &&
		    size_of(block) <= len - at) {
			at += (size_of(block) + BLOCK - 1) / BLOCK * BLOCK;
			at = at > len ? len : at;
			continue;
		}
		segment(l, tar + start, at - start);
		if (block[0] &&
		    tarhead_read(head, tar + start, at - start, &h, &e) == 0 &&
		    h.name[0]) {
			static const uint8_t pad[BLOCK];

			file(l, h.name, h.size <= BODY_MAX ? h.size : 0);
			if (h.size && h.size <= BODY_MAX && h.size % BLOCK)
				segment(l, pad, BLOCK - h.size % BLOCK);
		}
		start = at;
	}
	if (len > start)
		segment(l, tar + start, len - start);
	tarhead_free(head);
}

static void check_table(const struct expect *x)
{
	char path[EXPECT_PATH_MAX];

	for (uint32_t i = 0; i < x->n_nodes; i++) {
		if (x->nodes[i].origin == EXPECT_GONE)
			continue;
		expect_path(x, i, path);
		if (expect_find(x, path) != i || x->nodes[i].inode >= x->n_inodes)
			abort();
	}
}

static void compare(struct identity *id)
{
	static const char *const paths[] = {"/", "/a", "/d", "/d/f", "/etc"};
	static const uint32_t modes[] = {S_IFDIR | 0555, S_IFREG | 0644, S_IFDIR | 0755,
	    S_IFREG | 0644, S_IFLNK | 0777};
	struct findings found = {0};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct manifest_entry m = {
		    .path = paths[i],
		    .mode = modes[i],
		    .nlink = 1,
		    .payload = S_ISLNK(modes[i]) ? "x" : NULL,
		};

		must(identity_line(id, "", 0, &m, &e));
	}
	must(identity_finish(id, "", &found, &e));
	findings_release(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int tree_fd = -1;
	struct store_config config = {
	    .driver = len && data[0] & 1 ? STORE_VFS : STORE_OVERLAY};
	struct store store = {.config = &config, .user_xattrs = len && data[0] & 2};
	struct findings findings = {0};
	struct lines l = {.position = 0};
	struct identity_result result;
	struct identity_input in = {.layer_id = "", .findings = &findings};
	struct identity *id;
	struct memory m;
	uint8_t *tar;
	bool bodies;
	struct err e;

	if (len < 1)
		return 0;
	must(crypto_init(&e));
	if (tree_fd < 0)
		tree_fd = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY);
	tar = malloc(len);
	memcpy(tar, data + 1, len - 1);
	buf_init(&l.text, 64 << 20);
	cut(&l, tar, len - 1);
	m = (struct memory){l.text.data, l.text.len};
	in.lines = tarsplit_new(read_memory, &m, false);
	in.tree_fd = tree_fd;
	id = identity_new(&store);
	expect_next_layer(id->expect);
	if (identity_read(id, &in, &result, &id->usable, &bodies, &e) == 0) {
		check_table(id->expect);
		compare(id);
	}
	identity_free(id);
	tarsplit_free(in.lines);
	findings_release(&findings);
	buf_release(&l.text);
	free(tar);
	return 0;
}
