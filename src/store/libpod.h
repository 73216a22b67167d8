/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpod.h: podman's own database. It remembers graphroot, runroot and driver and overrides
 * storage.conf with them (libpod/runtime.go, mergeDBConfig), so a changed database moves podman
 * to another store without a word. bolt_state.db up to podman 4, db.sql since.
 */
#ifndef STORE_LIBPOD_H
#define STORE_LIBPOD_H

#include "base/finding.h"
#include "store/store.h"

/* What a database says; NULL (or "") where it leaves podman's default. */
struct libpod_config {
	char *graphroot, *runroot, *driver;
};
void libpod_config_release(struct libpod_config *c);
#define CLEANUP_LIBPOD_CONFIG CLEANUP(libpod_config_release)

/* bolt_state.db, hostile. ERR_MALFORMED says what bbolt would not have written. */
MUSTUSE int libpod_read_bolt(int fd, struct libpod_config *out, struct err *e);

/*
 * The bytes of db.sql, hostile. They are parsed by SQLite in memory, without its file access,
 * with its defences on and its work bounded. ERR_MALFORMED says why it cannot be read, or how its
 * DBConfig is not the plain one-row table podman creates.
 */
MUSTUSE int libpod_read_sqlite(
    const void *data, size_t len, struct libpod_config *out, struct err *e);

/*
 * True if a database says that podman itself found the driver: then it refuses to have it named, even by the
 * right name ("database configuration mismatch").
 */
bool libpod_leaves_driver(const struct store *s);

/* Every database that podman would consult for this store; deviations are findings. */
void libpod_check(const struct store *s, struct findings *findings);

#endif
