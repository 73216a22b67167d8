/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h: layerseal.conf(5). Sections in brackets, "name = value" lines, "#" comments:
 *
 *   [verify]
 *   level = stat        # stat, scrub, full, oci
 *   cached = no         # yes: full levels read through the page cache
 *   threads = 0         # 0: one per processor
 *   [ledger]
 *   trust = /etc/layerseal/trusted-keys
 *   [gate]
 *   unsealed = fresh    # deny, fresh, allow
 *   mount = kernel      # kernel, fuse
 *   whiteout-files = no # yes: the store is used with a mount program
 *   [findings]
 *   name-unsealed = ignore
 *   [key]
 *   source = file       # file, file:/PATH, credential:NAME, agent, agent:/SOCKET
 *   passphrase = ask    # ask, credential:NAME, none
 *   [anchor]
 *   file = /srv/anchor/heads   # up to four anchors
 *   tpm = 0x01500020
 *   tcti = device:/dev/tpmrm0
 *   unreachable = strict       # strict, off, grace 7d
 *   [watch]
 *   source = auto              # auto, inotify, fanotify
 *   pass = 10m                 # every so often every inode is looked at; 30s to 7d
 *   socket = /run/layerseal/watch.sock  # or none
 *   alarm-command = /path      # gets the alarm as JSON on standard input
 *   alarm-interval = 10s       # at most one run in that time
 *   metrics = /path/file.prom
 *   journal = yes
 *   seal-users = NAME,UID ...  # who may seal through the socket
 *   seal-groups = NAME,GID ...
 *
 * The file decides what is denied, so it is trusted only if nobody but root or its user can write it.
 */
#ifndef GUARD_CONFIG_H
#define GUARD_CONFIG_H

#include "crypto/signer.h"
#include "guard/gate.h"
#include "guard/policy.h"
#include "guard/verify.h"
#include "ledger/anchor.h"

/* Where the secret key is; the members of a signer_source that are settings. Owned. */
struct key_settings {
	enum signer_place place;
	char *name; /* NULL: the file "key" of the ledger, or $SSH_AUTH_SOCK */
	enum passphrase_kind passphrase;
	char *credential; /* of PASSPHRASE_CREDENTIAL */
};

struct watch_settings {
	char *source; /* as watch/source.h spells it; NULL: auto */
	unsigned pass_s;
	char *socket; /* NULL: the default for this user */
	bool no_socket;
	char *alarm_command; /* absolute; NULL: none */
	unsigned alarm_interval_s;
	char *metrics; /* absolute; NULL: none */
	bool no_journal;
	uid_t *seal_uids;
	size_t n_seal_uids;
	gid_t *seal_gids;
	size_t n_seal_gids;
};

struct config {
	struct policy policy;
	enum verify_level level;
	bool cached;
	unsigned threads;
	enum gate_unsealed gate_unsealed;
	bool gate_fuse;	     /* fuse-overlayfs mounts, even what the kernel could */
	bool whiteout_files; /* layers may have been unpacked for a mount program */
	struct key_settings key;
	struct anchor_settings anchors;
	char *trust_file; /* absolute; NULL: the default for the ledger */
	struct watch_settings watch;
	char *attest_key; /* file of the key that signs attestations; owned, NULL: none */
};

#define CONFIG_MAX_BYTES 65536
#define CONFIG_THREADS_MAX 256

void config_default(struct config *c);
void config_release(struct config *c);
#define CLEANUP_CONFIG CLEANUP(config_release)
/* A key source as [key] source spells it. */
MUSTUSE int config_parse_key_source(
    const char *value, struct key_settings *k, struct err *e);
/* ERR_USAGE for what the file says wrong (line named), ERR_NOT_FOUND if there is no such file. */
MUSTUSE int config_load(const char *path, struct config *c, struct err *e);
/* The bytes of a file, for tests and fuzzing. */
MUSTUSE int config_parse(const char *text, size_t len, struct config *c, struct err *e);

#endif
