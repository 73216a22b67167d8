/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c: which store is meant, what of it is refused, and opening it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_store.h"
#include "store/paths.h"
#include "store/storageconf.h"

static const char *const variables[] = {"CONTAINERS_STORAGE_CONF",
    "CONTAINERS_STORAGE_CONF_OVERRIDE", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR", "STORAGE_DRIVER", "STORAGE_OPTS", "_CONTAINERS_ROOTLESS_UID",
    "LSTEST"};

/* A scratch store, and an environment that says nothing about it but that we are root. */
static int setup(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	setenv("_CONTAINERS_ROOTLESS_UID", "0", 1);
	return scratch_setup(state);
}

static void set_conf(const struct scratch *s, const char *text)
{
	CLEANUP_FREE char *path = xasprintf("%s/storage.conf", s->dir);

	scratch_write(s, "storage.conf", text);
	setenv("CONTAINERS_STORAGE_CONF", path, 1);
	setenv("LSTEST", s->dir, 1);
}

static int discover(
    const struct store_options *opt, struct store_config *c, struct err *e)
{
	static const struct store_options none;

	return store_discover(opt ? opt : &none, c, e);
}

/* Without the scratch directory in front. */
static const char *below(const struct scratch *s, const char *path)
{
	size_t len = strlen(s->dir);

	assert_int_equal(strncmp(path, s->dir, len), 0);
	return path + len;
}

static void test_conf(void **state)
{
	struct scratch *s = *state;
	CLEANUP_STORE_CONFIG struct store_config c = {0};
	struct err e;

	set_conf(s,
	    "# a file as distributions ship it\n"
	    "[storage]\n"
	    "driver = \"overlay2\" # as it was called\n"
	    "runroot = '${LSTEST}/r'\n"
	    "graphroot = \"$LSTEST/x/../g\"\n"
	    "[storage.options]\n"
	    "size = \"\"\n"
	    "remap-uids = \"0:1668442479:65536\"\n"
	    "additionalimagestores = [\n"
	    "  \"/one//two/\", # a comment, with \"quotes\"\n"
	    "\n"
	    "  '/three',\n"
	    "]\n"
	    "pull_options = {enable_partial_images = \"true\", x=[1, {a=2}], s=''}\n"
	    "disable-volatile = true\n"
	    "[storage.options.overlay]\n"
	    "mountopt = \"nodev,metacopy=on\"\n"
	    "mount_program = \"/usr/bin/fuse-overlayfs\"\n"
	    "ignore_chown_errors = \"false\"\n"
	    "[storage.options.thinpool]\n"
	    "autoextend_percent = \"20\"\n"
	    "other = 0x10\n");
	scratch_mkdir(s, "x");
	if (discover(NULL, &c, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(c.driver, STORE_OVERLAY);
	assert_string_equal(below(s, c.graphroot), "/g");
	assert_string_equal(below(s, c.runroot), "/r");
	assert_null(c.imagestore);
	assert_int_equal(c.n_additional, 2);
	assert_string_equal(c.additional[0], "/one/two");
	assert_string_equal(c.additional[1], "/three");
	assert_string_equal(c.mount_program, "/usr/bin/fuse-overlayfs");
}

#define CONF(rest)                                                                       \
	"[storage]\ndriver = \"overlay\"\ngraphroot = \"/g\"\nrunroot = \"/r\"\n" rest

static void test_options_win(void **state)
{
	CLEANUP_STORE_CONFIG struct store_config c = {0};
	struct store_options opt = {.root = "/other/./root/", .imagestore = "/i"};
	struct err e;

	set_conf(*state, CONF("imagestore = \"/conf\"\n[storage.options]\n"
			      "additionalimagestores = [\"/a\"]\nforce_mask = 448\n"));
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	/* --root drops the options of the file, good and bad. */
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_string_equal(c.graphroot, "/other/root");
	assert_string_equal(c.runroot, "/r");
	assert_string_equal(c.imagestore, "/i");
	assert_int_equal(c.n_additional, 0);
	store_config_release(&c);
	opt = (struct store_options){.driver = "vfs", .runroot = "/rr"};
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_int_equal(c.driver, STORE_VFS);
	assert_string_equal(c.graphroot, "/g");
	assert_string_equal(c.runroot, "/rr");
	assert_string_equal(c.imagestore, "/conf");
}

static void test_environment(void **state)
{
	CLEANUP_STORE_CONFIG struct store_config c = {0};
	struct err e;

	set_conf(*state, CONF("[storage.options]\nadditionalimagestores = [\"/a\"]\n"));
	setenv("STORAGE_OPTS", "overlay.imagestore=/b,overlay.mountopt=nodev", 1);
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_int_equal(c.n_additional, 1);
	assert_string_equal(c.additional[0], "/b");
	store_config_release(&c);
	setenv("STORAGE_OPTS", "", 1);
	setenv("STORAGE_DRIVER", "vfs", 1);
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_int_equal(c.driver, STORE_VFS);
	assert_int_equal(c.n_additional, 0);
	store_config_release(&c);
	setenv("CONTAINERS_STORAGE_CONF", "/does/not/exist", 1);
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	setenv("CONTAINERS_STORAGE_CONF", "/etc", 1);
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
}

/* --storage-opt replaces the options of the file; buildah divides it at commas, and keeps them with --root. */
static void test_storage_opt(void **state)
{
	static const char *const good[] = {"overlay.imagestore=/a,/b", "mountopt=x"};
	static const char *const split[] = {"overlay.imagestore=/a,mountopt=x"};
	struct scratch *s = *state;
	struct store_options opt = {.storage_opts = good, .n_storage_opts = 2};
	struct store_config c;
	struct err e;

	set_conf(s,
	    "[storage]\ndriver = \"overlay\"\ngraphroot = \"$LSTEST/g\"\n"
	    "runroot = \"/r\"\n[storage.options]\nadditionalimagestores = [\"/more\"]\n");
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_int_equal(c.n_additional, 2);
	assert_string_equal(c.additional[1], "/b");
	store_config_release(&c);
	/* As podman, one option whose value has a comma. */
	opt = (struct store_options){.storage_opts = split, .n_storage_opts = 1};
	assert_int_equal(discover(&opt, &c, &e), ERR_STORE);
	opt.buildah = true;
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_int_equal(c.n_additional, 1);
	store_config_release(&c);
	opt = (struct store_options){.root = "/other"};
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_int_equal(c.n_additional, 0);
	store_config_release(&c);
	opt.buildah = true;
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_int_equal(c.n_additional, 1);
	assert_string_equal(c.additional[0], "/more");
	store_config_release(&c);
}

static void test_rootless(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *config = xasprintf("%s/a", s->dir);
	CLEANUP_STORE_CONFIG struct store_config c = {0};
	struct store_options opt = {.driver = "overlay"};
	struct err e;

	setenv("_CONTAINERS_ROOTLESS_UID", "1234", 1);
	setenv("XDG_RUNTIME_DIR", s->config.runroot, 1);
	setenv("XDG_DATA_HOME", s->dir, 1);
	setenv("XDG_CONFIG_HOME", config, 1);
	assert_int_equal(discover(&opt, &c, &e), 0);
	assert_string_equal(below(s, c.graphroot), "/containers/storage");
	assert_string_equal(below(s, c.runroot), "/r/containers");
	store_config_release(&c);
	scratch_mkdir(s, "a/containers");
	scratch_write(s, "a/containers/storage.conf",
	    "[storage]\ndriver='vfs'\nrootless_storage_path='/u/$UID/s'\n");
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_int_equal(c.driver, STORE_VFS);
	assert_string_equal(c.graphroot, "/u/1234/s");
	assert_string_equal(below(s, c.runroot), "/r/containers");
	store_config_release(&c);
	/* Without XDG_RUNTIME_DIR, where some engine was before, unless several were. */
	unsetenv("XDG_RUNTIME_DIR");
	setenv("TMPDIR", config, 1);
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "XDG_RUNTIME_DIR"));
	scratch_mkdir(s, "a/podman-run-1234");
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_string_equal(below(s, c.runroot), "/a/podman-run-1234/containers");
	store_config_release(&c);
	scratch_mkdir(s, "a/storage-run-1234");
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	unsetenv("TMPDIR");
}

/* A user without any file: podman comes back to the driver that the store was made with. */
static void test_rootless_driver(void **state)
{
	struct scratch *s = *state;
	CLEANUP_STORE_CONFIG struct store_config c = {0};
	struct err e;

	setenv("_CONTAINERS_ROOTLESS_UID", "1234", 1);
	setenv("XDG_RUNTIME_DIR", s->config.runroot, 1);
	setenv("XDG_CONFIG_HOME", s->config.runroot, 1);
	setenv("XDG_DATA_HOME", s->dir, 1);
	scratch_mkdir(s, "containers");
	scratch_mkdir(s, "containers/storage");
	scratch_mkdir(s, "containers/storage/vfs");
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_int_equal(c.driver, STORE_VFS);
	store_config_release(&c);
	scratch_mkdir(s, "containers/storage/overlay");
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
}

/* What is refused, and the word its message must have. */
static const struct {
	const char *conf, *word;
} refused[] = {
    {CONF("transient_store = true\n"), "transient_store"},
    {CONF("transient_store = 1\n"), "storage.conf:5"},
    {CONF("imagestore = \"/g\"\n"), "imagestore"},
    {CONF("imagestore = \"relative\"\n"), "imagestore"},
    {CONF("[storage.options]\nadditionallayerstores = [\"/als:ref\"]\n"),
	"additional layer store"},
    {CONF("[storage.options]\nadditionalimagestores = [\"relative\"]\n"), "relative"},
    {CONF("[storage.options]\nadditionalimagestores = [1]\n"), "storage.conf:6"},
    {CONF("[storage.options]\nignore_chown_errors = \"true\"\n"), "ignore_chown_errors"},
    {CONF("[storage.options]\nforce_mask = 0o755\n"), "force_mask"},
    {CONF("[storage.options.overlay]\nforce_mask = \"shared\"\n"), "force_mask"},
    {CONF("[storage.options.overlay]\nuse_composefs = \"true\"\n"), "use_composefs"},
    {CONF("[storage.options.overlay]\nuse_composefs = \"T\"\n"), "use_composefs"},
    /* podman's reader folds case, ours must not overlook them. */
    {CONF("[storage.options.overlay]\nUse_Composefs = \"true\"\n"), "upper case"},
    {CONF("[Storage.Options]\nignore_chown_errors = \"true\"\n"), "upper case"},
    {CONF("GraphRoot = \"/other\"\n"), "upper case"},
    /* Other ways to spell a table or a key. */
    {CONF("\"graphroot\" = \"/other\"\n"), "storage.conf:5"},
    {CONF("options.ignore_chown_errors = \"true\"\n"), "storage.conf:5"},
    {CONF("options = { ignore_chown_errors = \"true\" }\n"), "storage.conf:5"},
    {CONF("[storage.options]\noverlay = { use_composefs = \"true\" }\n"),
	"storage.conf:6"},
    {CONF("[\"storage\".options]\nforce_mask = 1\n"), "storage.conf:5"},
    {CONF("[[storage.options]]\nforce_mask = 1\n"), "storage.conf:5"},
    {"storage = { driver = \"vfs\" }\n", "storage.conf:1"},
    {"storage.driver = \"vfs\"\n", "storage.conf:1"},
    {CONF("graphroot = \"/twice\"\n"), "storage.conf:5"},
    {CONF("rootless_storage_path = \"\"\"\n/x\"\"\"\n"), "several lines"},
    {CONF("rootless_storage_path = \"\\u0041\"\n"), "escape"},
    {CONF("rootless_storage_path = \"open\n"), "without end"},
    {CONF("rootless_storage_path = \"/x\" \"/y\"\n"), "storage.conf:5"},
    {CONF("rootless_storage_path\n"), "storage.conf:5"},
    {CONF("x = [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]\n"), "deep"},
    {CONF("x = [1 2]\n"), "list"},
    {CONF("x = \n"), "storage.conf:5"},
    {CONF("[storage.options"), "storage.conf:5"},
    {"[storage]\ndriver = \"btrfs\"\ngraphroot = \"/g\"\n", "btrfs"},
    {"[storage]\ndriver_priority = [\"vfs\"]\ngraphroot = \"/g\"\n", "driver_priority"},
    {"[storage]\ndriver = \"overlay\"\ngraphroot = \"relative\"\n", "relative"},
    {"[storage]\ndriver = \"overlay\"\ngraphroot = \"/$(id)\"\n", "variable"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct store_config c;
		struct err e = {0};

		set_conf(*state, refused[i].conf);
		if (discover(NULL, &c, &e) != ERR_STORE)
			fail_msg("passed: %s", refused[i].conf);
		if (!strstr(e.msg, refused[i].word))
			fail_msg("%s\nsays: %s", refused[i].conf, e.msg);
		assert_null(c.graphroot);
	}
}

static void test_refused_options(void **state)
{
	static const char *const opts[] = {"overlay.ignore_chown_errors=1",
	    "OVERLAY.Force_Mask=700", ".use_composefs=true", "overlay.what=1", "novalue",
	    "overlay2.additionallayerstore=/x", "imagestore=relative"};
	struct store_config c;
	struct err e;

	set_conf(*state, CONF(""));
	for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
		setenv("STORAGE_OPTS", opts[i], 1);
		if (discover(NULL, &c, &e) != ERR_STORE)
			fail_msg("passed: %s", opts[i]);
	}
	setenv("STORAGE_OPTS", "overlay.ignore_chown_errors=false,overlay.mountopt=x", 1);
	assert_int_equal(discover(NULL, &c, &e), 0);
	store_config_release(&c);
	unsetenv("STORAGE_OPTS");
	setenv("CONTAINERS_STORAGE_CONF_OVERRIDE", "/x", 1);
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
}

/* An attacker makes a directory to have another driver chosen. */
static void test_driver_not_named(void **state)
{
	struct scratch *s = *state;
	struct store_config c;
	struct err e;

	set_conf(s, "[storage]\ngraphroot='$LSTEST/g'\nrunroot='$LSTEST/r'\n");
	assert_int_equal(discover(NULL, &c, &e), 0);
	assert_int_equal(c.driver, STORE_OVERLAY);
	store_config_release(&c);
	scratch_mkdir(s, "g/vfs");
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "--storage-driver"));
	set_conf(s, "[storage]\ngraphroot='$LSTEST/x'\nrunroot='$LSTEST/r'\n");
	scratch_mkdir(s, "x");
	scratch_mkdir(s, "x/vfs");
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	scratch_mkdir(s, "y");
	scratch_mkdir(s, "y/zfs");
	set_conf(s, "[storage]\ngraphroot='$LSTEST/y'\nrunroot='$LSTEST/r'\n");
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "zfs"));
}

static void test_nul_in_conf(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *path = xasprintf("%s/storage.conf", s->dir);
	static const char text[] = CONF("\0transient_store = true\n");
	struct store_config c;
	struct err e;
	FILE *f;

	set_conf(s, "");
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, sizeof(text) - 1, f), sizeof(text) - 1);
	fclose(f);
	assert_int_equal(discover(NULL, &c, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "NUL"));
}

static void test_clean(void **state)
{
	static const char *const paths[][2] = {{"/", "/"}, {"//", "/"}, {"/a/b", "/a/b"},
	    {"/a//b/", "/a/b"}, {"/./a/./b/.", "/a/b"}, {"/a/../b", "/b"},
	    {"/../..", "/"}, {"/a/..", "/"}, {"/a/b/../../c", "/c"},
	    {"/..a/.b", "/..a/.b"}, {"/a/...", "/a/..."}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP_FREE char *clean = path_clean(paths[i][0]);

		assert_string_equal(clean, paths[i][1]);
	}
}

static void test_open(void **state)
{
	struct scratch *s = *state;
	char path[STORE_TREE_PATH_MAX];
	struct err e;

	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
	assert_int_equal(s->store.n_places, 1);
	assert_int_equal(s->store.places[0].kind, PLACE_GRAPHROOT);
	assert_true(s->store.places[0].driver_fd >= 0);
	assert_true(s->store.places[0].layers_fd >= 0);
	assert_true(s->store.places[0].images_fd >= 0);
	assert_true(s->store.runroot_fd >= 0);
	store_tree_path(&s->store, "0123", path);
	assert_string_equal(path, "0123/diff");
	store_release(&s->store);
	assert_int_equal(s->store.runroot_fd, -1);
	/* Nothing but a root is fine: podman has not run yet. */
	s->config.driver = STORE_VFS;
	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
	assert_int_equal(s->store.places[0].driver_fd, -1);
	store_tree_path(&s->store, "0123", path);
	assert_string_equal(path, "dir/0123");
}

static void test_open_refused(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *layers = xasprintf("%s/g/overlay-layers", s->dir);
	char *graphroot = s->config.graphroot;
	struct err e;

	s->config.imagestore = xasprintf("%s/a/../g", s->dir);
	assert_int_equal(store_open(&s->config, &s->store, &e), ERR_STORE);
	assert_non_null(strstr(e.msg, "same directory"));
	assert_int_equal(s->store.n_places, 0);
	free(take_ptr(s->config.imagestore));
	/* A link leads the records elsewhere. */
	assert_int_equal(rmdir(layers), 0);
	assert_int_equal(symlink("../a/overlay-layers", layers), 0);
	assert_int_equal(store_open(&s->config, &s->store, &e), ERR_STORE);
	s->config.graphroot = xasprintf("%s/none", s->dir);
	assert_int_equal(store_open(&s->config, &s->store, &e), ERR_STORE);
	free(s->config.graphroot);
	s->config.graphroot = xasprintf("%s/file", s->dir);
	scratch_write(s, "file", "");
	assert_int_equal(store_open(&s->config, &s->store, &e), ERR_STORE);
	free(s->config.graphroot);
	s->config.graphroot = graphroot;
}

static void test_no_runroot(void **state)
{
	struct scratch *s = *state;
	struct err e;

	free(s->config.runroot);
	s->config.runroot = xasprintf("%s/none", s->dir);
	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
	assert_int_equal(s->store.runroot_fd, -1);
}

/* Root verifies the store of a user: the engine's marks are the user's. */
static void test_user_xattrs(void **state)
{
	struct scratch *s = *state;
	CLEANUP_FREE char *overlay = xasprintf("%s/g/overlay", s->dir);
	struct err e;

	if (geteuid() != 0) {
		assert_int_equal(store_open(&s->config, &s->store, &e), 0);
		assert_true(s->store.user_xattrs);
		return;
	}
	assert_int_equal(chown(overlay, 1234, 1234), 0);
	assert_int_equal(store_open(&s->config, &s->store, &e), 0);
	assert_true(s->store.user_xattrs);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_storage_opt),
	    TEST(test_conf),
	    TEST(test_options_win),
	    TEST(test_environment),
	    TEST(test_rootless),
	    TEST(test_rootless_driver),
	    TEST(test_refused),
	    TEST(test_refused_options),
	    TEST(test_driver_not_named),
	    TEST(test_nul_in_conf),
	    TEST(test_clean),
	    TEST(test_open),
	    TEST(test_open_refused),
	    TEST(test_no_runroot),
	    TEST(test_user_xattrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
