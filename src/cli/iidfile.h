/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iidfile.h: the file of buildah's --iidfile, which a guarded build writes in its place: with that option buildah names
 * no image on its output, and without the kernel's word its output is what tells whose an image is. So nothing that
 * others may write to is ever read for it.
 */
#ifndef CLI_IIDFILE_H
#define CLI_IIDFILE_H

#include "store/account.h"

/* As buildah does, but as the user whose store it is (NULL: as this process): `prefix` and `id`, no line's end. */
MUSTUSE int iidfile_write(const struct account *user, const char *path,
    const char *prefix, const char *id, struct err *e);

#endif
