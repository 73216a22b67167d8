/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_install.c: `layerseal hook install` and `hook remove`. Nothing is overwritten or removed that
 * install did not make: every file of it carries HOOK_MARK.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "cli/hook_place.h"

struct install {
	enum hook_kind kind;
	char *dir;	   /* owned, absolute */
	struct hookfile f; /* what is said to the hook */
};

static void install_release(struct install *i)
{
	free(i->dir);
	hookfile_release(&i->f);
}
#define CLEANUP_INSTALL CLEANUP(install_release)

static int set_path(char **to, const char *value, struct err *e)
{
	free(take_ptr(*to));
	return cli_absolute_path(value, to, e);
}

static int parse(
    const char *verb, int argc, char **argv, struct install *out, struct err *e)
{
	static const struct option all[] = {
	    {"dir", required_argument, NULL, 'd'},
	    {"link", required_argument, NULL, 'l'},
	    {"verify-run", no_argument, NULL, 'v'},
	    {"allow-remote", no_argument, NULL, 'r'},
	    {0},
	};
	static const struct option for_remove[] = {
	    {"dir", required_argument, NULL, 'd'}, {0}};
	const struct option *options =
	    strcmp(verb, "hook install") == 0 ? all : for_remove;
	int option, r = 0;

	*out = (struct install){0};
	while (!r && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			r = set_path(&out->dir, optarg, e);
			break;
		case 'l':
			r = set_path(&out->f.link, optarg, e);
			break;
		case 'v':
			out->f.verify_run = true;
			break;
		case 'r':
			out->f.allow_remote = true;
			break;
		default:
			return cli_usage_error(
			    e, verb, "an option it does not have, or without its value");
		}
	}
	if (r)
		return r;
	if (argc - optind != 1 || !hook_kind_parse(argv[optind], &out->kind))
		return cli_usage_error(e, verb, "wrapper, preexec or mount?");
	if (out->kind != HOOK_WRAPPER && out->f.link)
		return cli_usage_error(e, verb, "--link is for the wrapper");
	if (out->kind == HOOK_MOUNT && (out->f.verify_run || out->f.allow_remote))
		return cli_usage_error(e, verb,
		    "--verify-run and --allow-remote are not for the mount gate");
	return out->dir ? 0 : hook_default_dir(out->kind, &out->dir, e);
}

/* ---- install ---- */

/*
 * What the hook says to layerseal: what was said to this run. A user's hook says all of it: in the user
 * namespace of `podman unshare`, the user is root, whose defaults are others.
 */
static int take_settings(const struct cli *c, struct hookfile *f, struct err *e)
{
	bool all = geteuid() != 0;
	CLEANUP_FREE char *trust = NULL;
	int r = hook_own_program(&f->layerseal, e);

	if (!r && (all || c->ledger_named))
		r = cli_absolute_path(c->ledger_dir, &f->ledger, e);
	if (!r && c->config_file && (all || c->config_named))
		r = cli_absolute_path(c->config_file, &f->config, e);
	if (!r && (all || c->trust_file)) {
		r = cli_trust_file(c, &trust, e);
		if (!r)
			r = cli_absolute_path(trust, &f->trust, e);
	}
	return r;
}

static int refuse_foreign(
    enum hook_owner owner, const char *dir, const char *name, struct err *e)
{
	return owner == HOOK_FOREIGN
		   ? err_set(e, ERR_REFUSED,
			 "%s/%s is not layerseal's: it is left alone, remove it first",
			 dir, name)
		   : 0;
}

/* The names of the programs to install. */
static int choose_names(
    const struct install *i, const char *names[static 4], struct err *e)
{
	size_t n = 0;

	for (const char *const *name = hook_names(i->kind); *name; name++) {
		CLEANUP_FREE char *engine =
		    i->kind == HOOK_WRAPPER ? hook_find_engine(*name, false) : NULL;

		if (engine || i->kind != HOOK_WRAPPER)
			names[n++] = *name;
	}
	names[n] = NULL;
	return n ? 0 : err_set(e, ERR_NOT_FOUND, "neither podman nor buildah is in PATH");
}

/* Before the first file is written. */
static int check_owners(const struct install *i, const char *const *names, struct err *e)
{
	int r = refuse_foreign(
	    hook_owner_of(i->dir, HOOKFILE_NAME), i->dir, HOOKFILE_NAME, e);

	for (; !r && *names; names++) {
		r = refuse_foreign(hook_owner_of(i->dir, *names), i->dir, *names, e);
		if (!r && i->f.link)
			r = refuse_foreign(hook_owner_of_link(i->f.link, i->dir, *names),
			    i->f.link, *names, e);
	}
	return r;
}

static int open_dir(const char *dir, int *fd, struct err *e)
{
	CLEANUP_FREE char *inside = xasprintf("%s/x", dir);
	int r = fs_make_parents(inside, e);

	return r ? r : fs_open_root(dir, fd, e);
}

static int link_wrapper(const struct install *i, const char *name, struct err *e)
{
	CLEANUP_FREE char *target = xasprintf("%s/%s", i->dir, name);
	CLEANUP_FREE char *path = NULL;

	if (!i->f.link)
		return 0;
	path = xasprintf("%s/%s", i->f.link, name);
	if (hook_owner_of_link(i->f.link, i->dir, name) == HOOK_OURS)
		return 0;
	return symlink(target, path) ? err_sys(e, "%s", path) : 0;
}

/* The settings first: a hook without them would refuse every build. */
static int write_files(const struct install *i, const char *const *names, struct err *e)
{
	CLEANUP_BUF struct buf program;
	CLEANUP_BUF struct buf settings;
	CLEANUP_HOOKFILE struct hookfile check = {0};
	CLEANUP_FD int fd = -1;
	int r;

	buf_init(&program, 16U << 20);
	buf_init(&settings, HOOKFILE_MAX_BYTES);
	r = hook_read_program(&program, e);
	if (!r)
		r = hookfile_format(&i->f, &settings, e);
	if (!r)
		r = open_dir(i->dir, &fd, e);
	if (!r)
		r = fs_replace(fd, HOOKFILE_NAME, settings.data, settings.len, 0644, e);
	/* A directory that others can write is found out now, not by the first build. */
	if (!r)
		r = hookfile_load(i->dir, &check, e);
	for (; !r && *names; names++) {
		r = fs_replace(fd, *names, program.data, program.len, 0755, e);
		if (!r)
			r = link_wrapper(i, *names, e);
	}
	return r;
}

static int write_switch(struct err *e)
{
	static const char text[] = "# " HOOK_MARK "; that it exists is what counts\n";
	CLEANUP_FD int fd = -1;
	int r = open_dir(HOOK_SWITCH_DIR, &fd, e);

	if (!r)
		r = fs_create(fd, HOOK_SWITCH_NAME, text, sizeof(text) - 1, 0644, e);
	return r == ERR_REFUSED ? 0 : r;
}

static void print_installed(const struct install *i, const char *const *names)
{
	CLEANUP_FREE char *dir = esc_str(i->dir);

	for (; *names; names++)
		printf("installed %s/%s\n", dir, *names);
	if (i->kind == HOOK_WRAPPER && !i->f.link)
		printf("next: put %s before all else in PATH: PATH=%s:$PATH\n", dir, dir);
	if (i->kind == HOOK_MOUNT)
		printf("next: in storage.conf\n  [storage.options.overlay]\n"
		       "  mount_program = \"%s/" HOOK_MOUNT_NAME "\"\n"
		       "and in layerseal.conf\n  [gate]\n  whiteout-files = yes\n",
		    dir);
	printf("layerseal hook status says whether it works\n");
}

int hook_install(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_INSTALL struct install i;
	const char *names[4];
	int r = parse("hook install", argc, argv, &i, e);

	if (!r)
		r = take_settings(c, &i.f, e);
	if (!r)
		r = choose_names(&i, names, e);
	if (!r)
		r = check_owners(&i, names, e);
	if (!r)
		r = write_files(&i, names, e);
	if (!r && i.kind == HOOK_PREEXEC)
		r = write_switch(e);
	if (r)
		return r;
	print_installed(&i, names);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

/* ---- remove ---- */

/* 0 also if it is not there; what is foreign stays, and is said. */
static int remove_file(
    const char *dir, const char *name, enum hook_owner owner, struct err *e)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", dir, name);
	CLEANUP_FREE char *text = esc_str(path);

	if (owner == HOOK_NOBODY)
		return 0;
	if (owner == HOOK_FOREIGN) {
		printf("left %s: it is not layerseal's\n", text);
		return 0;
	}
	if (unlink(path))
		return err_sys(e, "%s", path);
	printf("removed %s\n", text);
	return 0;
}

/* Other hooks than ours need the switch too. */
static bool any_preexec_hook(void)
{
	static const char *const dirs[] = {
	    HOOK_SWITCH_DIR "/pre-exec-hooks", "/usr/libexec/podman/pre-exec-hooks"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		CLEANUP_FD int fd = -1;
		CLEANUP_NAMES struct fs_names names = {0};
		struct err e;

		if (access(dirs[i], F_OK))
			continue;
		if (fs_open_root(dirs[i], &fd, &e) ||
		    fs_list(fd, ".", 1024, &names, &e) || names.n)
			return true;
	}
	return false;
}

static int remove_all(const struct install *i, const char *link, struct err *e)
{
	const char *const *name = hook_names(i->kind);
	int r = 0;

	/* Links before what they lead to, the settings last: nothing is left without what it needs. */
	for (; !r && *name; name++) {
		if (link)
			r = remove_file(
			    link, *name, hook_owner_of_link(link, i->dir, *name), e);
		if (!r)
			r = remove_file(i->dir, *name, hook_owner_of(i->dir, *name), e);
	}
	if (!r)
		r = remove_file(
		    i->dir, HOOKFILE_NAME, hook_owner_of(i->dir, HOOKFILE_NAME), e);
	if (!r && i->kind != HOOK_PREEXEC && rmdir(i->dir) && errno != ENOENT &&
	    errno != ENOTEMPTY && errno != EEXIST)
		r = err_sys(e, "%s", i->dir);
	if (!r && i->kind == HOOK_PREEXEC && !any_preexec_hook())
		r = remove_file(HOOK_SWITCH_DIR, HOOK_SWITCH_NAME,
		    hook_owner_of(HOOK_SWITCH_DIR, HOOK_SWITCH_NAME) == HOOK_OURS
			? HOOK_OURS
			: HOOK_NOBODY,
		    e);
	return r;
}

int hook_remove(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_INSTALL struct install i;
	CLEANUP_HOOKFILE struct hookfile f = {0};
	struct err ignored;
	int r = parse("hook remove", argc, argv, &i, e);

	(void)c;
	if (r)
		return r;
	/* Where the links are; a hook whose settings cannot be read can be removed all the same. */
	if (hookfile_load(i.dir, &f, &ignored))
		free(take_ptr(f.link));
	r = remove_all(&i, f.link, e);
	if (r)
		return r;
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
