/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.c: asks for a passphrase at the terminal, with its echo off. Whatever ends or stops the
 * program meanwhile finds the terminal as it was; a stopped one asks again when it goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"
#include "cli/cli.h"

static const int signals[] = {
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};

static volatile sig_atomic_t caught;

static void catch (int signal)
{
	caught = signal;
}

/* Without SA_RESTART: a signal ends the read(). */
static void catch_signals(struct sigaction before[static ARRAY_LEN(signals)])
{
	struct sigaction action = {.sa_handler = catch};

	caught = 0;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, &before[i]);
}

static void release_signals(const struct sigaction before[static ARRAY_LEN(signals)])
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &before[i], NULL);
}

static bool is_stop(int signal)
{
	return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* A line without its end; more than fits is read, so that nobody else gets it, and refused. */
static int read_line(int fd, struct buf *out, struct err *e)
{
	bool fits = true;

	for (;;) {
		ssize_t n;

		if (out->len == out->max) {
			fits = false;
			out->len = 0;
		}
		n = read(fd, out->data + out->len, 1);
		if (n < 0)
			return err_sys(e, "terminal");
		if (n == 0 || out->data[out->len] == '\n')
			break;
		out->len++;
	}
	out->data[out->len] = '\0';
	return fits ? 0
		    : err_set(e, ERR_REFUSED, "a passphrase of more than %zu bytes",
			  out->max);
}

static int read_hidden(int fd, const char *prompt, struct buf *out, struct err *e)
{
	struct termios before, hidden;
	int r;

	if (tcgetattr(fd, &before))
		return err_sys(e, "terminal");
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	hidden.c_lflag |= ICANON | ISIG;
	if (tcsetattr(fd, TCSAFLUSH, &hidden))
		return err_sys(e, "terminal");
	r = fs_write_all(fd, prompt, strlen(prompt), e);
	if (!r)
		r = read_line(fd, out, e);
	/* In the background this would stop the program; the caught SIGTTOU lets it go on. */
	while (tcsetattr(fd, TCSAFLUSH, &before) && errno == EINTR && !is_stop(caught))
		;
	return r ? r : fs_write_all(fd, "\n", 1, e);
}

static int ask_once(int fd, const char *prompt, struct buf *out, struct err *e)
{
	struct sigaction before[ARRAY_LEN(signals)];
	int r, signal;

	do {
		buf_clear(out);
		catch_signals(before);
		r = read_hidden(fd, prompt, out, e);
		signal = caught;
		release_signals(before);
		if (signal)
			raise(signal);
	} while (is_stop(signal));
	/* It came, and somebody has chosen to ignore it. */
	return signal ? err_set(e, ERR_REFUSED, "interrupted") : r;
}

static int ask_twice(int fd, const char *what, struct buf *out, struct err *e)
{
	CLEANUP_FREE char *prompt = xasprintf("New passphrase for %s: ", what);
	CLEANUP_SECRET_BUF struct buf again;
	int r;

	secret_buf_init(&again, out->max);
	r = ask_once(fd, prompt, out, e);
	if (!r)
		r = passphrase_check(out, true, e);
	if (!r)
		r = ask_once(fd, "Once more: ", &again, e);
	if (r)
		return r;
	if (again.len != out->len || memcmp(again.data, out->data, out->len) != 0)
		return err_set(e, ERR_REFUSED, "the two passphrases differ");
	return 0;
}

int terminal_ask_passphrase(const char *what, bool fresh, struct buf *out, struct err *e)
{
	CLEANUP_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CLEANUP_FREE char *name = esc_str(what);
	CLEANUP_FREE char *prompt = xasprintf("Passphrase for %s: ", name);

	if (fd < 0)
		return err_set(e, ERR_REFUSED,
		    "no terminal to ask for the passphrase (see --passphrase-fd)");
	return fresh ? ask_twice(fd, name, out, e) : ask_once(fd, prompt, out, e);
}
