/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dl.h: functions of libraries that few runs need. Linked in, such a library is found, mapped and
 * relocated, with all that it needs itself, each time a hook starts.
 *
 * The headers are those of the build; a library that is not there, or without the function, is an
 * error of the run that needs it.
 */
#ifndef BASE_DL_H
#define BASE_DL_H

#include "base/err.h"

/*
 * The function `name` of the shared library `file` ("libx.so.1", found as the linker would), in *out.
 * The library stays loaded. ERR_IO if there is none; the message is the dynamic linker's.
 */
MUSTUSE int dl_function(const char *file, const char *name, void **out, struct err *e);

#endif
