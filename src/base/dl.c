/* SPDX-License-Identifier: Apache-2.0 */
/* dl.c: see dl.h. */
#include "base/dl.h"

#include <dlfcn.h>

int dl_function(const char *file, const char *name, void **out, struct err *e)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	*out = handle ? dlsym(handle, name) : NULL;
	return *out ? 0 : err_set(e, ERR_IO, "%s", dlerror());
}
