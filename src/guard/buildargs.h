/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buildargs.h: what a guarded build takes from its command line, and what it makes of it: the arguments
 * that the engine gets, the names that the result gets, and what the ledger keeps of it.
 */
#ifndef GUARD_BUILDARGS_H
#define GUARD_BUILDARGS_H

#include "guard/enginecmd.h"
#include "ledger/entry.h"
#include "store/store.h"

struct buildargs {
	char **argv; /* for the engine; owned, ends in NULL */
	size_t argc;
	char **names; /* as records spell them; owned */
	size_t n_names;
	const char *logfile; /* borrowed; NULL: none */
	/* Files that get the result's id instead of standard output, from the guard; borrowed; NULL: none. */
	const char *iidfile, *iidfile_raw;
	bool quiet;
};
void buildargs_release(struct buildargs *b);
#define CLEANUP_BUILDARGS CLEANUP(buildargs_release)

/*
 * ERR_USAGE for what is no build of one engine, or has an option that is in no table: what it means for the
 * arguments behind it is unknown. `store` is what the command uses: it is named to the engine in full,
 * so that nothing can make it mean another; but for the driver where podman must find it itself
 * (store/libpod.h).
 */
MUSTUSE int buildargs_check(
    const char *const *argv, const struct engine_command *k, struct err *e);
void buildargs_make(const char *const *argv, const struct engine_command *k,
    const struct store_config *store, bool name_driver, struct buildargs *out);

/* A name as -t gives it, as containers/storage records it: "localhost/app:latest". Heap. */
char *buildargs_name(const char *given);

/*
 * The arguments for the ledger: values of build arguments and variables, credentials, and passwords in URLs
 * are left out; what does not fit is only counted.
 */
void buildargs_record(
    const char *const *argv, const struct engine_command *k, struct entry_build *record);
/* The digest of the Containerfile, if it is one file that can be read here; zeros otherwise. */
void buildargs_containerfile(const struct engine_command *k, struct digest *out);

#endif
