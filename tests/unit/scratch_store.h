/* SPDX-License-Identifier: Apache-2.0 */
/* scratch_store.h: a store of empty directories for tests, and files in it. */
#ifndef TESTS_SCRATCH_STORE_H
#define TESTS_SCRATCH_STORE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

struct scratch {
	char dir[64]; /* g/ is the graphroot, r/ the runroot, a/ another place */
	struct store_config config;
	struct store store;
};

static inline void scratch_mkdir(const struct scratch *s, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", s->dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

static inline void scratch_write(
    const struct scratch *s, const char *name, const char *text)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", s->dir, name);
	CLEANUP_FREE char *tmp = xasprintf("%s.tmp", path);
	FILE *f = fopen(tmp, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(tmp, path), 0);
}

static inline int scratch_setup(void **state)
{
	static const char *const dirs[] = {"g", "g/overlay", "g/overlay-layers",
	    "g/overlay-images", "g/overlay-containers", "r", "r/overlay-layers",
	    "r/overlay-containers", "a", "a/overlay", "a/overlay-layers",
	    "a/overlay-images"};
	struct scratch *s = xcalloc(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	snprintf(s->dir, sizeof(s->dir), "%s/layerseal-test.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(s->dir))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		scratch_mkdir(s, dirs[i]);
	s->config.graphroot = xasprintf("%s/g", s->dir);
	s->config.runroot = xasprintf("%s/r", s->dir);
	s->store.runroot_fd = -1;
	*state = s;
	return 0;
}

static inline int scratch_remove(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int scratch_teardown(void **state)
{
	struct scratch *s = *state;

	store_release(&s->store);
	store_config_release(&s->config);
	nftw(s->dir, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

#endif
