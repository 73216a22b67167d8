/* SPDX-License-Identifier: Apache-2.0 */
/* test_records.c: every way to write a record file that two readers could take differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "store/records.h"

#define DATA "tests/data/records"

/* Parses one data file; its name says of which kind. */
struct parsed {
	struct records r;
	struct findings f;
};

static void parse_bytes(struct parsed *p, const char *name, const char *json, size_t len)
{
	struct err e = {0};
	int r;

	*p = (struct parsed){0};
	if (strstr(name, "-layers-"))
		r = records_parse_layers(json, len, name, &p->r, &p->f, &e);
	else if (strstr(name, "-images-"))
		r = records_parse_images(json, len, name, &p->r, &p->f, &e);
	else
		r = records_parse_containers(json, len, name, &p->r, &p->f, &e);
	assert_int_equal(r, 0);
}

static void read_data(struct buf *out, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", DATA, name);
	FILE *f = fopen(path, "rb");
	struct err e;
	size_t n;

	if (!f)
		fail_msg("no %s", path);
	buf_init(out, 1 << 22);
	do {
		assert_int_equal(buf_reserve(out, 65536, &e), 0);
		n = fread(out->data + out->len, 1, 65536, f);
		out->len += n;
	} while (n > 0);
	fclose(f);
}

static void parse_data(struct parsed *p, const char *name)
{
	CLEANUP_BUF struct buf b;
	char *exact;

	read_data(&b, name);
	/* A block of exactly that size: a sanitizer sees every read past it. */
	exact = xmalloc(b.len);
	memcpy(exact, b.data ? b.data : "", b.len);
	parse_bytes(p, name, exact, b.len);
	free(exact);
}

static void parsed_release(struct parsed *p)
{
	records_release(&p->r);
	findings_release(&p->f);
}
#define CLEANUP_PARSED CLEANUP(parsed_release)

static size_t objects(const struct parsed *p)
{
	return p->r.n_layers + p->r.n_images + p->r.n_containers;
}

static size_t count_data(const char *prefix)
{
	DIR *d = opendir(DATA);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static const struct {
	const char *name;
	size_t objects;
} good[] = {
    {"ok-layers-podman-4.3.json", 5},
    {"ok-images-podman-4.3.json", 5},
    {"ok-containers-podman-4.3.json", 1},
    {"ok-layers-podman-5.4.json", 8},
    {"ok-layers-volatile-podman-5.4.json", 1},
    {"ok-images-podman-5.4.json", 7},
    {"ok-containers-podman-5.4.json", 3},
    {"ok-containers-volatile-podman-5.4.json", 1},
    {"ok-layers-no-bytes.json", 0},
    {"ok-layers-none.json", 0},
    {"ok-layers-white-space.json", 1},
    {"ok-layers-one.json", 1},
    {"ok-layers-other-key-order.json", 1},
    {"ok-layers-escaped-key.json", 1},
    {"ok-layers-empty-members.json", 1},
    {"ok-layers-ordinary-life.json", 1},
    {"ok-layers-toc-and-diff.json", 1},
    {"ok-layers-id-mapped.json", 1},
    {"ok-layers-time-with-offset.json", 1},
    {"ok-images-mapped-layers.json", 2},
    {"ok-images-without-layer.json", 1},
    {"ok-images-html-escapes.json", 1},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP_PARSED struct parsed p;

		parse_data(&p, good[i].name);
		if (p.f.n)
			fail_msg("%s: %s", good[i].name, p.f.v[0].found);
		if (objects(&p) != good[i].objects)
			fail_msg("%s: %zu objects", good[i].name, objects(&p));
	}
	assert_int_equal(count_data("ok-"), ARRAY_LEN(good));
}

/* What stays of a bad file: nothing of a bad document, the other record beside a bad one. */
struct bad {
	enum finding_class class;
	size_t objects;
	const char *const *names;
	size_t n;
};

static const char *const ambiguous_documents[] = {
    "layers-duplicate-key",
    "layers-duplicate-key-escaped",
    "layers-duplicate-key-then-null",
    "layers-duplicate-key-in-flags",
    "layers-nul-in-string",
    "layers-nul-in-key",
    "layers-nul-after-number",
    "layers-nul-then-second-list",
    "layers-nul-at-end",
    "layers-not-utf-8",
    "layers-overlong-utf-8",
    "images-duplicate-key-in-sizes",
};

static const char *const ambiguous_records[] = {
    "layers-key-in-upper-case",
    "layers-key-twin-in-upper-case",
    "layers-key-twin-escaped",
    "layers-key-long-s",
    "layers-key-kelvin-sign",
    "layers-duplicate-id",
    "images-key-in-upper-case",
    "images-key-twin-in-upper-case",
    "images-duplicate-id",
    "containers-key-twin-in-upper-case",
    "containers-duplicate-id",
};

/* The name is what is in doubt, not the objects. */
static const char *const ambiguous_names[] = {
    "layers-duplicate-name",
    "images-duplicate-name",
    "layers-name-is-id",
    "images-name-is-id",
};

static const char *const malformed_documents[] = {
    "layers-null-document",
    "layers-object-document",
    "layers-null-element",
    "layers-number-element",
    "layers-list-element",
    "layers-trailing-bytes",
    "layers-trailing-second-list",
    "layers-truncated",
    "layers-no-end",
    "layers-lone-surrogate",
    "layers-control-character",
    "layers-comment",
    "layers-comment-inside",
    "layers-trailing-comma",
    "layers-no-comma",
    "layers-byte-order-mark",
    "layers-single-quotes",
    "layers-bad-escape",
    "layers-leading-zero",
    "layers-nan",
    "layers-size-over-int64",
    "layers-nested-100-deep",
    "layers-nested-3000-deep",
    "images-null-element",
};

static const char *const malformed_records[] = {
    "layers-null-member",
    "layers-size-1.0",
    "layers-size-1e3",
    "layers-size-text",
    "layers-size-below-minus-one",
    "layers-uid-over-uint32",
    "layers-uid-negative",
    "layers-compression-unknown",
    "layers-unknown-member",
    "layers-no-id",
    "layers-id-is-path",
    "layers-id-short",
    "layers-id-long",
    "layers-id-upper-case",
    "layers-id-empty",
    "layers-parent-is-path",
    "layers-digest-other-algorithm",
    "layers-digest-without-algorithm",
    "layers-digest-upper-case",
    "layers-toc-digest-path",
    "layers-created-no-time",
    "layers-created-number",
    "layers-flag-float",
    "layers-flag-beyond-float",
    "layers-flag-incomplete-text",
    "layers-flags-list",
    "layers-names-twice",
    "layers-names-null",
    "layers-id-map-unknown-member",
    "layers-id-map-upper-case",
    "layers-big-data-names-number",
    "images-layer-is-path",
    "images-mapped-layer-is-path",
    "images-size-without-name",
    "images-digest-without-name",
    "images-digest-malformed",
    "images-size-float",
    "images-big-data-name-twice",
    "images-unknown-member",
    "images-no-id",
    "containers-layer-is-path",
    "containers-layer-missing",
};

static const struct bad bad[] = {
    {FINDING_RECORD_AMBIGUOUS, 0, ambiguous_documents, ARRAY_LEN(ambiguous_documents)},
    {FINDING_RECORD_AMBIGUOUS, 1, ambiguous_records, ARRAY_LEN(ambiguous_records)},
    {FINDING_RECORD_AMBIGUOUS, 2, ambiguous_names, ARRAY_LEN(ambiguous_names)},
    {FINDING_RECORD_MALFORMED, 0, malformed_documents, ARRAY_LEN(malformed_documents)},
    {FINDING_RECORD_MALFORMED, 1, malformed_records, ARRAY_LEN(malformed_records)},
};

static void check_bad(const struct bad *b, const char *name)
{
	CLEANUP_FREE char *file = xasprintf("should-fail-%s.json", name);
	CLEANUP_PARSED struct parsed p;

	parse_data(&p, file);
	if (p.f.n != 1)
		fail_msg("%s: %zu findings", file, p.f.n);
	if (p.f.v[0].class != b->class)
		fail_msg("%s: %s (%s)", file, finding_class_name(p.f.v[0].class),
		    p.f.v[0].found);
	if (objects(&p) != b->objects)
		fail_msg("%s: %zu objects left", file, objects(&p));
	assert_non_null(p.f.v[0].found);
	/* What concerns two records is found after the files are forgotten. */
	if (p.f.v[0].path)
		assert_string_equal(p.f.v[0].path, file);
	else
		assert_true(strstr(file, "duplicate-") || strstr(file, "name-is-id"));
}

static void test_bad(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t k = 0; k < bad[i].n; k++)
			check_bad(&bad[i], bad[i].names[k]);
		n += bad[i].n;
	}
	assert_int_equal(count_data("should-fail-"), n);
}

/* No prefix of a record file reads as a shorter one. */
static void test_truncated_anywhere(void **state)
{
	CLEANUP_BUF struct buf b;

	(void)state;
	read_data(&b, "ok-layers-podman-4.3.json");
	for (size_t len = 1; len < b.len; len++) {
		CLEANUP_PARSED struct parsed p;

		parse_bytes(&p, "x-layers-x", b.data, len);
		assert_int_equal(p.r.n_layers, 0);
		assert_int_equal(p.f.n, 1);
		assert_int_equal(p.f.v[0].class, FINDING_RECORD_MALFORMED);
	}
}

static void test_giant_element(void **state)
{
	const size_t size = RECORDS_ELEMENT_MAX + 1000;
	CLEANUP_FREE char *json = xmalloc(size);
	CLEANUP_PARSED struct parsed p;

	(void)state;
	/* [{"flags":{"a":[[],[],[], ... : short text, much memory */
	memset(json, 0, size);
	memcpy(json, "[{\"flags\":{\"a\":[[]", 18);
	for (size_t i = 18; i + 3 < size; i += 3)
		memcpy(json + i, ",[]", 3);
	parse_bytes(&p, "x-layers-x", json, strlen(json));
	assert_int_equal(p.f.n, 1);
	assert_int_equal(p.f.v[0].class, FINDING_RECORD_MALFORMED);
	assert_int_equal(p.r.n_layers, 0);
}

/* Many faulty records: the list of findings is bounded, and none names an endless id. */
static void test_many_faults(void **state)
{
	CLEANUP_BUF struct buf b;
	CLEANUP_PARSED struct parsed p;
	struct err e;

	(void)state;
	buf_init(&b, 1 << 22);
	assert_int_equal(buf_adds(&b, "[{}", &e), 0);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(buf_adds(&b, ",{\"id\":\"./\"}", &e), 0);
	assert_int_equal(buf_adds(&b, "]", &e), 0);
	parse_bytes(&p, "x-layers-x", b.data, b.len);
	assert_int_equal(p.f.n + p.f.dropped, 20001);
	assert_int_equal(p.f.n, FINDINGS_MAX);
	assert_null(p.f.v[1].layer);
}

static struct digest layer_digest(const char *name)
{
	CLEANUP_PARSED struct parsed p;

	parse_data(&p, name);
	assert_int_equal(p.r.n_layers, 1);
	return p.r.layers[0].record;
}

static void test_digest_ignores_spelling(void **state)
{
	static const char *const same[] = {
	    "ok-layers-white-space.json",
	    "ok-layers-other-key-order.json",
	    "ok-layers-escaped-key.json",
	    "ok-layers-empty-members.json",
	    "ok-layers-ordinary-life.json",
	};
	struct digest one = layer_digest("ok-layers-one.json"), other;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		other = layer_digest(same[i]);
		if (!digest_equal(&one, &other))
			fail_msg("%s has another digest", same[i]);
	}
}

static struct digest digest_of(const char *kind, const char *json)
{
	CLEANUP_PARSED struct parsed p;

	parse_bytes(&p, kind, json, strlen(json));
	if (p.f.n || objects(&p) != 1)
		fail_msg("%s: %s", json, p.f.n ? p.f.v[0].found : "not one object");
	return p.r.n_layers ? p.r.layers[0].record : p.r.images[0].record;
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D64 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

/* The canonical text is a format of its own: sealed stores depend on these bytes. */
static void test_digest_text(void **state)
{
	static const char json[] =
	    "[{\"id\":\"" A64 "\",\"created\":\"2024-01-02T03:04:05Z\",\"uidset\":[0,7],"
	    "\"flags\":{\"z\":\" \",\"incomplete\":true,\"a\":[1,true]},"
	    "\"big-data-names\":[\"b x\",\"a\"],\"compression\":0,\"names\":[\"n\"]}]";
	static const char text[] = "big-data-names a b\\x20x\n"
				   "created 2024-01-02T03:04:05Z\n"
				   "flags {\"a\":[1,true],\"z\":\"\\x20\"}\n"
				   "id " A64 "\n"
				   "uidset [0,7]\n";
	struct digest got = digest_of("x-layers-x", json), want;

	(void)state;
	sha256(text, strlen(text), &want);
	assert_true(digest_equal(&got, &want));
}

static void test_digest_binds_each_member(void **state)
{
	static const char *const members[] = {
	    "\"parent\":\"" B64 "\"",
	    "\"metadata\":\"x\"",
	    "\"created\":\"2024-01-02T03:04:05Z\"",
	    "\"compressed-diff-digest\":\"sha256:" B64 "\"",
	    "\"compressed-size\":1",
	    "\"diff-digest\":\"sha256:" B64 "\"",
	    "\"toc-digest\":\"sha256:" B64 "\"",
	    "\"diff-size\":1",
	    "\"diff-size\":-1",
	    "\"compression\":2",
	    "\"uidset\":[0]",
	    "\"gidset\":[0]",
	    "\"gidset\":[0,0]",
	    "\"flags\":{\"x\":false}",
	    "\"uidmap\":[{\"container_id\":0,\"host_id\":1,\"size\":1}]",
	    "\"gidmap\":[{\"container_id\":0,\"host_id\":1,\"size\":1}]",
	    "\"big-data-names\":[\"a\"]",
	};
	struct digest seen[ARRAY_LEN(members) + 1];

	(void)state;
	seen[0] = digest_of("x-layers-x", "[{\"id\":\"" A64 "\"}]");
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		CLEANUP_FREE char *json =
		    xasprintf("[{\"id\":\"" A64 "\",%s}]", members[i]);

		seen[i + 1] = digest_of("x-layers-x", json);
		for (size_t k = 0; k <= i; k++)
			assert_false(digest_equal(&seen[k], &seen[i + 1]));
	}
}

/* What a pull or load of the same image changes is bound by its files, not by its record. */
static void test_digest_of_images(void **state)
{
	static const char *const without[] = {
	    "\"names\":[\"x\"]",
	    "\"names-history\":[\"x\",\"x\"]",
	    "\"mapped-layers\":[\"" B64 "\"]",
	    "\"metadata\":\"x\"",
	    "\"layer\":\"\"",
	    "\"digest\":\"sha256:" B64 "\"",
	    "\"big-data-names\":[\"m\"],\"big-data-sizes\":{\"m\":0},"
	    "\"big-data-digests\":{\"m\":\"sha256:" B64 "\"}",
	};
	static const char *const with[] = {
	    "\"layer\":\"" B64 "\"",
	    "\"created\":\"2024-01-02T03:04:05Z\"",
	    "\"flags\":{\"x\":1}",
	};
	struct digest plain = digest_of("x-images-x", "[{\"id\":\"" A64 "\"}]"), d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(without); i++) {
		CLEANUP_FREE char *json =
		    xasprintf("[{\"id\":\"" A64 "\",%s}]", without[i]);

		d = digest_of("x-images-x", json);
		assert_true(digest_equal(&plain, &d));
	}
	for (size_t i = 0; i < ARRAY_LEN(with); i++) {
		CLEANUP_FREE char *json = xasprintf("[{\"id\":\"" A64 "\",%s}]", with[i]);

		d = digest_of("x-images-x", json);
		assert_false(digest_equal(&plain, &d));
	}
}

static void test_fields(void **state)
{
	CLEANUP_PARSED struct parsed layers, images;
	const struct store_layer *l;
	const struct store_image *i;

	(void)state;
	parse_data(&layers, "ok-layers-podman-4.3.json");
	l = records_layer(&layers.r,
	    "eb79101b05e3a696ac5dcfe56e6da350f6140d989cd8e05a2a611c2b8d26bc2c");
	assert_non_null(l);
	assert_string_equal(l->parent,
	    "7ae15ad344ed874c14b5141f98689898960bed5dea22d42363af60920e23a7da");
	assert_true(l->diff.has && l->compressed.has && !l->toc.has);
	assert_int_equal(l->diff_size, 7168);
	assert_string_equal(l->created, "2026-11-24T08:25:07.442309054Z");
	parse_data(&images, "ok-images-podman-4.3.json");
	i = records_image(&images.r,
	    "ba9dfe97009275929bf568e070ac5ac23f43cd79d8aa5091d258b280b4cefe89");
	assert_non_null(i);
	assert_string_equal(i->names[0], "localhost/v:latest");
	assert_int_equal(i->n_big_data, 4);
	assert_string_equal(i->big_data[0].name, "manifest");
	assert_int_equal(i->big_data[0].size, 1041);
	assert_true(i->big_data[0].digest.has);
	assert_null(records_image(&images.r, A64));
	assert_null(records_layer(&images.r, A64));
}

/* A container layer A64 on top of image layer B64, and what a planted one would look like. */
static bool is_container(
    const char *member, const char *other_layer, const char *image_layer)
{
	CLEANUP_FREE char *layers =
	    xasprintf("[{\"id\":\"" A64 "\",\"parent\":\"" B64 "\"%s},{\"id\":\"" C64
		      "\",\"parent\":\"%s\"}]",
		member, other_layer);
	CLEANUP_FREE char *images =
	    xasprintf("[{\"id\":\"" D64 "\",\"layer\":\"" B64 "\"%s}]", image_layer);
	static const char containers[] =
	    "[{\"id\":\"" D64 "\",\"image\":\"\",\"layer\":\"" A64 "\"}]";
	CLEANUP_PARSED struct parsed p = {0};
	struct err e;

	assert_int_equal(
	    records_parse_layers(layers, strlen(layers), "l", &p.r, &p.f, &e), 0);
	assert_int_equal(
	    records_parse_images(images, strlen(images), "i", &p.r, &p.f, &e), 0);
	assert_int_equal(
	    records_parse_containers(containers, strlen(containers), "c", &p.r, &p.f, &e),
	    0);
	assert_int_equal(p.f.n, 0);
	assert_false(records_is_container_layer(&p.r, records_layer(&p.r, C64)));
	return records_is_container_layer(&p.r, records_layer(&p.r, A64));
}

static void test_container_layer(void **state)
{
	(void)state;
	assert_true(is_container("", B64, ""));
	assert_false(is_container(",\"diff-digest\":\"sha256:" C64 "\"", B64, ""));
	assert_false(
	    is_container(",\"compressed-diff-digest\":\"sha256:" C64 "\"", B64, ""));
	assert_false(is_container(",\"toc-digest\":\"sha256:" C64 "\"", B64, ""));
	assert_false(is_container("", A64, ""));
	assert_false(is_container("", B64, ",\"mapped-layers\":[\"" A64 "\"]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_truncated_anywhere),
	    cmocka_unit_test(test_giant_element),
	    cmocka_unit_test(test_many_faults),
	    cmocka_unit_test(test_digest_ignores_spelling),
	    cmocka_unit_test(test_digest_text),
	    cmocka_unit_test(test_digest_binds_each_member),
	    cmocka_unit_test(test_digest_of_images),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_container_layer),
	};
	struct err e;

	if (crypto_init(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
