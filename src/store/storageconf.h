/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storageconf.h: within store/ only: what layerseal takes from one storage.conf(5). It is TOML; only
 * what such files are written in is read (tables, strings on one line, booleans, lists), the rest is
 * skipped where it does not matter and refused by file and line where it may.
 */
#ifndef STORE_STORAGECONF_H
#define STORE_STORAGECONF_H

#include "base/err.h"

/* Strings are owned, NULL if the file does not set them. */
struct storage_conf {
	char *driver, *graphroot, *runroot, *rootless_storage_path, *imagestore;
	bool driver_priority; /* a list of drivers to choose from */
	bool transient;
	bool nothing_set; /* a user without a file: podman's defaults for users */
	/* Options of drivers that matter, "KEY=VALUE" or "DRIVER.KEY=VALUE". */
	char **options;
	size_t n_options;
};

void storage_conf_release(struct storage_conf *c);
void storage_conf_add_option(struct storage_conf *c, const char *text, size_t len);
void storage_conf_drop_options(struct storage_conf *c);
#define CLEANUP_STORAGE_CONF CLEANUP(storage_conf_release)

/* ERR_STORE with `file` and the line. `text` ends in a NUL that is not part of it. */
MUSTUSE int storage_conf_parse(
    struct storage_conf *c, const char *text, const char *file, struct err *e);

#endif
