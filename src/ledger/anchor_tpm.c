/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_tpm.c: an anchor in a TPM 2.0: an NV index of type counter, which the TPM never sets back, not
 * even when the index is removed and made again. It knows no root; the ledger's entries of op anchor
 * say what its value must be.
 *
 * The libraries of tpm2-tss are loaded only when a TPM is configured: linked in, they (and libcrypto
 * below them) would double the time that a hook takes to start.
 */
#include <inttypes.h>

#include "ledger/anchor_impl.h"

#ifdef HAVE_TPM

#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "base/dl.h"

/* Never the list of places that tpm2-tss would try: a port of this host, where anybody may listen, is one. */
#define DEFAULT_TCTI "device:/dev/tpmrm0"
#define COUNTER_BYTES 8
#define COUNTER_ATTRIBUTES                                                               \
	(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHWRITE |                  \
	    TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA)
/* A TPM that is further behind than this is another one; catching up would wear it out. */
#define GAP_MAX 1000

/* X(library, function) */
#define TSS_FUNCTIONS(X)                                                                 \
	X(tctildr, Tss2_TctiLdr_Initialize)                                              \
	X(tctildr, Tss2_TctiLdr_Finalize)                                                \
	X(rc, Tss2_RC_Decode)                                                            \
	X(esys, Esys_Initialize)                                                         \
	X(esys, Esys_Finalize)                                                           \
	X(esys, Esys_Free)                                                               \
	X(esys, Esys_TR_FromTPMPublic)                                                   \
	X(esys, Esys_NV_ReadPublic)                                                      \
	X(esys, Esys_NV_Read)                                                            \
	X(esys, Esys_NV_Increment)                                                       \
	X(esys, Esys_NV_DefineSpace)

static struct {
	bool loaded;
#define X(lib, function) __typeof__(function) *function;
	TSS_FUNCTIONS(X)
#undef X
} tss;

struct anchor_tpm {
	uint32_t index;
	char *tcti;
};

/* One connection, and the index as it is now. */
struct session {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR index; /* ESYS_TR_NONE: not defined */
	bool written;  /* has a value */
};

/* ---- the libraries ---- */

static int load_libraries(struct err *e)
{
	int r = 0;

	if (tss.loaded)
		return 0;
	/* They print what layerseal says itself. */
	if (setenv("TSS2_LOG", "all+NONE", 0))
		return err_sys(e, "setenv");
		/* They stay loaded: libcrypto does not like to go. */
#define X(lib, function)                                                                 \
	if (!r)                                                                          \
		r = dl_function(                                                         \
		    "libtss2-" #lib ".so.0", #function, (void **)&tss.function, e);
	TSS_FUNCTIONS(X)
#undef X
	tss.loaded = !r;
	return r ? err_wrap(e, "no tpm2-tss") : 0;
}

/* ERR_IO: up to the policy. */
static int tpm_error(TSS2_RC rc, const char *what, struct err *e)
{
	return err_set(
	    e, ERR_IO, "%s: %s (0x%08" PRIx32 ")", what, tss.Tss2_RC_Decode(rc), rc);
}

/* ---- one connection ---- */

static void session_close(struct session *s)
{
	if (s->esys)
		tss.Esys_Finalize(&s->esys);
	if (s->tcti)
		tss.Tss2_TctiLdr_Finalize(&s->tcti);
}
#define CLEANUP_SESSION CLEANUP(session_close)

static int connect_tpm(const struct anchor_tpm *t, struct session *s, struct err *e)
{
	TSS2_RC rc;
	int r = load_libraries(e);

	if (r)
		return r;
	rc = tss.Tss2_TctiLdr_Initialize(t->tcti, &s->tcti);
	if (!rc)
		rc = tss.Esys_Initialize(&s->esys, s->tcti, NULL);
	return rc ? tpm_error(rc, t->tcti, e) : 0;
}

/* Only the TPM's own counters are never set back; an index of another type says whatever was written. */
static int check_public(const TPMS_NV_PUBLIC *public, struct err *e)
{
	uint32_t type =
	    (public->attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT;

	if (type != TPM2_NT_COUNTER || public->dataSize != COUNTER_BYTES ||
	    public->attributes & TPMA_NV_ORDERLY)
		return err_set(e, ERR_LEDGER,
		    "the NV index is not a plain counter (attributes 0x%08" PRIx32 ")",
		    public->attributes);
	return 0;
}

static bool is_no_such_handle(TSS2_RC rc)
{
	return (rc & (TPM2_RC_FMT1 | 0xf03f)) == TPM2_RC_HANDLE;
}

static int find_index(const struct anchor_tpm *t, struct session *s, struct err *e)
{
	TPM2B_NV_PUBLIC *public = NULL;
	TSS2_RC rc;
	int r;

	s->index = ESYS_TR_NONE;
	rc = tss.Esys_TR_FromTPMPublic(
	    s->esys, t->index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &s->index);
	if (is_no_such_handle(rc)) {
		s->index = ESYS_TR_NONE;
		return 0;
	}
	if (!rc)
		rc = tss.Esys_NV_ReadPublic(s->esys, s->index, ESYS_TR_NONE, ESYS_TR_NONE,
		    ESYS_TR_NONE, &public, NULL);
	if (rc)
		return tpm_error(rc, "NV index", e);
	r = check_public(&public->nvPublic, e);
	s->written = public->nvPublic.attributes & TPMA_NV_WRITTEN;
	tss.Esys_Free(public);
	return r;
}

static int session_open(const struct anchor_tpm *t, struct session *s, struct err *e)
{
	int r;

	*s = (struct session){.index = ESYS_TR_NONE};
	r = connect_tpm(t, s, e);
	return r ? r : find_index(t, s, e);
}

/* ERR_NOT_FOUND: the index has no value, or is not there. */
static int read_counter(const struct session *s, uint64_t *out, struct err *e)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	TSS2_RC rc;

	if (s->index == ESYS_TR_NONE)
		return err_set(e, ERR_NOT_FOUND, "the TPM has no such NV index");
	if (!s->written)
		return err_set(e, ERR_NOT_FOUND, "the NV index has never counted");
	rc = tss.Esys_NV_Read(s->esys, s->index, s->index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, COUNTER_BYTES, 0, &data);
	if (rc)
		return tpm_error(rc, "cannot read the counter", e);
	*out = 0;
	for (size_t i = 0; i < COUNTER_BYTES; i++)
		*out = *out << 8 | data->buffer[i];
	tss.Esys_Free(data);
	return 0;
}

static int increment(struct session *s, struct err *e)
{
	TSS2_RC rc = tss.Esys_NV_Increment(
	    s->esys, s->index, s->index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);

	s->written = s->written || !rc;
	return rc ? tpm_error(rc, "cannot count", e) : 0;
}

static int define(const struct anchor_tpm *t, struct session *s, struct err *e)
{
	const TPM2B_AUTH no_password = {0};
	const TPM2B_NV_PUBLIC public = {
	    .nvPublic =
		{
		    .nvIndex = t->index,
		    .nameAlg = TPM2_ALG_SHA256,
		    .attributes = COUNTER_ATTRIBUTES,
		    .dataSize = COUNTER_BYTES,
		},
	};
	TSS2_RC rc = tss.Esys_NV_DefineSpace(s->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
	    ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &public, &s->index);

	s->written = false;
	return rc ? tpm_error(rc,
			"cannot define the NV index (with an owner password: "
			"tpm2_nvdefine, see layerseal.conf(5))",
			e)
		  : 0;
}

/* ---- the anchor ---- */

static int read_now(struct anchor *a, uint64_t *out, struct err *e)
{
	CLEANUP_SESSION struct session s;
	int r = session_open(a->own, &s, e);

	return r ? r : read_counter(&s, out, e);
}

static void cannot_read(struct anchor *a, int r, const struct err *why)
{
	if (r == ERR_NOT_FOUND)
		anchor_is(a, ANCHOR_MISSING,
		    "%s (if it never did: layerseal ledger anchor --create)", why->msg);
	else
		anchor_is(
		    a, r == ERR_IO ? ANCHOR_UNREACHABLE : ANCHOR_DAMAGED, "%s", why->msg);
}

static void look(struct anchor *a)
{
	struct err e;
	int r = read_now(a, &a->counter, &e);

	a->knows_counter = !r;
	if (r)
		cannot_read(a, r, &e);
	else
		a->state = ANCHOR_SEEN;
}

/* `seen` was read before the ledger was, a->counter after. */
static void compare(struct anchor *a, uint64_t seen, uint64_t told)
{
	if (told < seen)
		anchor_is(a, ANCHOR_ROLLED_BACK,
		    "it has counted to %" PRIu64 ", but the newest entry of the ledger "
		    "that counts with it says %" PRIu64 ": an older ledger was put in "
		    "place of the newest, or somebody else counts with it",
		    seen, told);
	else if (told <= a->counter)
		a->state = ANCHOR_AGREES;
	else if (told == a->counter + 1)
		a->state = ANCHOR_BEHIND;
	else
		anchor_is(a, ANCHOR_REPLACED,
		    "it has counted to %" PRIu64 ", but an entry of the ledger says "
		    "%" PRIu64 ": the TPM was replaced or set back",
		    a->counter, told);
}

static int judge(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	uint64_t seen = a->counter, told;
	struct err why;
	int r;

	(void)e;
	if (!view->counter(view->ctx, a->name, &told)) {
		anchor_is(a, ANCHOR_ROLLED_BACK,
		    "it has counted to %" PRIu64 ", but no entry of the ledger counts "
		    "with it: an older ledger was put in place of the newest (if it "
		    "never "
		    "did: layerseal ledger anchor --reset)",
		    seen);
		return 0;
	}
	/* Somebody may have appended and counted since it was looked at. */
	if (told > seen) {
		r = read_now(a, &a->counter, &why);
		if (r) {
			cannot_read(a, r, &why);
			return 0;
		}
	}
	compare(a, seen, told);
	return 0;
}

static int check_gap(uint64_t from, uint64_t to, struct err *e)
{
	return to - from <= GAP_MAX
		   ? 0
		   : err_set(e, ERR_LEDGER,
			 "it has counted to %" PRIu64 ", the ledger to %" PRIu64
			 ": this is another TPM; give it another NV index",
			 from, to);
}

static int prepare(struct anchor *a, const struct anchor_view *view, bool *counts,
    uint64_t *counter, struct err *e)
{
	uint64_t now, told = 0;
	int r = read_now(a, &now, e);

	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	if (r)
		return r;
	(void)view->counter(view->ctx, a->name, &told);
	*counts = true;
	*counter = (told > now ? told : now) + 1;
	return check_gap(now, *counter, e);
}

/* Counts until it has counted as far as the ledger says, and never further. */
static int count_up(struct session *s, uint64_t told, uint64_t *now, struct err *e)
{
	int r = read_counter(s, now, e);

	if (!r && *now < told)
		r = check_gap(*now, told, e);
	while (!r && *now < told) {
		uint64_t before = *now;

		r = increment(s, e);
		if (!r)
			r = read_counter(s, now, e);
		if (!r && *now <= before)
			r = err_set(e, ERR_LEDGER, "it does not count");
	}
	return r;
}

static int advance(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	CLEANUP_SESSION struct session s = {0};
	uint64_t told;
	int r;

	if (!view->counter(view->ctx, a->name, &told))
		return 0;
	r = session_open(a->own, &s, e);
	if (!r)
		r = count_up(&s, told, &a->counter, e);
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	return r;
}

/* The first count gives it a value: more than any counter of this TPM ever had. */
static int create(
    struct anchor *a, const struct anchor_view *view, bool again, struct err *e)
{
	CLEANUP_SESSION struct session s;
	int r = session_open(a->own, &s, e);

	(void)view;
	(void)again;
	if (!r && s.index == ESYS_TR_NONE)
		r = define(a->own, &s, e);
	if (!r && !s.written)
		r = increment(&s, e);
	if (!r)
		r = read_counter(&s, &a->counter, e);
	a->knows_counter = !r;
	return r;
}

static void release(struct anchor *a)
{
	struct anchor_tpm *t = a->own;

	free(t->tcti);
	free(t);
}

int anchor_tpm_init(
    struct anchor *a, const struct anchor_setting *s, const char *tcti, struct err *e)
{
	static const struct anchor_ops ops = {
	    .look = look,
	    .judge = judge,
	    .prepare = prepare,
	    .advance = advance,
	    .create = create,
	    .release = release,
	};
	struct anchor_tpm *t = xcalloc(1, sizeof(*t));

	(void)e;
	t->index = s->index;
	t->tcti = xstrdup(tcti[0] ? tcti : DEFAULT_TCTI);
	*a = (struct anchor){
	    .ops = &ops, .name = xasprintf("tpm:0x%08" PRIx32, s->index), .own = t};
	return 0;
}

bool anchor_tpm_is_built_in(void)
{
	return true;
}

#else /* HAVE_TPM */

int anchor_tpm_init(
    struct anchor *a, const struct anchor_setting *s, const char *tcti, struct err *e)
{
	(void)a;
	(void)tcti;
	return err_set(e, ERR_LEDGER,
	    "anchor tpm:0x%08" PRIx32 ": this layerseal was built without TPM support",
	    s->index);
}

bool anchor_tpm_is_built_in(void)
{
	return false;
}

#endif
