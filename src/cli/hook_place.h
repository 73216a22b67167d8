/* SPDX-License-Identifier: Apache-2.0 */
/* hook_place.h: where hooks are installed, what there is layerseal's own, and the engines behind it. */
#ifndef CLI_HOOK_PLACE_H
#define CLI_HOOK_PLACE_H

#include "guard/hookfile.h"

enum hook_kind { HOOK_WRAPPER, HOOK_PREEXEC, HOOK_MOUNT };

const char *hook_kind_name(enum hook_kind k);
bool hook_kind_parse(const char *name, enum hook_kind *out);

/* podman runs no pre-exec hook without it (since 4.6). */
#define HOOK_SWITCH_DIR "/etc/containers"
#define HOOK_SWITCH_NAME "podman_preexec_hooks.txt"

/* What its programs may be called, NULL at the end. */
const char *const *hook_names(enum hook_kind k);

/* This program's own file. */
MUSTUSE int hook_own_program(char **out, struct err *e);
/* The program that hooks are copies of, next to this one or in its ../libexec/layerseal; its bytes. */
MUSTUSE int hook_read_program(struct buf *out, struct err *e);
/* Where a kind is installed unless --dir says otherwise; heap. */
MUSTUSE int hook_default_dir(enum hook_kind k, char **out, struct err *e);

enum hook_owner { HOOK_NOBODY, HOOK_OURS, HOOK_FOREIGN };
/* Whose a name in a directory is; a directory that does not exist holds nothing. */
enum hook_owner hook_owner_of(const char *dir, const char *name);
/* The same of a link that should lead to dir/name. */
enum hook_owner hook_owner_of_link(
    const char *link_dir, const char *dir, const char *name);

/*
 * The first program `name` in PATH that is no hook of ours (`ours`: or one that is); heap, NULL if there
 * is none. A docker that is not podman's is none.
 */
char *hook_find_engine(const char *name, bool ours);
/* True if this podman has pre-exec hooks at all. */
bool hook_engine_has_preexec(const char *program);

#endif
