/* SPDX-License-Identifier: Apache-2.0 */
/* summary.c: a verification as a SLSA verification summary (slsa.dev/verification_summary/v1). */
#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "cli/statement_impl.h"

#define VSA_V1 "https://slsa.dev/verification_summary/v1"

struct subjects {
	struct jsonout *out;
	size_t n;
};

static int put_verified(void *ctx, const struct sealed_image *image, struct err *e)
{
	struct subjects *subjects = ctx;

	(void)e;
	if (!image->retired && statement_has_config(image->seal)) {
		statement_image(subjects->out, image->seal);
		subjects->n++;
	}
	return 0;
}

static int put_verified_images(struct jsonout *out, const struct session *s,
    const struct verification_facts *facts, struct err *e)
{
	const struct verify_result *result = facts->result;
	struct subjects subjects = {.out = out};
	int r = 0;

	for (size_t i = 0; !r && i < result->sealed.n; i++)
		r = put_verified(&subjects,
		    ledger_image(s->ledger, &s->store_id, result->sealed.v[i]), e);
	/* Nothing left of what was sealed is a failure of all of it. */
	if (!r && subjects.n == 0 && facts->verdict == VERDICT_VIOLATED &&
	    facts->options->n_images == 0)
		r = ledger_each_image(
		    s->ledger, &s->store_id, put_verified, &subjects, e);
	if (!r && subjects.n == 0)
		r = err_set(e, ERR_NOT_FOUND,
		    "no sealed image was verified: there is nothing to attest");
	return r;
}

/* Everything that decides between PASSED and FAILED, one line each. */
static int policy_text(
    const struct verification_facts *facts, struct buf *out, struct err *e)
{
	const struct verify_options *o = facts->options;
	int r = buf_addf(out, e, "layerseal/v1 policy\nlevel %s\ncached %s\nimages %s\n",
	    verify_level_name(o->level), o->cached ? "yes" : "no",
	    o->n_images ? "some" : "all");

	for (size_t c = 0; !r && c < FINDING_CLASS_COUNT; c++)
		r = buf_addf(out, e, "%s %s\n", finding_class_name((enum finding_class)c),
		    severity_name(facts->policy->severity[c]));
	return r;
}

/* What the administrator changed; the rest is as layerseal-findings(7) says. */
static void put_changed_severities(struct jsonout *j, const struct policy *policy)
{
	struct policy usual;

	policy_default(&usual);
	jsonout_begin(j, "findings", '{');
	for (size_t c = 0; c < FINDING_CLASS_COUNT; c++) {
		if (policy->severity[c] != usual.severity[c])
			jsonout_str(j, finding_class_name((enum finding_class)c),
			    severity_name(policy->severity[c]));
	}
	jsonout_end(j, '}');
}

static int put_policy(
    struct jsonout *j, const struct verification_facts *facts, struct err *e)
{
	CLEANUP_BUF struct buf text;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;
	int r;

	buf_init(&text, 8192);
	r = policy_text(facts, &text, e);
	if (r)
		return r;
	sha256(text.data, text.len, &d);
	digest_hex(&d, hex);
	jsonout_begin(j, "policy", '{');
	jsonout_str(j, "uri", STATEMENT_TAG "policy/v1");
	statement_digest_set(j, hex);
	jsonout_begin(j, "annotations", '{');
	jsonout_str(j, "level", verify_level_name(facts->options->level));
	jsonout_bool(j, "cached", facts->options->cached);
	jsonout_str(j, "images", facts->options->n_images ? "some" : "all");
	put_changed_severities(j, facts->policy);
	jsonout_end(j, '}');
	jsonout_end(j, '}');
	return 0;
}

static void put_levels(struct jsonout *j, const struct verification_facts *facts)
{
	static const char *const names[][2] = {
	    [LEVEL_STAT] = {"LAYERSEAL_STAT", "LAYERSEAL_STAT"},
	    [LEVEL_SCRUB] = {"LAYERSEAL_SCRUB", "LAYERSEAL_SCRUB_CACHED"},
	    [LEVEL_FULL] = {"LAYERSEAL_FULL", "LAYERSEAL_FULL_CACHED"},
	    [LEVEL_OCI] = {"LAYERSEAL_OCI", "LAYERSEAL_OCI_CACHED"},
	};
	const struct verify_options *o = facts->options;

	jsonout_begin(j, "verifiedLevels", '[');
	jsonout_str(j, NULL,
	    facts->verdict == VERDICT_CLEAN ? names[o->level][o->cached] : "FAILED");
	jsonout_end(j, ']');
}

static void put_verifier(struct jsonout *j, const struct session *s)
{
	CLEANUP_FREE char *id =
	    xasprintf(STATEMENT_TAG "verifier/%s", ledger_head(s->ledger)->origin);

	jsonout_begin(j, "verifier", '{');
	jsonout_str(j, "id", id);
	jsonout_begin(j, "version", '{');
	jsonout_str(j, "layerseal", LAYERSEAL_VERSION);
	jsonout_end(j, '}');
	jsonout_end(j, '}');
}

static void put_store_uri(struct jsonout *j, const struct session *s)
{
	char hex[2 * STORE_ID_BYTES + 1],
	    uri[sizeof(STATEMENT_TAG "store/") + sizeof(hex)];

	hex_encode(hex, s->store_id.bytes, STORE_ID_BYTES);
	snprintf(uri, sizeof(uri), STATEMENT_TAG "store/%s", hex);
	jsonout_str(j, "resourceUri", uri);
}

/* The one attestation that was believed: the log's own, over everything that was sealed. */
static void put_inputs(struct jsonout *j, const struct session *s)
{
	const struct checkpoint *head = ledger_head(s->ledger);
	CLEANUP_FREE char *uri =
	    xasprintf(STATEMENT_TAG "checkpoint/%s/%" PRIu64, head->origin, head->size);
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;
	size_t len;
	const char *note = ledger_note(s->ledger, &len);

	sha256(note, len, &d);
	digest_hex(&d, hex);
	jsonout_begin(j, "inputAttestations", '[');
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "uri", uri);
	statement_digest_set(j, hex);
	jsonout_end(j, '}');
	jsonout_end(j, ']');
}

/* What is ours in the predicate has a URI for a name, as the specification asks. */
static void put_extension(
    struct jsonout *j, const struct session *s, const struct verification_facts *facts)
{
	const struct verify_result *result = facts->result;
	size_t denied = 0, len;

	for (size_t i = 0; i < result->findings.n; i++)
		denied += result->findings.v[i].severity == SEVERITY_DENY;
	jsonout_begin(j, STATEMENT_TAG "verification/v1", '{');
	statement_head(j, s);
	jsonout_str(j, "checkpoint", ledger_note(s->ledger, &len));
	jsonout_u64(j, "images", result->images);
	jsonout_u64(j, "layers", result->layers);
	jsonout_u64(j, "byStatprint", result->by_statprint);
	jsonout_u64(j, "scrubbed", result->scrubbed);
	jsonout_u64(j, "measured", result->measured);
	jsonout_u64(j, "denied", denied);
	jsonout_u64(j, "warned", result->findings.n - denied);
	jsonout_end(j, '}');
}

int statement_of_verification(const struct session *s,
    const struct verification_facts *facts, struct jsonout *out, struct err *e)
{
	int r;

	statement_begin(out);
	r = put_verified_images(out, s, facts, e);
	if (r)
		return r;
	statement_predicate(out, VSA_V1);
	put_verifier(out, s);
	statement_time(out, "timeVerified", facts->time);
	put_store_uri(out, s);
	r = put_policy(out, facts, e);
	put_inputs(out, s);
	jsonout_str(out, "verificationResult",
	    facts->verdict == VERDICT_CLEAN ? "PASSED" : "FAILED");
	put_levels(out, facts);
	jsonout_str(out, "slsaVersion", "1.1");
	put_extension(out, s, facts);
	jsonout_end(out, '}');
	jsonout_end(out, '}');
	return r;
}
