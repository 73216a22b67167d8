/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engineconf.h: what containers.conf(5) may say that moves the store: its section [engine] can set
 * environment variables for podman itself, among them those that say where the store is.
 */
#ifndef STORE_ENGINECONF_H
#define STORE_ENGINECONF_H

#include "base/fs.h"

/*
 * Looks through the files that podman reads: the one of $CONTAINERS_CONF, or those of /usr/share, /etc and
 * the user, and that of $CONTAINERS_CONF_OVERRIDE. ERR_STORE with file and line for a variable that
 * moves the store, for `remote = true`, and for what cannot be read for sure.
 */
MUSTUSE int engine_conf_check(struct err *e);

/*
 * Outside of podman's user namespace: ERR_STORE for variables with which podman tells itself that it is
 * inside. Whoever sets them by hand has it look for another store than everybody else does.
 */
MUSTUSE int engine_environment_check(struct err *e);

/*
 * Where these files make engines keep cache mounts, besides $TMPDIR and /var/tmp: every value of
 * `image_copy_tmp_dir` ("storage" means a directory of the store) and of TMPDIR among the variables.
 */
void engine_conf_tmp_dirs(struct fs_names *out);
void engine_conf_tmp_dirs_text(
    const char *text, struct fs_names *out); /* of one file, appended */

/* One file's text, for tests. */
MUSTUSE int engine_conf_check_text(const char *text, const char *file, struct err *e);

#endif
