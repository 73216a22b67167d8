/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_mount.c: `layerseal hook mount`: the mount program of containers/storage (storage.conf), which mounts a
 * layer if all that would be seen through it is what was sealed. Said on standard error, which the
 * engine repeats; nothing else is told to anybody.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "cli/overlay_mount.h"
#include "cli/report.h"
#include "guard/gate.h"
#include "guard/inflight.h"
#include "guard/mountargs.h"

static int parse(int argc, char **argv, struct mount_args *out, struct err *e)
{
	const char *options = NULL;
	int option;

	*out = (struct mount_args){0};
	while ((option = getopt(argc, argv, "+:o:")) != -1) {
		if (option != 'o' || options)
			return cli_usage_error(
			    e, "hook mount", "an option it does not have");
		options = optarg;
	}
	if (!options || argc - optind != 1)
		return cli_usage_error(e, "hook mount", "what, and where?");
	return mount_args_parse(options, argv[optind], out, e);
}

/* ---- volumes ---- */

static int open_dir(const char *path, int *fd, struct err *e)
{
	*fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "%s", path) : 0;
}

/*
 * What `--volume DIR:DIR:O` and its kin lay over a directory of the host, for one container. It is no part
 * of the store.
 */
static int mount_volume(const struct cli *c, const struct mount_args *a, struct err *e)
{
	CLEANUP_GATE_PASS struct gate_pass p = {.upper = -1,
	    .work = -1,
	    .target = -1,
	    .lowers = xcalloc(a->n_lowers, sizeof(int))};
	int r = open_dir(a->target, &p.target, e);

	if (!r && a->upper)
		r = open_dir(a->upper, &p.upper, e);
	if (!r && a->work)
		r = open_dir(a->work, &p.work, e);
	for (size_t i = 0; !r && i < a->n_lowers; i++) {
		r = open_dir(a->lowers[i], &p.lowers[i], e);
		p.n_lowers += !r;
	}
	return r ? r : overlay_mount(a, &p, c->config.gate_fuse, e);
}

/* ---- layers ---- */

/* The engine starts mount programs in the driver's directory; the store that this is, is checked. */
static int find_root(char **out, struct err *e)
{
	CLEANUP_FREE char *dir = getcwd(NULL, 0);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash || strcmp(slash, "/overlay") != 0)
		return err_set(e, ERR_USAGE,
		    "not started in the directory of the overlay driver, but in %s",
		    dir ? dir : "none");
	*out = xstrndup(dir, (size_t)(slash - dir));
	return 0;
}

static int refuse(const struct mount_args *a, const struct findings *findings)
{
	enum verdict verdict = verdict_of(findings);
	CLEANUP_FREE char *target = esc_str(a->target);

	report_findings(stderr, findings);
	report_remedies(stderr, findings);
	fprintf(stderr, "layerseal: refused: %s was not mounted, its layers are %s\n",
	    target, verdict_name(verdict));
	return verdict_exit_status(verdict);
}

static int mount_layer(struct cli *c, const struct mount_args *a, struct err *e)
{
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_GATE_PASS struct gate_pass pass = {.upper = -1, .work = -1, .target = -1};
	CLEANUP_FREE char *root = NULL;
	CLEANUP_INFLIGHT_OTHERS struct inflight_others guarded = {0};
	struct findings findings = {0};
	struct gate_request q = {
	    .args = a,
	    .unsealed = c->config.gate_unsealed,
	    .engine_since = proc_since(getppid()),
	    .cached = c->config.cached,
	};
	int r = find_root(&root, e);

	c->store = (struct store_options){.root = root};
	if (!r)
		r = session_open(c, LEDGER_READ, &s, e);
	if (!r)
		r = inflight_others(c->ledger_dir, &s.store_id, NULL, &guarded, e);
	q.guarded_since = guarded.since;
	if (!r)
		r = gate_check(&s.guard, &q, &pass, &findings, e);
	if (!r && verdict_of(&findings) != VERDICT_CLEAN)
		r = refuse(a, &findings);
	else if (!r)
		r = overlay_mount(a, &pass, c->config.gate_fuse, e);
	findings_release(&findings);
	c->store.root = NULL;
	return r;
}

int hook_mount(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_MOUNT_ARGS struct mount_args a;
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = gate_is_layer_target(a.target) ? mount_layer(c, &a, e)
						   : mount_volume(c, &a, e);
	return r < 0 ? err_wrap(e, "this mount is refused") : r;
}
