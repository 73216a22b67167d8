/* SPDX-License-Identifier: Apache-2.0 */
/* test_structure.c: what may stand in a store, and what must not. */
#include <pthread.h>
#include <time.h>

#include "ministore.h"

#define X64(c) c c c c c c c c c c c c c c c c
#define ID_A X64("aaaa")
#define ID_B X64("bbbb")
#define ID_C X64("cccc")
#define ID_D X64("dddd")
#define ID_E X64("eeee")
#define ID_F X64("ffff")
#define LINK_A "AAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LINK_B "BBBBBBBBBBBBBBBBBBBBBBBBBB"
#define LINK_C "CCCCCCCCCCCCCCCCCCCCCCCCCC"
#define LINK_D "DDDDDDDDDDDDDDDDDDDDDDDDDD"
#define LINK_Z "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"
#define MAPS ",\"uidmap\":[{\"container_id\":0,\"host_id\":9,\"size\":5}]"
#define DIFF MINI_DIFF(X64("1111"))
#define OTHER_DIFF MINI_DIFF(X64("2222"))

#define IMAGE(id, layer, more)                                                           \
	"{\"id\":\"" id "\",\"layer\":\"" layer "\",\"created\":\"" CREATED "\"" more "}"
#define CONTAINER(layer)                                                                 \
	"[{\"id\":\"" ID_F "\",\"image\":\"" ID_E "\",\"layer\":\"" layer                \
	"\",\"created\":\"" CREATED "\"}]"

/* a, b on a: the image e; c on b: a container. */
static void write_records(const struct mini *m, const char *more_a, const char *more_c)
{
	char a[256];

	snprintf(a, sizeof(a), DIFF "%s", more_a);
	mini_layers_json(m, "g/overlay-layers/layers.json",
	    (const char *const[]){mini_record('a', 0, a), mini_record('b', 'a', DIFF),
		mini_record('c', 'b', more_c)},
	    3);
	mini_write(m, "g/overlay-images/images.json", "[" IMAGE(ID_E, ID_B, "") "]");
	mini_write(m, "g/overlay-containers/containers.json", CONTAINER(ID_C));
}

static int set_up(void **state)
{
	struct mini *m = mini_new(STORE_OVERLAY);

	mini_layer(m, "g", 'a', "");
	mini_layer(m, "g", 'b', "a");
	mini_layer(m, "g", 'c', "ba");
	mini_mkdir(m, "g/overlay-images/" ID_E);
	mini_write(m, "g/overlay/.has-mount-program", "false");
	mini_write(m, "g/overlay-layers/" ID_A ".tar-split.gz", "");
	mini_write(m, "g/overlay-layers/layers.lock", "");
	mini_write(m, "g/overlay-images/images.lock", "");
	write_records(m, "", "");
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	mini_free(*state);
	return 0;
}

static void test_clean(void **state)
{
	struct mini *m = *state;

	mini_check(m);
	mini_expect(m, 0, "a clean store");
	assert_int_equal(m->records.n_layers, 3);
	assert_string_equal(m->layers[0].link, LINK_A);
	assert_string_equal(m->layers[2].link, LINK_C);
	assert_true(m->layers[0].tree_ok && m->layers[2].tree_ok);
}

/* What engines leave behind, or have while they work. */
static void test_ordinary_life(void **state)
{
	static const char *const dirs[] = {"g/overlay/" ID_B "/work/work",
	    "g/overlay/" ID_B "/merged.1", "g/overlay/" ID_B "/mapped/0",
	    "g/overlay/" ID_B "/composefs-layers/1", "g/overlay/staging/123/dir",
	    "g/overlay/tempdirs/temp-dir-1/0-" ID_F, "g/overlay/compat1234/merged",
	    "g/overlay/metacopy-check5/l1", "g/overlay-layers/tmp/temp-dir-7",
	    "g/overlay-containers/anything", "g/volumes"};
	static const char *const files[] = {"g/overlay/tempdirs/lock-1",
	    "g/overlay/" ID_C "/work/index/x", "g/overlay/" ID_C "/diff/etc/hosts",
	    "g/overlay/staging/123/staging.lock", "g/overlay-layers/.tmp-layers.json12",
	    "g/overlay-layers/tmp/lock-7", "g/overlay-images/.tmp-images.json1",
	    "g/overlay-images/" ID_E "/.tmp-manifest9",
	    "g/overlay-layers/volatile-layers.json"};
	struct mini *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		mini_mkdir(m, dirs[i]);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		mini_write(m, files[i], "");
	mini_check(m);
	mini_expect(m, 0, "ordinary life");
}

/* Names that must not exist; each gives exactly one finding. */
static void test_intruders(void **state)
{
	static const struct {
		const char *path; /* "/" at the end: a directory */
		enum finding_class class;
	} cases[] = {
	    {"g/overlay/" ID_A "/diff1/", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_B "/diff1", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_C "/diff1/", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_A "/composefs-data/composefs.blob", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_B "/additionallayer", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_B "/empty/", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_B "/merged.1x/", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_B "/mapped", FINDING_LAYER_ENTRY},
	    {"g/overlay/" ID_A "/empty/x", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_A "/merged/x", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_A "/merged.2/x", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_A "/work/work/x", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_B "/work/index/", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_A "/mapped/0/x", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_A "/composefs-layers/x/", FINDING_LAYER_SCRATCH},
	    {"g/overlay/" ID_D "/diff/", FINDING_LAYER_UNRECORDED},
	    {"g/overlay/" ID_F, FINDING_LAYER_UNRECORDED},
	    {"g/overlay/evil/", FINDING_STORE_ENTRY},
	    {"g/overlay/compat/", FINDING_STORE_ENTRY},
	    {"g/overlay/compat7/link", FINDING_STORE_ENTRY},
	    {"g/overlay/backingFsBlockDev", FINDING_STORE_ENTRY},
	    {"g/overlay/staging/x", FINDING_STORE_ENTRY},
	    {"g/overlay/tempdirs/x/", FINDING_STORE_ENTRY},
	    {"g/overlay/l/" LINK_Z, FINDING_LINK_UNEXPLAINED},
	    {"g/overlay-layers/evil", FINDING_STORE_ENTRY},
	    {"g/overlay-layers/" ID_D ".tar-split.gz", FINDING_STORE_ENTRY},
	    {"g/overlay-layers/" ID_D "/", FINDING_STORE_ENTRY},
	    {"g/overlay-layers/" ID_A "/chunked-manifest-cache", FINDING_STORE_ENTRY},
	    {"g/overlay-layers/.tmp-x/", FINDING_STORE_ENTRY},
	    {"g/overlay-images/evil.json", FINDING_STORE_ENTRY},
	    {"g/overlay-images/" ID_D "/", FINDING_STORE_ENTRY},
	};
	struct mini *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *path = cases[i].path;

		if (path[strlen(path) - 1] == '/')
			mini_mkdir(m, path);
		else
			mini_write(m, path, "");
	}
	mini_check(m);
	mini_expect(m, ARRAY_LEN(cases), "one finding for each intruder");
	for (size_t c = 0; c < FINDING_CLASS_COUNT; c++) {
		size_t n = 0;

		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			n += cases[i].class == c;
		assert_int_equal(mini_count(m, (enum finding_class)c, ""), n);
	}
	assert_int_equal(mini_count(m, FINDING_LAYER_ENTRY, ID_A "/diff1"), 1);
	assert_int_equal(mini_count(m, FINDING_LINK_UNEXPLAINED, "l/" LINK_Z), 1);
}

/* Puts something else in the place of a file or directory. */
static void replace(const struct mini *m, const char *rel, char kind, const char *text)
{
	char path[PATH_MAX];

	mini_remove(m, rel);
	if (kind == 'f')
		mini_write(m, rel, text);
	else if (kind == 'l')
		mini_symlink(m, rel, text);
	else if (kind == 'p')
		assert_int_equal(mkfifo(mini_path(m, rel, path), 0600), 0);
	else if (kind == 'd')
		mini_mkdir(m, rel);
}

struct change {
	const char *path;
	char kind; /* f file, l link, p fifo, d directory, 0 nothing */
	const char *text;
	enum finding_class class;
	const char *at;	   /* end of the finding's path */
	bool alone;	   /* no other finding comes of it */
	bool tree_refused; /* of layer b */
};

static void check_change(const struct change *c)
{
	void *state;
	struct mini *m;

	set_up(&state);
	m = state;
	replace(m, c->path, c->kind, c->text);
	mini_check(m);
	if (c->alone)
		mini_expect(m, 1, c->path);
	if (!mini_count(m, c->class, c->at))
		fail_msg(
		    "%s is not found to be %s", c->path, finding_class_name(c->class));
	assert_int_equal(m->layers[1].tree_ok, !c->tree_refused);
	tear_down(&state);
}

static void check_changes(const struct change *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_change(&v[i]);
}

#define B_LINK "g/overlay/" ID_B "/link"
#define B_LOWER "g/overlay/" ID_B "/lower"
#define C_LOWER "g/overlay/" ID_C "/lower"

static void test_trees(void **state)
{
	static const struct change changes[] = {
	    {"g/overlay/" ID_B "/diff", 'l', "/", FINDING_LAYER_DIFF, "diff", true, true},
	    {"g/overlay/" ID_B "/diff", 'p', "", FINDING_LAYER_DIFF, "diff", true, true},
	    {"g/overlay/" ID_B "/diff", 'f', "", FINDING_LAYER_DIFF, "diff", true, true},
	    {"g/overlay/" ID_B "/diff", 0, "", FINDING_LAYER_DIFF, "diff", true, true},
	    {"g/overlay/" ID_B, 'l', ID_A, FINDING_LAYER_DIFF, ID_B, false, true},
	    {"g/overlay/" ID_B, 0, "", FINDING_LAYER_DIFF, ID_B, false, true},
	};

	(void)state;
	check_changes(changes, ARRAY_LEN(changes));
}

static void test_short_names(void **state)
{
	static const struct change changes[] = {
	    {B_LINK, 'f', "../../../../../../../evil/", FINDING_LAYER_LINK, "link", false,
		false},
	    {B_LINK, 'f', "bbbbbbbbbbbbbbbbbbbbbbbbbb", FINDING_LAYER_LINK, "link", false,
		false},
	    {B_LINK, 'f', LINK_B "\n", FINDING_LAYER_LINK, "link", false, false},
	    {B_LINK, 'f', LINK_A, FINDING_LAYER_LINK, ID_B "/link", false, false},
	    {B_LINK, 'l', "../" ID_A "/link", FINDING_LAYER_LINK, "link", false, false},
	    {B_LINK, 'p', "", FINDING_LAYER_LINK, "link", false, false},
	    {B_LINK, 0, "", FINDING_LAYER_LINK, "link", false, false},
	    {"g/overlay/l/" LINK_B, 'l', "/evil", FINDING_LINK_TARGET, LINK_B, true,
		false},
	    {"g/overlay/l/" LINK_B, 'l', "../" ID_A "/diff", FINDING_LINK_TARGET, LINK_B,
		true, false},
	    {"g/overlay/l/" LINK_B, 'l', "../" ID_B "/diff/", FINDING_LINK_TARGET, LINK_B,
		true, false},
	    {"g/overlay/l/" LINK_B, 'l', "../" ID_B "/diff1", FINDING_LINK_TARGET, LINK_B,
		true, false},
	    {"g/overlay/l/" LINK_B, 'l', "../" ID_B "/evil", FINDING_LINK_TARGET, LINK_B,
		true, false},
	    {"g/overlay/l/" LINK_B, 'd', "", FINDING_LINK_TARGET, LINK_B, true, false},
	    {"g/overlay/l/" LINK_B, 0, "", FINDING_LINK_TARGET, LINK_B, true, false},
	};

	(void)state;
	check_changes(changes, ARRAY_LEN(changes));
}

static void test_lower(void **state)
{
	static const struct change changes[] = {
	    {B_LOWER, 'f', "../../evil:l/" LINK_A, FINDING_LAYER_LOWER, "lower", true,
		false},
	    {B_LOWER, 'f', "l/" LINK_A "\n", FINDING_LAYER_LOWER, "lower", true, false},
	    {B_LOWER, 'f', "", FINDING_LAYER_LOWER, "lower", true, false},
	    {B_LOWER, 0, "", FINDING_LAYER_LOWER, "lower", true, false},
	    {B_LOWER, 'l', "../" ID_B "/lower", FINDING_LAYER_LOWER, "lower", true,
		false},
	    {C_LOWER, 'f', "l/" LINK_A ":l/" LINK_B, FINDING_LAYER_LOWER, "lower", true,
		false},
	    {C_LOWER, 'f', "l/" LINK_B, FINDING_LAYER_LOWER, "lower", true, false},
	    {"g/overlay/" ID_A "/empty", 'f', "", FINDING_LAYER_ENTRY, "empty", true,
		false},
	};

	(void)state;
	check_changes(changes, ARRAY_LEN(changes));
}

static void test_lower_of_a_base(void **state)
{
	struct mini *m = *state;

	mini_write(m, "g/overlay/" ID_A "/lower", "l/" LINK_B);
	mini_check(m);
	mini_expect(m, 1, "a base with something below");
	assert_int_equal(mini_count(m, FINDING_LAYER_LOWER, ID_A "/lower"), 1);
}

/* A second name of the same tree is as unexplained as any other. */
static void test_second_link(void **state)
{
	struct mini *m = *state;

	mini_symlink(m, "g/overlay/l/" LINK_Z, "../" ID_A "/diff");
	mini_check(m);
	mini_expect(m, 1, "a second link");
	assert_int_equal(mini_count(m, FINDING_LINK_UNEXPLAINED, LINK_Z), 1);
}

static void test_incomplete(void **state)
{
	struct mini *m = *state;

	/* Created so far that it has no link, and a link without a link file. */
	write_records(m, "", ",\"flags\":{\"incomplete\":true}");
	mini_remove(m, "g/overlay/" ID_C "/link");
	mini_write(m, "g/overlay/" ID_C "/diff1", "");
	mini_check(m);
	mini_expect(m, 0, "an incomplete layer");
	assert_false(m->layers[2].tree_ok);
	/* The engine deletes what `link` names. */
	mini_write(m, "g/overlay/" ID_C "/link", "../../../../etc");
	mini_check(m);
	mini_expect(m, 1, "an incomplete layer that deletes others' files");
	assert_int_equal(mini_count(m, FINDING_LAYER_LINK, ID_C "/link"), 1);
}

static void test_id_maps(void **state)
{
	struct mini *m = *state;

	/* The layer of a container had to change owners. */
	write_records(m, "", MAPS);
	mini_mkdir(m, "g/overlay/" ID_C "/diff1");
	mini_check(m);
	mini_expect(m, 0, "a mapped container");
	/* The layer of an image cannot be such a copy: nobody would measure it. */
	write_records(m, MAPS, MAPS);
	mini_mkdir(m, "g/overlay/" ID_A "/diff1");
	mini_check(m);
	mini_expect(m, 3, "a mapped layer in an image");
	assert_int_equal(mini_count(m, FINDING_LAYER_UNSEALED, ""), 1);
	assert_int_equal(mini_count(m, FINDING_LAYER_RECORD, ""), 1);
	assert_int_equal(mini_count(m, FINDING_LAYER_ENTRY, "diff1"), 1);
}

/* d is a copy of b: its first lower is b, which is not its parent. */
static void test_mapped_copy(void **state)
{
	struct mini *m = *state;
	const char *records[] = {mini_record('a', 0, DIFF), mini_record('b', 'a', DIFF),
	    mini_record('c', 'b', ""), mini_record('d', 'a', DIFF MAPS)};
	static const char images[] =
	    "[" IMAGE(ID_E, ID_B, ",\"mapped-layers\":[\"" ID_D "\"]") "]";

	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_write(m, "g/overlay-images/images.json", images);
	mini_layer(m, "g", 'd', "ba");
	mini_mkdir(m, "g/overlay/" ID_D "/diff1");
	mini_check(m);
	mini_expect(m, 0, "a mapped copy");
	/* Listed or not, what has other digests or another parent is nobody's copy. */
	records[3] = mini_record('d', 'a', OTHER_DIFF MAPS);
	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_LAYER_UNSEALED, ""), 1);
	records[3] = mini_record('d', 0, DIFF MAPS);
	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_LAYER_UNSEALED, ""), 1);
	records[3] = mini_record('d', 'a', DIFF MAPS);
	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_write(m, "g/overlay-images/images.json", "[" IMAGE(ID_E, ID_B, "") "]");
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_LAYER_UNSEALED, ""), 1);
	mini_write(m, "g/overlay-images/images.json", images);
	/* The list of copies is not sealed: it does not make any layer a copy. */
	records[3] = mini_record('d', 'a', DIFF);
	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_check(m);
	mini_expect(m, 2, "a copy without maps");
	assert_int_equal(mini_count(m, FINDING_LAYER_LOWER, ID_D "/lower"), 1);
	assert_int_equal(mini_count(m, FINDING_LAYER_ENTRY, ID_D "/diff1"), 1);
}

static void test_parents(void **state)
{
	struct mini *m = *state;
	const char *records[] = {mini_record('a', 'b', DIFF), mini_record('b', 'a', DIFF),
	    mini_record('c', 'd', "")};

	mini_layers_json(m, "g/overlay-layers/layers.json", records, 3);
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_LAYER_MISSING, ""), 1);
	/* A loop has no lower, and neither has what has no parent. */
	assert_int_equal(mini_count(m, FINDING_LAYER_LOWER, ""), 3);
}

/* ---- other places ---- */

static void test_additional_store(void **state)
{
	struct mini *m = *state;
	const char *d = mini_record('d', 0, DIFF);

	mini_second_place(m, "p");
	mini_layers_json(m, "p/overlay-layers/layers.json", &d, 1);
	mini_layer(m, "p", 'd', "");
	mini_check(m);
	mini_expect(m, 0, "an additional store");
	/* podman uses incomplete layers of a store that it only reads. */
	d = mini_record('d', 0, DIFF ",\"flags\":{\"incomplete\":true}");
	mini_layers_json(m, "p/overlay-layers/layers.json", &d, 1);
	mini_mkdir(m, "p/overlay/" ID_D "/diff1");
	mini_check(m);
	mini_expect(m, 2, "incomplete in an additional store");
	assert_int_equal(mini_count(m, FINDING_LAYER_RECORD, ""), 1);
	assert_int_equal(mini_count(m, FINDING_LAYER_ENTRY, "diff1"), 1);
}

static void test_shadow(void **state)
{
	struct mini *m = *state;
	const char *records[] = {mini_record('a', 0, DIFF), mini_record('d', 0, DIFF)};

	mini_second_place(m, "p");
	mini_layers_json(m, "p/overlay-layers/layers.json", records, 2);
	mini_layer(m, "p", 'd', "");
	mini_layer(m, "p", 'a', "");
	/* A directory alone, and a short name alone, hide those of the other store. */
	mini_mkdir(m, "g/overlay/" ID_D "/diff");
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_STORE_SHADOW, "g/overlay/" ID_D), 0);
	assert_int_equal(mini_count(m, FINDING_STORE_SHADOW, "overlay/" ID_D), 1);
	assert_int_equal(mini_count(m, FINDING_STORE_SHADOW, ID_A "/link"), 1);
	assert_int_equal(mini_count(m, FINDING_STORE_SHADOW, ""), 3);
	mini_expect(m, 3, "shadows");
}

/* Until storage 1.57 the record of a layer is in the graphroot and its tree in the image store. */
static void test_image_store(void **state)
{
	struct mini *m = *state;
	const char *records[] = {mini_record('a', 0, DIFF), mini_record('b', 'a', DIFF),
	    mini_record('c', 'b', ""), mini_record('d', 'a', DIFF)};
	const char *e = mini_record('e', 'd', DIFF);

	mini_second_place(m, "i");
	mini_layers_json(m, "g/overlay-layers/layers.json", records, 4);
	mini_layers_json(m, "i/overlay-layers/layers.json", &e, 1);
	mini_layer(m, "i", 'd', "a");
	mini_layer(m, "i", 'e', "da");
	mini_write(m, "g/overlay-layers/" ID_D ".tar-split.gz", "");
	mini_write(m, "g/overlay-layers/" ID_E ".tar-split.gz", "");
	/* Removing an image forgets the link; the layer may come again with another. */
	mini_symlink(m, "i/overlay/l/" LINK_Z, "../" ID_F "/diff");
	mini_symlink(m, "i/overlay/l/" LINK_A, "../" ID_D "/diff");
	mini_check(m);
	mini_expect(m, 0, "a split image store");
	mini_symlink(m, "i/overlay/l/" LINK_B, "../../evil");
	mini_symlink(m, "g/overlay/l/" LINK_Z, "../" ID_F "/diff");
	mini_mkdir(m, "g/overlay/" ID_D);
	mini_check(m);
	assert_int_equal(mini_count(m, FINDING_LINK_UNEXPLAINED, LINK_B), 1);
	assert_int_equal(mini_count(m, FINDING_LINK_UNEXPLAINED, LINK_Z), 1);
	assert_int_equal(mini_count(m, FINDING_STORE_SHADOW, "i/overlay/" ID_D), 1);
}

/* ---- vfs ---- */

static void test_vfs(void **state)
{
	struct mini *m = mini_new(STORE_VFS);
	const char *records[] = {mini_record('a', 0, DIFF), mini_record('b', 'a', DIFF)};

	(void)state;
	mini_layers_json(m, "g/vfs-layers/layers.json", records, 2);
	mini_mkdir(m, "g/vfs/dir/" ID_A);
	mini_mkdir(m, "g/vfs/dir/" ID_B);
	mini_check(m);
	mini_expect(m, 0, "vfs");
	assert_true(m->layers[1].tree_ok);
	replace(m, "g/vfs/dir/" ID_B, 'l', ID_A);
	mini_mkdir(m, "g/vfs/dir/" ID_C);
	mini_mkdir(m, "g/vfs/dir/x");
	mini_mkdir(m, "g/vfs/x");
	/* An engine without a configured driver would take the other store. */
	mini_mkdir(m, "g/overlay");
	mini_write(m, "g/overlay-images/images.json", "[" IMAGE(ID_E, "", "") "]");
	mini_check(m);
	mini_expect(m, 5, "vfs with intruders");
	assert_int_equal(mini_count(m, FINDING_LAYER_DIFF, ID_B), 1);
	assert_int_equal(mini_count(m, FINDING_LAYER_UNRECORDED, ID_C), 1);
	assert_int_equal(mini_count(m, FINDING_STORE_ENTRY, ""), 3);
	assert_false(m->layers[1].tree_ok);
	mini_free(m);
}

/* ---- an engine at work ---- */

static void *record_later(void *arg)
{
	struct mini *m = arg;
	const char *records[] = {mini_record('a', 0, DIFF), mini_record('b', 'a', DIFF),
	    mini_record('c', 'b', ""), mini_record('d', 'a', DIFF)};
	char from[PATH_MAX], to[PATH_MAX];

	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	mini_layers_json(m, "g/.new", records, 4);
	rename(mini_path(m, "g/.new", from),
	    mini_path(m, "g/overlay-layers/layers.json", to));
	return NULL;
}

/* The records were read just before the layer was made. */
static void test_late_record(void **state)
{
	struct mini *m = *state;
	pthread_t engine;

	mini_layer(m, "g", 'd', "a");
	assert_int_equal(pthread_create(&engine, NULL, record_later, m), 0);
	mini_check(m);
	assert_int_equal(pthread_join(engine, NULL), 0);
	mini_expect(m, 0, "a layer that was created meanwhile");
	assert_int_equal(m->records.n_layers, 4);
	assert_string_equal(m->layers[3].link, LINK_D);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_clean),
	    TEST(test_ordinary_life),
	    TEST(test_intruders),
	    cmocka_unit_test(test_trees),
	    cmocka_unit_test(test_short_names),
	    cmocka_unit_test(test_lower),
	    TEST(test_lower_of_a_base),
	    TEST(test_second_link),
	    TEST(test_incomplete),
	    TEST(test_id_maps),
	    TEST(test_mapped_copy),
	    TEST(test_parents),
	    TEST(test_additional_store),
	    TEST(test_shadow),
	    TEST(test_image_store),
	    cmocka_unit_test(test_vfs),
	    TEST(test_late_record),
	};
	struct err e;

	if (crypto_init(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
