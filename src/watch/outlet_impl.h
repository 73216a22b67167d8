/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet_impl.h: the ways in which outlet.c tells notices, and their tests. Each takes any number of notices, waits for
 * nobody, and says false or a reason where something was not told.
 */
#ifndef WATCH_OUTLET_IMPL_H
#define WATCH_OUTLET_IMPL_H

#include <stdio.h>

#include "watch/outlet.h"

/* ---- notice.c: one notice in the words of each way ---- */

/* 32 digits, as systemd/layerseal.catalog has them. */
const char *notice_message_id(enum notice_kind k);
/* True if `count` says something, 0 too. */
bool notice_counts(const struct notice *n);
/* What the gap of that name means, and its number (may be NULL); NULL: there is none. */
const char *notice_gap(const char *name, size_t *number);
/* As syslog(3) counts them. */
int notice_priority(const struct notice *n);
/* In one line without its end; everything untrusted escaped, and cut. */
void notice_text(FILE *to, const struct notice *n);
/* "2026-11-24T08:25:07.123Z" */
#define NOTICE_TIME_MAX 40
void notice_time(int64_t time_ms, char out[static NOTICE_TIME_MAX]);

/* ---- outlet_lines.c: lines on a descriptor ---- */

/* Kept for a reader that is slow; what comes when they are full is not told. */
#define LINES_PENDING_MAX (1U << 20)

struct lines;
/* `fd` is not closed. NULL for LINES_NONE; then there is nothing to do for the others. */
struct lines *lines_new(enum outlet_lines how, int fd);
bool lines_tell(struct lines *l, const struct notice *n);
/* As much as the reader takes now. */
void lines_flush(struct lines *l);
/* Waits up to a second for the reader. */
void lines_free(struct lines *l);

/* ---- outlet_journal.c: the journal ---- */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal;
struct journal *journal_new(const char *socket);
/* True, too, where there is no journal. */
bool journal_tell(struct journal *j, const struct notice *n);
void journal_free(struct journal *j);

/* ---- outlet_command.c: the alarm-command ---- */

#define COMMAND_LIMIT_MS 10000
#define COMMAND_LAST_MS 1000 /* at the end */
#define COMMAND_NOTICES_MAX 100

struct command;
MUSTUSE int command_new(
    const char *path, unsigned interval_s, struct command **out, struct err *e);
/* For the next run. */
void command_tell(struct command *c, const struct notice *n);
/* True: something was not told, and e->msg says why. */
bool command_tick(struct command *c, int64_t now_ms, struct err *e);
/* What still runs, and then what is pending, gets COMMAND_LAST_MS each. */
void command_free(struct command *c);

/* ---- metrics.c ---- */

/* metrics_text() in a file that is replaced. */
MUSTUSE int metrics_write(
    const char *path, const struct watch_figures *f, const char *store, struct err *e);

#endif
