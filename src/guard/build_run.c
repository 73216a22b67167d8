/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_run.c: the engine at work. One loop hands its output on and reads what it says there, keeps count
 * of what it makes, and looks at the store whenever records change. The terminal's signals reach the
 * engine by themselves; those that are sent to this process alone are handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fs.h"
#include "guard/build_impl.h"

#define WAKE_MS 100

struct attendance {
	struct build *b;
	pid_t engine;
	int signals; /* signalfd */
	int output;  /* -1: nobody takes it any more */
	bool ended, stopped;
	int told; /* the last signal that the engine got, or 0 */
};

enum source {
	SOURCE_OUTPUT,
	SOURCE_END,
	SOURCE_CHANGES,
	SOURCE_CREATIONS,
	SOURCE_SIGNALS,
	SOURCES
};

/* What is there now; *more false at the end of the output. */
static int take_output(struct attendance *a, bool *more, struct err *e)
{
	static char bytes[65536];
	struct err ignored;
	ssize_t n;
	int r = 0;

	while (!r &&
	       (n = read(starter_output(a->b->c->starter), bytes, sizeof(bytes))) > 0) {
		r = buildlog_add(&a->b->log, bytes, (size_t)n, e);
		if (r || a->output < 0 ||
		    fs_write_all(a->output, bytes, (size_t)n, &ignored) == 0)
			continue;
		/* As if it had written there itself. */
		a->output = -1;
		a->told = SIGPIPE;
		kill(a->engine, SIGTERM);
	}
	*more = n != 0;
	return r;
}

/* A build that cannot be sealed any more need not go on. */
static void stop_if_spoiled(struct attendance *a)
{
	if (a->stopped || a->b->out->findings.n == 0)
		return;
	a->stopped = true;
	kill(a->engine, SIGTERM);
}

static int look(struct attendance *a, struct err *e)
{
	struct build *b = a->b;
	int r = changes_read(b->changes, e);

	if (!r && b->creations)
		r = creations_read(b->creations, a->engine, b->c->restarts, e);
	if (!r)
		r = build_note_sources(b, e);
	if (!r && !a->ended)
		r = build_look(b, e);
	stop_if_spoiled(a);
	return r;
}

static void hand_on_signals(struct attendance *a)
{
	struct signalfd_siginfo info;

	/* The terminal's (SI_KERNEL) reached the engine by themselves, unless it is apart from it. */
	while (read(a->signals, &info, sizeof(info)) == sizeof(info)) {
		a->told = (int)info.ssi_signo;
		if (info.ssi_code != SI_KERNEL || a->b->c->start.user)
			kill(a->engine, (int)info.ssi_signo);
	}
}

static int attend(struct attendance *a, struct err *e)
{
	struct build *b = a->b;
	struct pollfd fds[SOURCES] = {
	    [SOURCE_OUTPUT] = {starter_output(b->c->starter), POLLIN, 0},
	    [SOURCE_END] = {starter_end(b->c->starter), POLLIN, 0},
	    [SOURCE_CHANGES] = {changes_fd(b->changes), POLLIN, 0},
	    [SOURCE_CREATIONS] = {b->creations ? creations_fd(b->creations) : -1, POLLIN,
		0},
	    [SOURCE_SIGNALS] = {a->signals, POLLIN, 0},
	};
	bool more = true;
	int r = 0;

	while (!r && !a->ended) {
		if (poll(fds, SOURCES, WAKE_MS) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		hand_on_signals(a);
		a->ended = fds[SOURCE_END].revents != 0;
		if (more)
			r = take_output(a, &more, e);
		if (!more)
			fds[SOURCE_OUTPUT].fd = -1;
		if (!r)
			r = look(a, e);
	}
	return r;
}

static int end(struct attendance *a, struct err *e)
{
	struct build *b = a->b;
	struct entry_build *record = b->c->record;
	int status, r = starter_status(b->c->starter, &b->out->status, e);

	if (!r)
		r = buildlog_end(&b->log, e);
	if (r)
		return r;
	status = b->out->status;
	record->status =
	    (uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	/* podman may end with 0 when a signal stops it, and nothing is built. */
	if (record->status == 0 && a->told && !b->log.result[0])
		record->status = 128 + (uint64_t)a->told;
	if (record->status == 0)
		memcpy(record->result, b->log.result, sizeof(record->result));
	return 0;
}

/* Those that would end this process in the middle: it has to see to what the engine leaves. */
static void choose_signals(sigset_t *out)
{
	static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

	sigemptyset(out);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(out, signals[i]);
}

int build_take_signals(int *signals, struct err *e)
{
	sigset_t mine;

	choose_signals(&mine);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &mine, NULL);
	*signals = signalfd(-1, &mine, SFD_NONBLOCK | SFD_CLOEXEC);
	return *signals < 0 ? err_sys(e, "signalfd") : 0;
}

bool build_is_told_to_end(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == sizeof(info);
}

int build_run(struct build *b, pid_t engine, int signals, struct err *e)
{
	struct attendance a = {
	    .b = b, .engine = engine, .signals = signals, .output = b->c->output};
	int r = 0;

	if (!engine)
		r = starter_start(b->c->starter, &b->c->start, &a.engine, e);
	if (!r)
		r = attend(&a, e);
	return r ? r : end(&a, e);
}
