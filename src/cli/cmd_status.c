/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c: `layerseal status`: the ledger. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/esc.h"
#include "base/hex.h"
#include "cli/anchors.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/watcher.h"
#include "ledger/confine.h"

struct counts {
	size_t layers, retired_layers, images, retired_images, with_print;
};

static int count_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct counts *n = ctx;

	(void)e;
	n->layers += !layer->retired;
	n->retired_layers += layer->retired;
	n->with_print += !layer->retired && layer->print;
	return 0;
}

static int count_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct counts *n = ctx;

	(void)e;
	n->images += !image->retired;
	n->retired_images += image->retired;
	return 0;
}

static int count(const struct session *s, struct counts *out, struct err *e)
{
	int r = ledger_each_layer(s->ledger, &s->store_id, count_layer, out, e);

	return r ? r : ledger_each_image(s->ledger, &s->store_id, count_image, out, e);
}

static int print_key(const struct ledger *l, struct err *e)
{
	CLEANUP_BUF struct buf vkey;
	int r;

	buf_init(&vkey, 1024);
	r = public_key_format(ledger_public_key(l), &vkey, e);
	if (r)
		return r;
	printf("  key       %s\n", vkey.data);
	if (!ledger_writable(l)) {
		CLEANUP_FREE char *why = esc_str(ledger_not_writable(l));

		printf("            (verify only: %s)\n", why);
	}
	return 0;
}

static int print_ledger(const struct cli *c, const struct ledger *l, struct err *e)
{
	const struct checkpoint *head = ledger_head(l);
	CLEANUP_FREE char *dir = esc_str(c->ledger_dir), *trust = NULL, *file = NULL;
	char root[DIGEST_TEXT_LEN + 1], when[REPORT_TIME_MAX], sandbox[CONFINE_TEXT_MAX];
	int r = cli_trust_file(c, &file, e);

	if (r)
		return r;
	trust = esc_str(file);
	digest_text(&head->root, root);
	report_time(ledger_time(l), when);
	confine_text(ledger_confinement(l), sandbox);
	printf("ledger      %s\n", dir);
	printf("  size      %" PRIu64 " entries, the last of %s\n", head->size, when);
	printf("  root      %s\n", root);
	r = print_key(l, e);
	printf("  trust     %s\n", trust);
	printf("  statprint %s\n",
	    ledger_statprint_key(l) ? "secret present"
				    : "secret missing: every layer is measured in full");
	printf("  sandbox   %s\n", sandbox);
	anchors_print_lines(ledger_anchors(l), "  ");
	if (!ledger_anchors(l))
		printf(
		    "  anchor    none: an older ledger put back would not be noticed\n");
	return r;
}

static int print_text(
    const struct cli *c, const struct session *s, const struct counts *n, struct err *e)
{
	CLEANUP_FREE char *graphroot = esc_str(s->config.graphroot);
	char id[2 * STORE_ID_BYTES + 1];
	int r = print_ledger(c, s->ledger, e);

	if (r)
		return r;
	hex_encode(id, s->store_id.bytes, STORE_ID_BYTES);
	printf("store       %s (%s)\n", graphroot, store_driver_name(s->config.driver));
	printf("  id        %s\n", id);
	printf("  layers    %zu sealed (%zu with a statprint), %zu retired lately\n",
	    n->layers, n->with_print, n->retired_layers);
	printf(
	    "  images    %zu sealed, %zu retired lately\n", n->images, n->retired_images);
	watcher_print_status(c);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static void add_sandbox(struct jsonout *j, const struct confinement *c)
{
	jsonout_begin(j, "sandbox", '{');
	jsonout_bool(j, "seccomp", c->seccomp);
	jsonout_u64(j, "landlock", c->landlock);
	jsonout_bool(j, "memory", c->memory);
	jsonout_bool(j, "cpu", c->cpu);
	jsonout_end(j, '}');
}

static int print_json(
    const struct cli *c, const struct session *s, const struct counts *n, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	CLEANUP_FREE char *trust = NULL;
	CLEANUP_BUF struct buf vkey;
	char root[DIGEST_TEXT_LEN + 1], id[2 * STORE_ID_BYTES + 1];
	int r = cli_trust_file(c, &trust, e);

	jsonout_init(&j);
	buf_init(&vkey, 1024);
	if (!r)
		r = public_key_format(ledger_public_key(s->ledger), &vkey, e);
	if (r)
		return r;
	digest_text(&ledger_head(s->ledger)->root, root);
	hex_encode(id, s->store_id.bytes, STORE_ID_BYTES);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.status/1");
	jsonout_str(&j, "ledger", c->ledger_dir);
	jsonout_u64(&j, "ledger_size", ledger_head(s->ledger)->size);
	jsonout_str(&j, "ledger_root", root);
	jsonout_str(&j, "key", vkey.data);
	jsonout_str(&j, "trust", trust);
	jsonout_bool(&j, "writable", ledger_writable(s->ledger));
	jsonout_bool(&j, "statprint_secret", ledger_statprint_key(s->ledger) != NULL);
	add_sandbox(&j, ledger_confinement(s->ledger));
	anchors_print_json(&j, ledger_anchors(s->ledger));
	jsonout_u64(&j, "last_time", (uint64_t)ledger_time(s->ledger));
	jsonout_str(&j, "store", id);
	jsonout_str(&j, "graphroot", s->config.graphroot);
	jsonout_str(&j, "driver", store_driver_name(s->config.driver));
	jsonout_u64(&j, "layers", n->layers);
	jsonout_u64(&j, "layers_with_statprint", n->with_print);
	jsonout_u64(&j, "layers_retired", n->retired_layers);
	jsonout_u64(&j, "images", n->images);
	jsonout_u64(&j, "images_retired", n->retired_images);
	watcher_add_status(c, &j);
	jsonout_end(&j, '}');
	return report_json(&j, e);
}

int cmd_status(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	struct counts n = {0};
	bool json = false;
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'j')
			return cli_usage_error(
			    e, "status", "an option that status does not have");
		json = true;
	}
	if (optind < argc)
		return cli_usage_error(e, "status", "status takes no arguments");
	r = session_open_ledger(c, LEDGER_MAY_WRITE, &s, e);
	if (!r)
		r = count(&s, &n, e);
	if (r)
		return r;
	return json ? print_json(c, &s, &n, e) : print_text(c, &s, &n, e);
}
