/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookfile.h: the settings of an installed hook: the file layerseal-hook.conf in the directory of the
 * hook program, which reads it before it starts layerseal. Lines "name = value", "#" comments. It is
 * trusted only if nobody but root or the user who runs the engine can write it, nor rename in its directory.
 */
#ifndef GUARD_HOOKFILE_H
#define GUARD_HOOKFILE_H

#include "base/buf.h"

#define HOOKFILE_NAME "layerseal-hook.conf"
#define HOOKFILE_MAX_BYTES 16384
/* In every program and file that `layerseal hook install` writes: what has it not is foreign. */
#define HOOK_MARK "layerseal hook, installed by layerseal hook install"
/* The hook's name in a directory of pre-exec hooks; any other name is that of the engine it wraps. */
#define HOOK_PREEXEC_NAME "50-layerseal"
/* The mount program's. */
#define HOOK_MOUNT_NAME "layerseal-mount"

/* Strings are owned; all are absolute paths. */
struct hookfile {
	char *layerseal;	       /* the program that verifies */
	char *ledger, *config, *trust; /* NULL: the defaults of whoever runs the engine */
	char *link;	   /* a directory with links to the wrappers, or NULL */
	bool verify_run;   /* run, create, push, from too */
	bool allow_remote; /* builds that go to another podman pass */
};

void hookfile_release(struct hookfile *h);
#define CLEANUP_HOOKFILE CLEANUP(hookfile_release)

/* ERR_USAGE for what the text says wrong, the line named. */
MUSTUSE int hookfile_parse(
    const char *text, size_t len, struct hookfile *out, struct err *e);
/* ERR_NOT_FOUND if there is none, ERR_REFUSED if others can write it. */
MUSTUSE int hookfile_load(const char *dir, struct hookfile *out, struct err *e);
/* ERR_USAGE for a path that cannot stand in a line. */
MUSTUSE int hookfile_format(const struct hookfile *h, struct buf *out, struct err *e);

#endif
