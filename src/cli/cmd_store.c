/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_store.c: `layerseal store`: every layer and image, and how it stands in the ledger. */
#include <getopt.h>
#include <stdio.h>

#include "base/esc.h"
#include "cli/cli.h"
#include "cli/report.h"

struct view {
	struct session session;
	struct survey survey;
	struct findings findings;
};

static const char *layer_standing(const struct view *v, size_t index)
{
	const struct store_layer *l = &v->survey.records.layers[index];
	const struct sealed_layer *sealed =
	    ledger_layer(v->session.ledger, &v->session.store_id, l->id);

	switch (layer_role(&v->survey.records, l)) {
	case LAYER_TRANSIENT:
		return "transient";
	case LAYER_CONTAINER:
		return "container";
	case LAYER_MAPPED:
		return "mapped";
	case LAYER_COMMITTED:
		break;
	}
	if (!sealed || sealed->retired ||
	    layer_is_another_creation(sealed->seal, l, &v->survey.structures[index]))
		return "unsealed";
	return "sealed";
}

static const char *image_standing(const struct view *v, const struct store_image *i)
{
	const struct sealed_image *sealed =
	    ledger_image(v->session.ledger, &v->session.store_id, i->id);

	return sealed && !sealed->retired ? "sealed" : "unsealed";
}

/* What the ledger knows and the store no longer has. */
typedef void gone_fn(void *ctx, const char *kind, const char *id);
struct gone {
	const struct records *records;
	gone_fn *fn;
	void *ctx;
};

static int gone_layer(void *ctx, const struct sealed_layer *layer, struct err *e)
{
	struct gone *g = ctx;

	(void)e;
	if (!records_layer(g->records, layer->seal->layer))
		g->fn(g->ctx, "layer", layer->seal->layer);
	return 0;
}

static int gone_image(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct gone *g = ctx;

	(void)e;
	if (!records_image(g->records, image->seal->image))
		g->fn(g->ctx, "image", image->seal->image);
	return 0;
}

static int each_gone(const struct view *v, gone_fn *fn, void *ctx, struct err *e)
{
	struct gone g = {.records = &v->survey.records, .fn = fn, .ctx = ctx};
	int r =
	    ledger_each_layer(v->session.ledger, &v->session.store_id, gone_layer, &g, e);

	return r ? r
		 : ledger_each_image(
		       v->session.ledger, &v->session.store_id, gone_image, &g, e);
}

static void print_gone(void *ctx, const char *kind, const char *id)
{
	(void)ctx;
	printf("  %s %.12s  retired\n", kind, id);
}

static int print_text(const struct view *v, struct err *e)
{
	const struct records *r = &v->survey.records;
	CLEANUP_FREE char *graphroot = esc_str(v->session.config.graphroot);
	CLEANUP_FREE char *runroot = esc_str(v->session.config.runroot);
	int rc;

	printf("store %s (%s), runroot %s\n", graphroot,
	    store_driver_name(v->session.config.driver), runroot);
	for (size_t i = 1; i < v->session.store.n_places; i++) {
		CLEANUP_FREE char *path = esc_str(v->session.store.places[i].path);

		printf("  and images of %s\n", path);
	}
	for (size_t i = 0; i < r->n_layers; i++)
		printf("  layer %.12s  %s\n", r->layers[i].id, layer_standing(v, i));
	for (size_t i = 0; i < r->n_images; i++) {
		printf("  image %.12s  %s", r->images[i].id,
		    image_standing(v, &r->images[i]));
		for (size_t n = 0; n < r->images[i].n_names; n++) {
			CLEANUP_FREE char *name = esc_str(r->images[i].names[n]);

			printf("%s%s", n ? ", " : "  ", name);
		}
		putchar('\n');
	}
	rc = each_gone(v, print_gone, NULL, e);
	if (rc)
		return rc;
	report_findings(stdout, &v->findings);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static void json_gone(void *ctx, const char *kind, const char *id)
{
	struct jsonout *j = ctx;

	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "kind", kind);
	jsonout_str(j, "id", id);
	jsonout_end(j, '}');
}

static void json_image(
    struct jsonout *j, const struct view *v, const struct store_image *i)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "id", i->id);
	jsonout_str(j, "state", image_standing(v, i));
	jsonout_str(j, "layer", i->top_layer[0] ? i->top_layer : NULL);
	jsonout_begin(j, "names", '[');
	for (size_t n = 0; n < i->n_names; n++)
		jsonout_str(j, NULL, i->names[n]);
	jsonout_end(j, ']');
	jsonout_end(j, '}');
}

static int print_json(const struct view *v, struct err *e)
{
	const struct records *r = &v->survey.records;
	CLEANUP_JSONOUT struct jsonout j;
	int rc;

	jsonout_init(&j);
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.store/1");
	jsonout_str(&j, "graphroot", v->session.config.graphroot);
	jsonout_str(&j, "runroot", v->session.config.runroot);
	jsonout_str(&j, "driver", store_driver_name(v->session.config.driver));
	jsonout_begin(&j, "layers", '[');
	for (size_t i = 0; i < r->n_layers; i++) {
		jsonout_begin(&j, NULL, '{');
		jsonout_str(&j, "id", r->layers[i].id);
		jsonout_str(&j, "state", layer_standing(v, i));
		jsonout_str(
		    &j, "parent", r->layers[i].parent[0] ? r->layers[i].parent : NULL);
		jsonout_end(&j, '}');
	}
	jsonout_end(&j, ']');
	jsonout_begin(&j, "images", '[');
	for (size_t i = 0; i < r->n_images; i++)
		json_image(&j, v, &r->images[i]);
	jsonout_end(&j, ']');
	jsonout_begin(&j, "retired", '[');
	rc = each_gone(v, json_gone, &j, e);
	jsonout_end(&j, ']');
	report_findings_json(&j, &v->findings);
	jsonout_end(&j, '}');
	return rc ? rc : report_json(&j, e);
}

int cmd_store(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	struct view v = {.session.store.runroot_fd = -1};
	bool json = false;
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'j')
			return cli_usage_error(
			    e, "store", "an option that store does not have");
		json = true;
	}
	if (optind < argc)
		return cli_usage_error(e, "store", "store takes no arguments");
	r = session_open(c, LEDGER_READ, &v.session, e);
	if (!r)
		r = survey_take(&v.session.guard, &v.survey, &v.findings, e);
	if (!r)
		r = json ? print_json(&v, e) : print_text(&v, e);
	findings_release(&v.findings);
	survey_release(&v.survey);
	session_close(&v.session);
	return r;
}
