/* SPDX-License-Identifier: Apache-2.0 */
/*
 * empty.c: the least that a run of layerseal must do: load the same libraries and open the database.
 *   empty DIRECTORY   of data.mdb
 */
#include <gcrypt.h>
#include <jansson.h>
#include <lmdb.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <xxhash.h>
#include <zlib.h>

/* Of each library something, or it would not be loaded. */
static const void *volatile used[6];

int main(int argc, char **argv)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_stat stat;

	used[0] = (const void *)(uintptr_t)gcry_check_version;
	used[1] = (const void *)(uintptr_t)json_loadb;
	used[2] = (const void *)(uintptr_t)seccomp_init;
	used[3] = (const void *)(uintptr_t)XXH3_128bits;
	used[4] = (const void *)(uintptr_t)inflate;
	if (argc != 2 || mdb_env_create(&env) || mdb_env_set_maxdbs(env, 16) ||
	    mdb_env_open(env, argv[1], MDB_NOTLS, 0600) ||
	    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) {
		fprintf(stderr, "usage: empty DIRECTORY\n");
		return 2;
	}
	mdb_env_stat(env, &stat);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return 0;
}
