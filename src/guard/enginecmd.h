/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enginecmd.h: what a command line of podman or buildah does, before the engine reads it: whether it
 * builds, and on which store. Pure: argv in, decision out; nothing is opened, nothing fails.
 *
 * Read as these programs do (cobra and pflag; options of podman 4.3 to 5.8, buildah 1.28 to 1.43). What
 * cannot be read for sure is never taken for harmless: a command line with an unknown option that could
 * be a build is one, and where its store is in doubt, `unclear` says so.
 */
#ifndef GUARD_ENGINECMD_H
#define GUARD_ENGINECMD_H

#include "base/base.h"

enum engine { ENGINE_PODMAN, ENGINE_BUILDAH };

const char *engine_name(enum engine e);
/* "podman", "docker" (podman's), "buildah", or a path that ends in one of them. */
bool engine_parse(const char *program, enum engine *out);
/* The names under which podman starts itself again for its own ends (argv[0]). */
bool engine_is_helper(const char *argv0);

enum engine_act {
	ENGINE_OTHER, /* neither of: */
	ENGINE_USE,   /* takes something out of the store: run, create, push, from */
	ENGINE_BUILD, /* build, bud, kube play, and what could be one */
};

/* An option of the verb, as pflag reads it. */
struct engine_option {
	const char *name; /* the long one, name_len bytes */
	size_t name_len;
	const char *value; /* NULL: none */
	const char *arg; /* the element of argv that it stands in, perhaps with others */
};
bool engine_option_is(const struct engine_option *o, const char *name);
/* True for an option that says yes: "--quiet", "--quiet=true". */
bool engine_option_is_set(const struct engine_option *o);

/* The strings are borrowed from argv. */
struct engine_command {
	enum engine_act act;
	const char *verb; /* "image build"; NULL: none that matters */
	const char *root, *runroot, *driver, *imagestore; /* NULL: not given */
	const char **storage_opts;			  /* owned array */
	size_t n_storage_opts;
	const char *remote;   /* the option that sends it to another podman, or NULL */
	const char *unclear;  /* the argument that makes the store unknowable, or NULL */
	const char *module;   /* --module: more settings of containers.conf, or NULL */
	bool local;	      /* --remote=false, whatever the environment says */
	bool transient_store; /* --transient-store */
	struct engine_option *options; /* owned array: those of the verb, in order */
	size_t n_options;
	const char *argument;	/* the first argument of the verb, or NULL */
	const char *terminator; /* the "--" that ends its options, or NULL */
	const char *unknown;	/* the first option that is in no table, or NULL */
	bool
	    guessed; /* an unknown option stands before the verb: the act is the worst case */
};

/* argv ends in NULL; argv[0] is the engine. */
void engine_command_parse(
    enum engine engine, const char *const *argv, struct engine_command *out);
void engine_command_release(struct engine_command *c);
#define CLEANUP_ENGINE_COMMAND CLEANUP(engine_command_release)

#endif
