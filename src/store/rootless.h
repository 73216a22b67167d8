/* SPDX-License-Identifier: Apache-2.0 */
/* rootless.h: who we are to podman. */
#ifndef STORE_ROOTLESS_H
#define STORE_ROOTLESS_H

#include "base/base.h"

/* True in any user namespace but the first. */
bool rootless_namespace(void);

/*
 * The uid whose store is meant: inside the user namespace that rootless podman and layerseal itself
 * enter, the user's although the process is root. In a container with a user namespace of its own
 * it is that of root in the container.
 */
unsigned long rootless_uid(void);

#endif
