/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c: what a layer is against what was committed; every way to differ is tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer.h"

/* --- what was found ----------------------------------------------------------------------- */

static void show(const struct findings *list)
{
	for (size_t i = 0; i < list->n; i++)
		print_message("  %s %s: expected %s, found %s\n",
		    finding_class_name(list->v[i].class),
		    list->v[i].path ? list->v[i].path : "-",
		    list->v[i].expected ? list->v[i].expected : "-",
		    list->v[i].found ? list->v[i].found : "-");
}

static void finds_nothing(const struct world *w)
{
	if (w->findings.n) {
		show(&w->findings);
		fail_msg("a false alarm");
	}
	assert_true(w->checked);
}

static bool has(const char *text, const char *part)
{
	return !part || (text && strstr(text, part));
}

/* Among the findings is one of that class and path whose texts have these parts. */
static void finds(const struct world *w, enum finding_class class, const char *path,
    const char *expected, const char *found)
{
	for (size_t i = 0; i < w->findings.n; i++) {
		const struct finding *f = &w->findings.v[i];

		if (f->class == class && f->layer && has(f->path, path) &&
		    (!path == !f->path) && has(f->expected, expected) &&
		    has(f->found, found))
			return;
	}
	show(&w->findings);
	fail_msg("not found: %s %s: expected %s, found %s", finding_class_name(class),
	    path ? path : "-", expected ? expected : "-", found ? found : "-");
}

/* --- a layer with a bit of everything ----------------------------------------------------- */

static const struct member sample[] = {
    {.name = "etc/", .type = '5', .mode = 01777, .xattr = "user.dir", .value = "1"},
    {.name = "etc/passwd",
	.data = "root:x:0:0::/:/bin/sh\n",
	.xattr = "user.a",
	.value = "b"},
    {.name = "etc/link", .type = '1', .link = "etc/passwd"},
    {.name = "etc/sym", .type = '2', .link = "passwd"},
    {.name = "etc/fifo", .type = '6', .mode = 0600}, {.name = "etc/empty", .mtime = 5},
    {.name = "bin/su", .data = "#!su", .mode = 04755},
    {.name = "bin/sh", .data = "#!sh", .mode = 0100755}, /* as old Docker writes it */
};

static void start_sample(struct world *w, struct layer *l)
{
	char path[256];

	world_start(w, STORE_OVERLAY);
	layer_start(l, 'a', NULL);
	for (size_t i = 0; i < ARRAY_LEN(sample); i++)
		layer_add(l, &sample[i]);
	layer_end(l);
	layer_write(w, l);
	layer_path(w, l, "bin", path);
	assert_int_equal(mkdir(path, 0755), 0); /* has no header */
	for (size_t i = 0; i < ARRAY_LEN(sample); i++)
		layer_extract(w, l, &sample[i]);
	layer_path(w, l, "etc", path);
	set_time(path, 0);
}

static void end(struct world *w, struct layer *l)
{
	layer_release(l);
	world_end(w);
}

static void committed_tree_is_clean(void **state)
{
	struct world w;
	struct layer l;

	(void)state;
	start_sample(&w, &l);
	layer_read(&w, &l);
	layer_compare(&w, &l);
	finds_nothing(&w);
	assert_true(digest_equal(&w.result.diff_id, &l.record.diff.d));
	assert_int_equal(w.result.diff_size, l.tar.len);
	end(&w, &l);
}

/* One change of the tree and the finding it must give. */
struct change {
	void (*make)(const char *tree);
	enum finding_class class;
	const char *path, *expected, *found;
};

static void write_file(const char *tree, const char *name, const char *data)
{
	char path[512];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	if (stat(path, &st))
		st.st_mtim.tv_sec = MTIME;
	f = fopen(path, "r+");
	if (!f)
		f = fopen(path, "w");
	fputs(data, f);
	fclose(f);
	set_time(path, (unsigned)st.st_mtim.tv_sec);
	/* The directory as if nothing had happened. */
	*strrchr(path, '/') = '\0';
	set_time(path, 0);
}

static void at(const char *tree, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", tree, name);
}

/* Removes a name and hides that in the directory's time. */
static void drop(const char *tree, const char *name)
{
	char path[512];

	at(tree, name, path);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	set_time(path, 0);
}

static void edit_content(const char *t)
{
	write_file(t, "bin/sh", "#!xx");
}
static void edit_linked(const char *t)
{
	write_file(t, "etc/link", "r00t");
}
static void add_file(const char *t)
{
	write_file(t, "bin/evil", "evil");
}
static void add_empty(const char *t)
{
	write_file(t, "etc/nologin", "");
}
static void append(const char *t)
{
	write_file(t, "bin/sh", "#!sh; evil");
}
static void remove_file(const char *t)
{
	drop(t, "bin/sh");
}
static void remove_empty(const char *t)
{
	drop(t, "etc/empty");
}
static void set_uid(const char *t)
{
	char p[512];

	at(t, "bin/sh", p);
	assert_int_equal(chmod(p, 04755), 0);
}
static void drop_sticky(const char *t)
{
	char p[512];

	at(t, "etc", p);
	assert_int_equal(chmod(p, 0777), 0);
}
static void open_root(const char *t)
{
	assert_int_equal(chmod(t, 0777), 0);
}
static void open_implicit(const char *t)
{
	char p[512];

	at(t, "bin", p);
	assert_int_equal(chmod(p, 0777), 0);
}
static void move_time(const char *t)
{
	char p[512];

	at(t, "etc/empty", p);
	set_time(p, 6);
}
static void move_dir_time(const char *t)
{
	char p[512];

	at(t, "etc", p);
	set_time(p, 6);
}
static void add_xattr(const char *t)
{
	char p[512];

	at(t, "bin/sh", p);
	assert_int_equal(setxattr(p, "user.evil", "1", 1, 0), 0);
}
static void change_xattr(const char *t)
{
	char p[512];

	at(t, "etc/passwd", p);
	assert_int_equal(setxattr(p, "user.a", "c", 1, 0), 0);
}
static void remove_xattr(const char *t)
{
	char p[512];

	at(t, "etc", p);
	assert_int_equal(removexattr(p, "user.dir"), 0);
}
static void mark_opaque(const char *t)
{
	char p[512];

	at(t, "etc", p);
	assert_int_equal(
	    setxattr(p, getuid() ? "user.overlay.opaque" : "trusted.overlay.opaque", "y",
		1, 0),
	    0);
}
static void retarget(const char *t)
{
	char p[512];

	at(t, "etc/sym", p);
	unlink(p);
	assert_int_equal(symlink("shadow", p), 0);
	set_time(p, 0);
}
static void file_to_link(const char *t)
{
	char p[512];

	at(t, "bin/sh", p);
	unlink(p);
	assert_int_equal(symlink("su", p), 0);
	set_time(p, 0);
}
static void whiteout(const char *t)
{
	char p[512];

	at(t, "bin/sh", p);
	unlink(p);
	assert_int_equal(mknod(p, S_IFCHR, makedev(0, 0)), 0);
}
static void split_link(const char *t)
{
	drop(t, "etc/link");
	write_file(t, "etc/link", "root:x:0:0::/:/bin/sh\n");
}
static void join_files(const char *t)
{
	char p[512], q[512];

	at(t, "bin/sh", p);
	at(t, "etc/empty", q);
	unlink(q);
	assert_int_equal(link(p, q), 0);
}
static void file_to_fifo(const char *t)
{
	char p[512];

	at(t, "bin/sh", p);
	unlink(p);
	assert_int_equal(mkfifo(p, 0755), 0);
}

static void every_change_is_found(void **state)
{
	static const struct change changes[] = {
	    {edit_content, FINDING_DIFF_ID, NULL, "sha256:", "sha256:"},
	    {edit_content, FINDING_DIFF_ID, "/bin/sh", "CRC-64", ""},
	    {edit_linked, FINDING_DIFF_ID, "/etc/passwd", "CRC-64", ""},
	    {append, FINDING_DIFF_ID, "/bin/sh", "4 bytes", "10 bytes"},
	    {append, FINDING_TAR_HEADER, "/bin/sh", "4 bytes", "10"},
	    {add_file, FINDING_TAR_HEADER, "/bin/evil", "no tar header", "file"},
	    {add_empty, FINDING_TAR_HEADER, "/etc/nologin", "no tar header", "file"},
	    {remove_file, FINDING_DIFF_ID, "/bin/sh", "4 bytes", "nothing"},
	    {remove_file, FINDING_TAR_HEADER, "/bin/sh", "file", "nothing"},
	    {remove_empty, FINDING_TAR_HEADER, "/etc/empty", "file", "nothing"},
	    {set_uid, FINDING_TAR_HEADER, "/bin/sh", "mode 0755", "4755"},
	    {drop_sticky, FINDING_TAR_HEADER, "/etc", "mode 1777", "0777"},
	    {open_root, FINDING_TAR_HEADER, "/", "mode 0555", "mode 0777"},
	    {open_implicit, FINDING_TAR_HEADER, "/bin", "mode 0755", "mode 0777"},
	    {move_time, FINDING_TAR_HEADER, "/etc/empty", "mtime 5.", "6."},
	    {move_dir_time, FINDING_TAR_HEADER, "/etc", "mtime 1000000000.", "6."},
	    {add_xattr, FINDING_TAR_HEADER, "/bin/sh", "no xattr user.evil", "user.evil"},
	    {change_xattr, FINDING_TAR_HEADER, "/etc/", "xattr user.a", "another value"},
	    {remove_xattr, FINDING_TAR_HEADER, "/etc", "xattr user.dir", "no such"},
	    {mark_opaque, FINDING_TAR_HEADER, "/etc", "overlay.opaque", "overlay.opaque"},
	    {retarget, FINDING_TAR_HEADER, "/etc/sym", "to passwd", "shadow"},
	    {file_to_link, FINDING_TAR_HEADER, "/bin/sh", "file", "symbolic link"},
	    {file_to_link, FINDING_DIFF_ID, "/bin/sh", "4 bytes", ""},
	    {whiteout, FINDING_TAR_HEADER, "/bin/sh", "file", "character device"},
	    {file_to_fifo, FINDING_TAR_HEADER, "/bin/sh", "file", "fifo"},
	    {file_to_fifo, FINDING_DIFF_ID, "/bin/sh", "4 bytes", "not a regular file"},
	    {split_link, FINDING_TAR_HEADER, "/etc/passwd", "hard link to /etc/link",
		"file of its own"},
	    {join_files, FINDING_TAR_HEADER, "/etc/empty", "no hard link", "/bin/sh"},
	};
	struct world w;
	struct layer l;
	char tree[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const struct change *c = &changes[i];

		start_sample(&w, &l);
		layer_path(&w, &l, "", tree);
		c->make(tree);
		layer_read(&w, &l);
		layer_compare(&w, &l);
		finds(&w, c->class, c->path, c->expected, c->found);
		end(&w, &l);
	}
}

/* --- streams that are cut otherwise ------------------------------------------------------- */

static const struct member a = {.name = "a", .data = "AAAA"},
			   b = {.name = "b", .data = "BBBB"};

/* The bytes of an honest tar of a and b, cut by the attacker; what must be said about it. */
struct cut {
	void (*make)(struct world *w, struct layer *l);
	const char *found;
};

static void tree_file(
    struct world *w, struct layer *l, const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *f;

	layer_path(w, l, name, path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
	set_time(path, 0);
}

static void finish(struct world *w, struct layer *l, const char *in_a, const char *in_b)
{
	layer_end(l);
	layer_write(w, l);
	tree_file(w, l, "a", in_a, 4);
	tree_file(w, l, "b", in_b, 4);
}

static void bodies_swapped(struct world *w, struct layer *l)
{
	layer_header(l, &a, 4);
	layer_file(l, "b", "AAAA", 4);
	layer_pad(l);
	layer_header(l, &b, 4);
	layer_file(l, "a", "BBBB", 4);
	layer_pad(l);
	finish(w, l, "BBBB", "AAAA");
}

static void body_in_segment(struct world *w, struct layer *l)
{
	layer_header(l, &a, 4);
	layer_segment(l, "AAAA", 4);
	layer_pad(l);
	layer_add(l, &b);
	finish(w, l, "EVIL", "BBBB");
}

static void body_in_segment_with_entry(struct world *w, struct layer *l)
{
	layer_header(l, &a, 4);
	layer_file(l, "a", "", 0);
	layer_segment(l, "AAAA", 4);
	layer_pad(l);
	layer_add(l, &b);
	finish(w, l, "EVIL", "BBBB");
}

/* The body is shifted by a block: what is on disk as "c" is the header of the next file. */
static void body_shifted(struct world *w, struct layer *l)
{
	const struct member c = {.name = "c"};
	char block[TAR_BYTES], header[TAR_BYTES];
	struct layer scratch;

	layer_start(&scratch, 'f', NULL);
	layer_header(&scratch, &a, 4);
	memcpy(header, scratch.tar.data, sizeof(header));
	layer_release(&scratch);
	memset(block, 'C', sizeof(block));
	layer_header(l, &c, sizeof(block));
	layer_segment(l, block, sizeof(block));
	layer_file(l, "c", header, sizeof(header)); /* in place of the header of a */
	layer_file(l, "a", "AAAA", 4);
	layer_pad(l);
	layer_add(l, &b);
	finish(w, l, "AAAA", "BBBB");
	tree_file(w, l, "c", header, sizeof(header));
}

static void body_behind_the_end(struct world *w, struct layer *l)
{
	layer_add(l, &a);
	layer_add(l, &b);
	layer_end(l);
	layer_file(l, "a", "AAAA", 4);
	layer_pad(l);
	finish(w, l, "AAAA", "BBBB");
}

static void entry_twice(struct world *w, struct layer *l)
{
	layer_add(l, &a);
	layer_file(l, "a", "", 0);
	layer_add(l, &b);
	finish(w, l, "AAAA", "BBBB");
}

static void entry_first(struct world *w, struct layer *l)
{
	layer_file(l, "a", "AAAA", 4);
	layer_pad(l);
	layer_add(l, &b);
	finish(w, l, "AAAA", "BBBB");
}

static void header_twice(struct world *w, struct layer *l)
{
	const struct member d = {.name = "d/", .type = '5'};

	layer_add(l, &d);
	layer_add(l, &d);
	layer_write(w, l);
}

static void name_climbs(struct world *w, struct layer *l)
{
	const struct member m = {.name = "x/../a", .type = '2', .link = "x"};

	layer_header(l, &m, 0);
	layer_write(w, l);
}

static void below_symlink(struct world *w, struct layer *l)
{
	const struct member m = {.name = "s", .type = '2', .link = "/etc"},
			    n = {.name = "s/f"};

	layer_add(l, &m);
	layer_add(l, &n);
	layer_write(w, l);
}

static void link_to_nothing(struct world *w, struct layer *l)
{
	const struct member m = {.name = "l", .type = '1', .link = "nothing"};

	layer_add(l, &m);
	layer_write(w, l);
}

static void half_an_end(struct world *w, struct layer *l)
{
	char block[TAR_BYTES] = "x";

	layer_add(l, &a);
	layer_segment(l, "", 1);
	layer_pad(l);
	layer_segment(l, block, sizeof(block));
	layer_add(l, &b);
	finish(w, l, "AAAA", "BBBB");
}

static void no_tar(struct world *w, struct layer *l)
{
	char block[2 * TAR_BYTES];

	memset(block, 'x', sizeof(block));
	layer_segment(l, block, sizeof(block));
	layer_write(w, l);
}

/* libarchive skips volume labels, Go stops at them. */
static void skipped_type(struct world *w, struct layer *l)
{
	const struct member m = {.name = "v", .type = 'V'};

	layer_add(l, &m);
	layer_add(l, &a);
	finish(w, l, "AAAA", "BBBB");
}

/* What a partial pull does differently, and the same in a layer that none made. */
static void partial_pull(const char *tree)
{
	char p[512];

	drop(tree, "etc/fifo");
	at(tree, "etc", p);
	set_time(p, 7);
	at(tree, "etc/sym", p);
	set_time(p, 7);
	at(tree, "bin", p);
	if (getuid() == 0) /* nobody else could read it */
		assert_int_equal(chmod(p, 0), 0);
}

static void partial_pulls_are_no_excuse(void **state)
{
	static char toc[] = "zstd-chunked-manifest";
	static char *data[] = {toc};
	static void (*const more[])(const char *) = {NULL, edit_content, add_file,
	    remove_file, remove_empty, set_uid, drop_sticky, retarget};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(more); i++) {
		struct world w;
		struct layer l;
		char tree[256];

		start_sample(&w, &l);
		if (i < ARRAY_LEN(more)) {
			l.record.big_data = data;
			l.record.n_big_data = 1;
		}
		layer_path(&w, &l, "", tree);
		partial_pull(tree);
		if (more[i % ARRAY_LEN(more)])
			more[i % ARRAY_LEN(more)](tree);
		layer_read(&w, &l);
		layer_compare(&w, &l);
		if (i == 0)
			finds_nothing(&w);
		else
			assert_true(w.findings.n > 0);
		if (i == ARRAY_LEN(more)) {
			finds(&w, FINDING_TAR_HEADER, "/etc/fifo", "fifo", "nothing");
			finds(&w, FINDING_TAR_HEADER, "/etc", "mtime", "7");
			finds(&w, FINDING_TAR_HEADER, "/etc/sym", "mtime", "7");
			if (getuid() == 0)
				finds(&w, FINDING_TAR_HEADER, "/bin", "0755", "0000");
		}
		end(&w, &l);
	}
}

/* The diff-id of most of these is right: it says nothing about the cuts. */
static void every_cut_is_found(void **state)
{
	static const struct cut cuts[] = {
	    {bodies_swapped, "the entry of b does not follow"},
	    {body_in_segment, "a has no file entry"},
	    {body_in_segment_with_entry, "the entry of a does not follow"},
	    {body_shifted, "the entry of c does not follow"},
	    {body_behind_the_end, "the entry of a does not follow"},
	    {entry_twice, "entries of files that have no header"},
	    {entry_first, "the entry of a does not follow"},
	    {header_twice, "a second header for this name"},
	    {name_climbs, "a name with \"..\""},
	    {below_symlink, "below something that is no directory"},
	    {link_to_nothing, "a hard link to no file"},
	    {half_an_end, "half an end"},
	    {no_tar, "not a tar"},
	    {skipped_type, "more than one header"},
	};
	struct world w;
	struct layer l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		world_start(&w, STORE_OVERLAY);
		layer_start(&l, 'a', NULL);
		cuts[i].make(&w, &l);
		layer_read(&w, &l);
		finds(&w, FINDING_TAR_HEADER, NULL, NULL, cuts[i].found);
		assert_false(w.checked);
		assert_true(digest_equal(&w.result.diff_id, &l.record.diff.d));
		assert_int_equal(w.findings.n, 1);
		layer_compare(&w, &l);
		assert_int_equal(w.findings.n, 1);
		end(&w, &l);
	}
}

static void unusable_streams(void **state)
{
	struct world w;
	struct layer l;
	char path[256];
	struct digest digest;
	struct err e;

	(void)state;
	start_sample(&w, &l);
	assert_int_equal(identity_tar_split_digest(&w.store, &l.record, &digest, &e), 0);
	layer_read(&w, &l);
	assert_true(digest_equal(&digest, &w.result.tar_split));
	snprintf(path, sizeof(path), "%s/l/%s.tar-split.gz", w.path, l.record.id);
	assert_int_equal(truncate(path, 100), 0);
	layer_read(&w, &l);
	finds(&w, FINDING_TAR_SPLIT, NULL, NULL, "cut short");
	assert_false(w.checked);
	assert_int_equal(
	    identity_tar_split_digest(&w.store, &l.record, &digest, &e), ERR_MALFORMED);
	unlink(path);
	layer_read(&w, &l);
	finds(&w, FINDING_TAR_SPLIT, NULL, NULL, "nothing");
	assert_int_equal(
	    identity_tar_split_digest(&w.store, &l.record, &digest, &e), ERR_NOT_FOUND);
	assert_int_equal(mkdir(path, 0700), 0);
	layer_read(&w, &l);
	finds(&w, FINDING_TAR_SPLIT, NULL, NULL, "not a regular file");
	rmdir(path);
	end(&w, &l);
}

static void record_must_state_the_diff_id(void **state)
{
	struct world w;
	struct layer l;

	(void)state;
	start_sample(&w, &l);
	l.record.diff.d.bytes[31] ^= 1;
	l.record.diff_size++;
	layer_read(&w, &l);
	finds(&w, FINDING_DIFF_ID, NULL, "sha256:", "sha256:");
	finds(&w, FINDING_DIFF_ID, NULL, "bytes", "bytes");
	findings_release(&w.findings);
	l.record.diff.has = false;
	layer_read(&w, &l);
	finds(&w, FINDING_DIFF_ID, NULL, "a diff-digest in the record", "sha256:");
	end(&w, &l);
}

/* --- owners, whiteouts, roots ------------------------------------------------------------- */

static void owners(void **state)
{
	const struct member m = {.name = "f", .id = 5};
	struct world w;
	struct layer l;

	(void)state;
	world_start(&w, STORE_OVERLAY);
	layer_start(&l, 'a', NULL);
	layer_add(&l, &m);
	layer_end(&l);
	layer_write(&w, &l);
	layer_extract(&w, &l, &m); /* owned by the runner */
	layer_read(&w, &l);
	layer_compare(&w, &l);
	finds(&w, FINDING_TAR_HEADER, "/f", "owner 5:5", "0:0");
	assert_int_equal(w.findings.n, 1);
	end(&w, &l);
}

static void whiteouts(void **state)
{
	static const struct member members[] = {
	    {.name = "d/", .type = '5'},
	    {.name = "d/.wh..wh..opq"},
	    {.name = ".wh.gone"},
	    {.name = "gone/.wh.too"}, /* below a whiteout: nothing */
	    {.name = ".wh.back"},
	    {.name = "back/", .type = '5'},
	};
	const char *mark = getuid() ? "user.overlay.opaque" : "trusted.overlay.opaque";
	char gone[256], dir[256];
	struct world w;
	struct layer l;

	(void)state;
	world_start(&w, STORE_OVERLAY);
	layer_start(&l, 'a', NULL);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		layer_add(&l, &members[i]);
	layer_end(&l);
	layer_write(&w, &l);
	layer_extract(&w, &l, &members[0]);
	layer_extract(&w, &l, &members[5]);
	layer_path(&w, &l, "gone", gone);
	layer_path(&w, &l, "d", dir);
	assert_int_equal(mknod(gone, S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(setxattr(dir, mark, "y", 1, 0), 0);
	layer_read(&w, &l);
	layer_compare(&w, &l);
	finds_nothing(&w);
	/* What was deleted comes back. */
	assert_int_equal(setxattr(dir, mark, "x", 1, 0), 0);
	layer_compare(&w, &l);
	finds(&w, FINDING_TAR_HEADER, "/d", "overlay.opaque", "another value");
	assert_int_equal(removexattr(dir, mark), 0);
	assert_int_equal(unlink(gone), 0);
	layer_compare(&w, &l);
	finds(&w, FINDING_TAR_HEADER, "/d", "overlay.opaque", "no such xattr");
	finds(&w, FINDING_TAR_HEADER, "/gone", "character device", "nothing");
	end(&w, &l);
}

static void root_is_like_the_parents(void **state)
{
	struct world w;
	struct layer base, child;
	char path[256];

	(void)state;
	world_start(&w, STORE_OVERLAY);
	layer_start(&base, 'a', NULL);
	layer_start(&child, 'b', &base);
	layer_end(&base);
	layer_write(&w, &base);
	layer_end(&child);
	layer_write(&w, &child);
	layer_path(&w, &child, "", path);
	layer_read(&w, &child);
	layer_compare(&w, &child);
	finds_nothing(&w);
	assert_int_equal(chmod(path, 0755), 0);
	layer_compare(&w, &child);
	finds(&w, FINDING_TAR_HEADER, "/", "mode 0555", "mode 0755");
	layer_release(&base);
	end(&w, &child);
}

/* --- vfs ---------------------------------------------------------------------------------- */

static const struct member below[] = {
    {.name = "d/", .type = '5'},
    {.name = "d/f", .data = "inherited"},
    {.name = "d/g", .data = "replaced"},
    {.name = "top", .data = "deleted"},
    {.name = "o/", .type = '5'},
    {.name = "o/old", .data = "hidden"},
};

static const struct member above[] = {
    {.name = "d/g", .data = "new"},
    {.name = ".wh.top"},
    {.name = "o/", .type = '5', .mode = 0711},
    {.name = "o/.wh..wh..opq"},
    {.name = "o/new", .data = "kept"},
};

static void start_vfs(struct world *w, struct layer *base, struct layer *child)
{
	char path[256];

	world_start(w, STORE_VFS);
	layer_start(base, 'a', NULL);
	for (size_t i = 0; i < ARRAY_LEN(below); i++)
		layer_add(base, &below[i]);
	layer_end(base);
	layer_write(w, base);
	layer_start(child, 'b', base);
	for (size_t i = 0; i < ARRAY_LEN(above); i++)
		layer_add(child, &above[i]);
	layer_end(child);
	layer_write(w, child);
	for (size_t i = 0; i < ARRAY_LEN(below); i++)
		layer_extract(w, base, &below[i]);
	layer_path(w, base, "d", path);
	set_time(path, 0);
	layer_path(w, base, "o", path);
	set_time(path, 0);
	layer_extract(w, child, &below[0]);
	layer_extract(w, child, &below[1]);
	layer_extract(w, child, &above[0]);
	layer_extract(w, child, &above[2]);
	layer_extract(w, child, &above[4]);
	layer_path(w, child, "o", path);
	set_time(path, 0);
}

static void vfs_trees_are_unions(void **state)
{
	struct world w;
	struct layer base, child;
	char path[256];

	(void)state;
	start_vfs(&w, &base, &child);
	layer_read(&w, &base);
	layer_compare(&w, &base);
	finds_nothing(&w);
	layer_read(&w, &child);
	layer_compare(&w, &child);
	finds_nothing(&w);

	/* What the child deleted comes back in it. */
	layer_extract(&w, &child, &below[3]);
	layer_path(&w, &child, "o/old", path);
	layer_extract(&w, &child, &below[5]);
	layer_compare(&w, &child);
	finds(&w, FINDING_TAR_HEADER, "/top", "no tar header", "file");
	finds(&w, FINDING_TAR_HEADER, "/o/old", "no tar header", "file");
	layer_release(&base);
	end(&w, &child);
}

/* The child's diff-id does not cover the parent's files that were copied into its tree. */
static void vfs_copies_are_compared(void **state)
{
	struct world w;
	struct layer base, child;
	char path[256];

	(void)state;
	start_vfs(&w, &base, &child);
	layer_path(&w, &child, "", path);
	write_file(path, "d/f", "poisoned!");
	layer_read(&w, &base);
	layer_read(&w, &child);
	layer_compare(&w, &child);
	finds(&w, FINDING_DIFF_ID, "/d/f", "committed", "other bytes");
	assert_int_equal(w.findings.n, 1);
	layer_release(&base);
	end(&w, &child);
}

/* Its headers may refer to files of its parents: without them it is hashed, not judged. */
static void vfs_layer_alone_is_hashed(void **state)
{
	const struct member m = {.name = "again", .type = '1', .link = "d/f"};
	struct world w;
	struct layer base, child;

	(void)state;
	world_start(&w, STORE_VFS);
	layer_start(&base, 'a', NULL);
	layer_start(&child, 'b', &base);
	layer_add(&child, &m);
	layer_end(&child);
	layer_write(&w, &child);
	layer_read(&w, &child);
	layer_compare(&w, &child);
	finds_nothing(&w);
	assert_true(digest_equal(&w.result.diff_id, &child.record.diff.d));
	layer_release(&base);
	end(&w, &child);
}

static void chain_ids(void **state)
{
	struct digest diff_id, expected;
	char base[ID_LEN + 1], child[ID_LEN + 1], hex[DIGEST_HEX_LEN + 1], text[200];

	(void)state;
	sha256("x", 1, &diff_id);
	digest_hex(&diff_id, hex);
	identity_chain_id("", &diff_id, base);
	assert_string_equal(base, hex);
	identity_chain_id(base, &diff_id, child);
	snprintf(text, sizeof(text), "%s+%s", base, hex);
	sha256(text, strlen(text), &expected);
	digest_hex(&expected, hex);
	assert_string_equal(child, hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(committed_tree_is_clean),
	    cmocka_unit_test(every_change_is_found),
	    cmocka_unit_test(partial_pulls_are_no_excuse),
	    cmocka_unit_test(every_cut_is_found),
	    cmocka_unit_test(unusable_streams),
	    cmocka_unit_test(record_must_state_the_diff_id),
	    cmocka_unit_test(owners),
	    cmocka_unit_test(whiteouts),
	    cmocka_unit_test(root_is_like_the_parents),
	    cmocka_unit_test(vfs_trees_are_unions),
	    cmocka_unit_test(vfs_copies_are_compared),
	    cmocka_unit_test(vfs_layer_alone_is_hashed),
	    cmocka_unit_test(chain_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
