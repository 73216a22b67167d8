/* SPDX-License-Identifier: Apache-2.0 */
/* test_image.c: an image's files, its record and its layers must agree. */
#include "ministore.h"
#include "store/image.h"
#include "store/image_doc.h"

#define X64(c) c c c c c c c c c c c c c c c c
#define ID_A X64("aaaa")
#define ID_B X64("bbbb")
#define DIFF_A X64("1111")
#define DIFF_B X64("2222")
#define CONFIG                                                                           \
	"{\"os\":\"linux\",\"config\":{\"Labels\":{\"n\":\"1\",\"N\":\"2\"}},"           \
	"\"rootfs\":{"                                                                   \
	"\"type\":\"layers\",\"diff_ids\":[\"sha256:" DIFF_A "\",\"sha256:" DIFF_B       \
	"\"]},\"history\":[{\"created_by\":\"x\"}]}"
#define LAYER(hex) "{\"digest\":\"sha256:" hex "\",\"size\":1}"
#define LAYERS LAYER(DIFF_A) "," LAYER(DIFF_B)

/* What the image consists of; a test changes one thing. */
struct image {
	const char *config, *manifest; /* manifest: %s is the digest of the config */
	const char *layers;	       /* of the manifest */
	const char *top;
	const char *id;		      /* NULL: the hash of the config */
	const char *digest;	      /* NULL: that of the manifest */
	const char *more_name, *more; /* one more item */
};

static const char manifest_format[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
    "\"config\":{\"mediaType\":\"c\",\"digest\":\"%s\",\"size\":1},\"layers\":[%s]}";

static const struct image good = {
    .config = CONFIG, .manifest = manifest_format, .layers = LAYERS, .top = ID_B};

struct written {
	char id[DIGEST_HEX_LEN + 1];
	char config_name[DIGEST_TEXT_LEN + 1], manifest_digest[DIGEST_TEXT_LEN + 1];
	char manifest[2048];
	char record[MINI_TEXT];
};

static void text_digest(const char *text, char out[DIGEST_TEXT_LEN + 1])
{
	struct digest d;

	sha256(text, strlen(text), &d);
	digest_text(&d, out);
}

static void write_item(
    const struct mini *m, const char *id, const char *name, const char *text)
{
	CLEANUP_BUF struct buf file;
	char path[PATH_MAX];
	struct err e;

	buf_init(&file, 4096);
	assert_int_equal(image_file_name(name, &file, &e), 0);
	snprintf(path, sizeof(path), "g/overlay-images/%s/%s", id, file.data);
	mini_write(m, path, text);
}

static void add_record_item(
    struct written *w, const char *name, const char *text, char lists[3][MINI_TEXT / 4])
{
	char digest[DIGEST_TEXT_LEN + 1];
	const char *comma = lists[0][0] ? "," : "";

	text_digest(text, digest);
	snprintf(lists[0] + strlen(lists[0]), 400, "%s\"%s\"", comma, name);
	snprintf(
	    lists[1] + strlen(lists[1]), 400, "%s\"%s\":%zu", comma, name, strlen(text));
	snprintf(
	    lists[2] + strlen(lists[2]), 400, "%s\"%s\":\"%s\"", comma, name, digest);
	(void)w;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void name_parts(const struct image *im, struct written *w)
{
	text_digest(im->config, w->config_name);
	snprintf(w->id, sizeof(w->id), "%s", im->id ? im->id : w->config_name + 7);
	snprintf(
	    w->manifest, sizeof(w->manifest), im->manifest, w->config_name, im->layers);
	text_digest(w->manifest, w->manifest_digest);
}
#pragma GCC diagnostic pop

static void write_image(struct mini *m, const struct image *im, struct written *w)
{
	char lists[3][MINI_TEXT / 4] = {"", "", ""}, twin[96];

	name_parts(im, w);
	snprintf(twin, sizeof(twin), "manifest-%s", w->manifest_digest);
	write_item(m, w->id, w->config_name, im->config);
	add_record_item(w, w->config_name, im->config, lists);
	write_item(m, w->id, "manifest", w->manifest);
	add_record_item(w, "manifest", w->manifest, lists);
	write_item(m, w->id, twin, w->manifest);
	add_record_item(w, twin, w->manifest, lists);
	if (im->more_name) {
		write_item(m, w->id, im->more_name, im->more);
		add_record_item(w, im->more_name, im->more, lists);
	}
	snprintf(w->record, sizeof(w->record),
	    "[{\"id\":\"%s\",\"digest\":\"%s\",\"layer\":\"%s\",\"big-data-names\":[%s],"
	    "\"big-data-sizes\":{%s},\"big-data-digests\":{%s},\"created\":\"" CREATED
	    "\"}]",
	    w->id, im->digest ? im->digest : w->manifest_digest, im->top, lists[0],
	    lists[1], lists[2]);
	mini_write(m, "g/overlay-images/images.json", w->record);
}

static struct mini *new_store(void)
{
	struct mini *m = mini_new(STORE_OVERLAY);

	mini_layers_json(m, "g/overlay-layers/layers.json",
	    (const char *const[]){mini_record('a', 0, MINI_DIFF(DIFF_A)),
		mini_record('b', 'a', MINI_DIFF(DIFF_B)), mini_record('c', 'b', "")},
	    3);
	return m;
}

/* Opens the store and checks its only image. */
static struct image_content check(struct mini *m)
{
	struct image_content content;
	struct err e;

	mini_open(m);
	assert_int_equal(m->records.n_images, 1);
	if (image_check(&m->store, &m->records, &m->records.images[0], &content,
		&m->findings, &e))
		fail_msg("image_check: %s", e.msg);
	return content;
}

static void test_good(void **state)
{
	struct mini *m = new_store();
	struct image_content content;
	struct written w;

	(void)state;
	write_image(m, &good, &w);
	content = check(m);
	mini_expect(m, 0, "a good image");
	assert_int_equal(content.n_files, 3);
	assert_string_equal(content.files[0].name, "manifest");
	assert_string_equal(content.files[2].name, w.config_name);
	assert_int_equal(content.files[2].size, strlen(CONFIG));
	assert_int_equal(content.n_diff_ids, 2);
	assert_int_equal(content.diff_ids[1].bytes[0], 0x22);
	image_content_release(&content);
	mini_free(m);
}

#define MANIFEST(first) "{" first "\"config\":{\"digest\":\"%s\"},\"layers\":[%s]}"

/* The variants differ from this in one thing. */
static void test_control(void **state)
{
	static const struct image plain = {
	    CONFIG, MANIFEST("\"schemaVersion\":2,"), LAYERS, ID_B, 0, 0, 0, 0};
	struct mini *m = new_store();
	struct image_content content;
	struct written w;

	(void)state;
	write_image(m, &plain, &w);
	content = check(m);
	mini_expect(m, 0, "a plain image");
	image_content_release(&content);
	mini_free(m);
}

static void check_variant(
    const struct image *im, enum finding_class class, const char *what)
{
	struct mini *m = new_store();
	struct image_content content;
	struct written w;

	write_image(m, im, &w);
	content = check(m);
	if (!mini_count(m, class, ""))
		fail_msg("%s is not found to be %s", what, finding_class_name(class));
	image_content_release(&content);
	mini_free(m);
}

static void test_variants(void **state)
{
	static const struct {
		const char *what;
		struct image image;
		enum finding_class class;
	} cases[] = {
	    {"an id of something else",
		{CONFIG, manifest_format, LAYERS, ID_B, ID_A, 0, 0, 0}, FINDING_IMAGE_ID},
	    {"fewer layers in the manifest",
		{CONFIG, manifest_format, LAYER(DIFF_A), ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"fewer layers below", {CONFIG, manifest_format, LAYERS, ID_A, 0, 0, 0, 0},
		FINDING_IMAGE_DIFF_IDS},
	    {"no layers below", {CONFIG, manifest_format, LAYERS, "", 0, 0, 0, 0},
		FINDING_IMAGE_DIFF_IDS},
	    {"a layer without a record",
		{CONFIG, manifest_format, LAYERS, X64("dddd"), 0, 0, 0, 0},
		FINDING_LAYER_MISSING},
	    {"the layer of a container",
		{CONFIG, manifest_format, LAYERS, X64("cccc"), 0, 0, 0, 0},
		FINDING_IMAGE_DIFF_IDS},
	    {"the digest of another manifest",
		{CONFIG, manifest_format, LAYERS, ID_B, 0, "sha256:" DIFF_A, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"schema 1",
		{CONFIG, MANIFEST("\"schemaVersion\":1,"), LAYERS, ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"two readings of the config's digest",
		{CONFIG, MANIFEST("\"schemaVersion\":2,\"Config\":{},"), LAYERS, ID_B, 0,
		    0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"a long s for encoding/json",
		{CONFIG, MANIFEST("\"schemaVersion\":2,\"layer\xc5\xbf\":[],"), LAYERS,
		    ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"a manifest and a list",
		{CONFIG, MANIFEST("\"schemaVersion\":2,\"manifests\":[],"), LAYERS, ID_B,
		    0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"a list for an image with layers",
		{CONFIG, "{\"schemaVersion\":2,\"manifests\":[]}", LAYERS, ID_B, 0, 0, 0,
		    0},
		FINDING_IMAGE_MANIFEST},
	    {"other diff-ids",
		{"{\"rootfs\":{\"diff_ids\":[\"sha256:" DIFF_B "\",\"sha256:" DIFF_A
		 "\"]}}",
		    manifest_format, LAYERS, ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_DIFF_IDS},
	    {"two readings of the diff-ids",
		{"{\"rootfs\":{\"diff_ids\":[],\"Diff_Ids\":[]}}", manifest_format,
		    LAYERS, ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"a manifest of another configuration",
		{CONFIG,
		    "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" DIFF_A
		    "\"},\"layers\":[" LAYERS "]}",
		    LAYERS, ID_B, 0, 0, 0, 0},
		FINDING_IMAGE_MANIFEST},
	    {"a manifest of another image",
		{CONFIG, manifest_format, LAYERS, ID_B, 0, 0, "manifest-sha256:" DIFF_A,
		    "{}"},
		FINDING_IMAGE_MANIFEST},
	    {"a second config that is not its name",
		{CONFIG, manifest_format, LAYERS, ID_B, 0, 0, "sha256:" DIFF_A, "{}"},
		FINDING_IMAGE_ID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_variant(&cases[i].image, cases[i].class, cases[i].what);
}

/* A layer that records no digest is not the one the configuration means. */
static void test_layer_without_digest(void **state)
{
	struct mini *m = new_store();
	struct image_content content;
	struct written w;

	(void)state;
	mini_layers_json(m, "g/overlay-layers/layers.json",
	    (const char *const[]){
		mini_record('a', 0, MINI_DIFF(DIFF_A)), mini_record('b', 'a', "")},
	    2);
	write_image(m, &good, &w);
	content = check(m);
	mini_expect(m, 1, "a layer without digest");
	assert_int_equal(mini_count(m, FINDING_IMAGE_DIFF_IDS, ""), 1);
	image_content_release(&content);
	mini_free(m);
}

static void test_manifest_forms(void **state)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
	    {"{\"schemaVersion\":2,\"manifests\":null}", true},
	    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" DIFF_A
	     "\"},\"layers\":null}",
		true},
	    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" DIFF_A
	     "\"},\"layers\":null,\"manifests\":[]}",
		false},
	    {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", false},
	    {"{\"schemaVersion\":2}", false},
	    {"{\"schemaVersion\":\"2\",\"manifests\":[]}", false},
	    {"{\"schemaVersion\":2,\"manifests\":{}}", false},
	    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" DIFF_A
	     "\"},\"layers\":[{\"size\":1}]}",
		false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct image_manifest out;
		struct err e;

		if (!image_manifest_parse(
			cases[i].text, strlen(cases[i].text), &out, &e) != cases[i].fine)
			fail_msg("%s", cases[i].text);
	}
}

/* podman manifest create: a random id, no layers and no configuration. */
static void test_list(void **state)
{
	static const char list[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	struct mini *m = new_store();
	struct image_content content;

	(void)state;
	mini_write(m, "g/overlay-images/" ID_A "/manifest", list);
	mini_write(m, "g/overlay-images/images.json",
	    "[{\"id\":\"" ID_A "\",\"created\":\"" CREATED
	    "\",\"big-data-names\":[\"manifest\"]}]");
	content = check(m);
	mini_expect(m, 0, "a list of manifests");
	assert_int_equal(content.n_files, 1);
	image_content_release(&content);
	mini_free(m);
}

/* What a list lists, told from what is none and from what nobody can be sure of. */
static void test_listed(void **state)
{
	static const struct {
		const char *text;
		int status;
		size_t n;
	} cases[] = {
	    {"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:" DIFF_A
	     "\",\"size\":1},{\"digest\":\"sha256:" DIFF_B "\"}]}",
		0, 2},
	    {"{\"schemaVersion\":2,\"manifests\":[]}", 0, 0},
	    {"{\"schemaVersion\":2,\"manifests\":null}", 0, 0},
	    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" DIFF_A
	     "\"},\"layers\":null}",
		ERR_NOT_FOUND, 0},
	    {"{\"schemaVersion\":2,\"manifests\":[{\"Digest\":\"sha256:" DIFF_A "\"}]}",
		ERR_MALFORMED, 0},
	    {"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:1\"}]}",
		ERR_MALFORMED, 0},
	    {"{\"schemaVersion\":2,\"manifests\":[null]}", ERR_MALFORMED, 0},
	    {"", ERR_MALFORMED, 0},
	};
	struct mini *m = new_store();
	const struct store_image image = {.id = ID_A};

	(void)state;
	mini_mkdir(m, "g/overlay-images");
	mini_mkdir(m, "g/overlay-images/" ID_A);
	mini_open(m);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE struct digest *listed = NULL;
		struct err e;
		size_t n;

		mini_write(m, "g/overlay-images/" ID_A "/manifest", cases[i].text);
		assert_int_equal(
		    image_listed(&m->store, &image, &listed, &n, &e), cases[i].status);
		assert_int_equal(n, cases[i].n);
	}
	mini_free(m);
}

/* A manifest that cannot be read is not the manifest of an image. */
static void test_listed_unreadable(void **state)
{
	struct mini *m = new_store();
	const struct store_image image = {.id = ID_A};
	struct digest *listed;
	struct err e;
	size_t n;

	(void)state;
	mini_mkdir(m, "g/overlay-images");
	mini_open(m);
	assert_int_equal(image_listed(&m->store, &image, &listed, &n, &e), ERR_MALFORMED);
	assert_null(listed);
	mini_free(m);
}

/* Changes on disk beside a record that stays. */
static void check_change(
    char kind, const char *name, const char *text, size_t n_files, const char *what)
{
	struct mini *m = new_store();
	struct image_content content;
	struct written w;
	char rel[PATH_MAX], path[PATH_MAX];

	write_image(m, &good, &w);
	snprintf(rel, sizeof(rel), "g/overlay-images/%s/%s", w.id, name);
	if (kind != '+')
		mini_remove(m, rel);
	if (kind == 'l')
		mini_symlink(m, rel, text);
	else if (kind == 'p')
		assert_int_equal(mkfifo(mini_path(m, rel, path), 0600), 0);
	else if (text)
		mini_write(m, rel, text);
	content = check(m);
	if (!mini_count(m, FINDING_IMAGE_FILE, ""))
		fail_msg("%s is not found", what);
	assert_int_equal(content.n_files, n_files);
	image_content_release(&content);
	mini_free(m);
}

static void test_files(void **state)
{
	(void)state;
	check_change('+', "evil", "x", 3, "a file more");
	check_change('-', "manifest", NULL, 2, "a file less");
	check_change('f', "manifest", "{}", 3, "other bytes");
	check_change('l', "manifest", "../images.json", 2, "a link");
	check_change('p', "manifest", "", 2, "a fifo");
	check_change('-', "", NULL, 0, "no directory");
}

/* `podman tag` of an additional store's image. */
static void test_alias(void **state)
{
	struct mini *m = new_store();
	struct image_content content;
	struct written w;
	char record[512], from[PATH_MAX], to[PATH_MAX];
	struct err e;

	(void)state;
	mini_second_place(m, "p");
	write_image(m, &good, &w);
	assert_int_equal(rename(mini_path(m, "g/overlay-images", from),
			     mini_path(m, "p/overlay-images", to)),
	    0);
	for (int n = 0; n < 2; n++) {
		snprintf(record, sizeof(record),
		    "[{\"id\":\"%s\",\"layer\":\"%s\",\"created\":\"" CREATED "\"}]",
		    w.id, n == 0 ? ID_B : ID_A);
		mini_write(m, "g/overlay-images/images.json", record);
		mini_open(m);
		assert_int_equal(m->records.n_images, 2);
		assert_int_equal(
		    image_is_alias(&m->records, &m->records.images[0]), n == 0);
		assert_false(image_is_alias(&m->records, &m->records.images[1]));
		assert_int_equal(image_check(&m->store, &m->records,
				     &m->records.images[0], &content, &m->findings, &e),
		    0);
		image_content_release(&content);
		mini_expect(m, (size_t)n, "a bare record");
	}
	mini_free(m);
}

static void test_file_names(void **state)
{
	static const struct {
		const char *name, *file;
	} cases[] = {
	    {"manifest", "manifest"}, {"a.b", "a.b"}, {"sha256:1", "=c2hhMjU2OjE="},
	    {"A", "=QQ=="}, {"../x", "=Li4veA=="}, {"", NULL}, {".", NULL}, {"..", NULL},
	    {"aa\x3f", NULL}, /* base64 with a slash */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_BUF struct buf out;
		struct err e;
		int r;

		buf_init(&out, 64);
		r = image_file_name(cases[i].name, &out, &e);
		assert_int_equal(r != 0, cases[i].file == NULL);
		if (!r)
			assert_string_equal(out.data, cases[i].file);
	}
}

static void test_config_forms(void **state)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
	    {"{\"rootfs\":{\"diff_ids\":null}}", true},
	    {"{\"rootfs\":{},\"config\":null,\"history\":null}", true},
	    {"{}", false},
	    {"{\"rootfs\":[]}", false},
	    {"{\"rootfs\":{\"diff_ids\":[1]}}", false},
	    {"{\"rootfs\":{\"diff_ids\":[\"sha512:00\"]}}", false},
	    {"{\"rootfs\":{\"diff_ids\":{}}}", false},
	    {"{\"rootfs\":{},\"rootfs\":{}}", false},
	    {"{\"rootfs\":{},\"history\":{}}", false},
	    {"{\"rootfs\":{},\"history\":[1]}", false},
	    {"{\"rootfs\":{},\"config\":{\"env\":[]}}", false},
	    {"{\"rootfs\":{},\"history\":[{\"Created_by\":\"\"}]}", false},
	    {"{\"rootfs\":{}}x", false},
	    {"[]", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE struct digest *ids = NULL;
		struct err e;
		size_t n;

		if (!image_config_parse(cases[i].text, strlen(cases[i].text), &ids, &n,
			&e) != cases[i].fine)
			fail_msg("%s", cases[i].text);
	}
}

/* What was built on an image has its steps first, whatever order a writer gives their members. */
static void test_history(void **state)
{
#define STEPS(history) "{\"rootfs\":{\"type\":\"layers\"},\"history\":" history "}"
	static const char *const texts[] = {
	    STEPS("[{\"created\":\"1\",\"created_by\":\"a\"}]"),
	    STEPS("[{\"created_by\":\"a\",\"created\":\"1\"},{\"created_by\":\"b\"}]"),
	    STEPS("[{\"created\":\"2\",\"created_by\":\"a\"},{\"created_by\":\"b\"}]"),
	};
	struct digest *steps[3];
	struct err e;
	size_t n[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(image_config_history(
				     texts[i], strlen(texts[i]), &steps[i], &n[i], &e),
		    0);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 2);
	assert_true(digest_equal(&steps[0][0], &steps[1][0]));
	assert_false(digest_equal(&steps[1][0], &steps[1][1]));
	/* The same last step on another first one. */
	assert_false(digest_equal(&steps[1][1], &steps[2][1]));
	for (size_t i = 0; i < 3; i++)
		free(steps[i]);
	assert_int_equal(image_config_history("{}", 2, &steps[0], &n[0], &e), 0);
	assert_int_equal(n[0], 0);
	free(steps[0]);
	assert_int_equal(
	    image_config_history("{\"history\":1}", 13, &steps[0], &n[0], &e),
	    ERR_MALFORMED);
#undef STEPS
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_variants),
	    cmocka_unit_test(test_layer_without_digest),
	    cmocka_unit_test(test_manifest_forms),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_listed),
	    cmocka_unit_test(test_listed_unreadable),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_alias),
	    cmocka_unit_test(test_file_names),
	    cmocka_unit_test(test_config_forms),
	    cmocka_unit_test(test_history),
	};
	struct err e;

	if (crypto_init(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
