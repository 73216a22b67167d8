/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet_journal.c: see outlet_impl.h. The journal's own protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram, fields as "NAME=value\n". Of libsystemd nothing would
 * be left to do but to send it: the fields have to be made all the same, and the rest of its work is for messages that
 * do not fit into a datagram, which ours always do, being cut, and for values with line feeds, which ours never have,
 * being escaped.
 *
 * The socket is named in each datagram: a journal that is started again is told from its start.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/esc.h"
#include "watch/outlet_impl.h"

#define VALUE_MAX 4096 /* bytes of a value, before it is escaped */

struct journal {
	int fd;
	struct sockaddr_un address;
};

struct journal *journal_new(const char *socket_path)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	j->address.sun_family = AF_UNIX;
	snprintf(j->address.sun_path, sizeof(j->address.sun_path), "%s", socket_path);
	return j;
}

void journal_free(struct journal *j)
{
	if (j && j->fd >= 0)
		close(j->fd);
	free(j);
}

static void put(FILE *to, const char *name, const char *value)
{
	size_t len = value ? strlen(value) : 0;
	CLEANUP_FREE char *text = esc_text(value, len < VALUE_MAX ? len : VALUE_MAX);

	if (len)
		fprintf(to, "%s=%s%s\n", name, text, len > VALUE_MAX ? "..." : "");
}

/* The catalogue has a place for it, whether it is known or not. */
static void put_or_none(FILE *to, const char *name, const char *value)
{
	put(to, name, value && value[0] ? value : "-");
}

static void put_finding(FILE *to, const struct finding *f)
{
	put(to, "LAYERSEAL_CLASS", finding_class_name(f->class));
	put_or_none(to, "LAYERSEAL_LAYER", f->layer);
	put_or_none(to, "LAYERSEAL_IMAGE", f->image);
	put_or_none(to, "LAYERSEAL_PATH", f->path);
	put_or_none(to, "LAYERSEAL_EXPECTED", f->expected);
	put_or_none(to, "LAYERSEAL_FOUND", f->found);
}

static void put_writer(FILE *to, const struct writer *w)
{
	char pid[16] = "-", uid[16] = "-";

	if (w)
		snprintf(pid, sizeof(pid), "%d", (int)w->pid);
	if (w && w->looked_at)
		snprintf(uid, sizeof(uid), "%u", (unsigned)w->uid);
	put(to, "LAYERSEAL_PID", pid);
	put(to, "LAYERSEAL_UID", uid);
	put_or_none(to, "LAYERSEAL_PROGRAM", w && w->looked_at ? w->program : NULL);
	if (w && w->looked_at)
		put(to, "LAYERSEAL_IN_CONTAINER", w->in_container ? "yes" : "no");
}

static void put_notice(FILE *to, const struct notice *n)
{
	fputs("MESSAGE=", to);
	notice_text(to, n);
	fprintf(to, "\nMESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=layerseal\n",
	    notice_message_id(n->kind), notice_priority(n));
	put(to, "LAYERSEAL_KIND", notice_kind_name(n->kind));
	put(to, "LAYERSEAL_STORE", n->store);
	if (n->kind == NOTICE_FOLDED)
		put(to, "LAYERSEAL_FOLDED", notice_kind_name(n->folded));
	if (n->finding)
		put_finding(to, n->finding);
	put(to, "LAYERSEAL_LAYER", n->layer);
	put(to, "LAYERSEAL_PATH", n->path);
	put(to, "LAYERSEAL_TEXT", n->text);
	if (notice_counts(n))
		fprintf(to, "LAYERSEAL_COUNT=%" PRIu64 "\n", n->count);
	if (n->kind == NOTICE_ALARM)
		fprintf(to, "LAYERSEAL_LATENCY_MS=%.3f\n", n->latency_ms);
	if (n->writer || n->kind == NOTICE_ALARM || n->kind == NOTICE_TOUCHED)
		put_writer(to, n->writer);
}

bool journal_tell(struct journal *j, const struct notice *n)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *to;

	if (!j || j->fd < 0)
		return true;
	to = open_memstream(&text, &len);
	if (!to)
		return false;
	put_notice(to, n);
	fclose(to);
	if (sendto(j->fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&j->address,
		sizeof(j->address)) >= 0)
		return true;
	return errno == ENOENT || errno == ECONNREFUSED;
}
