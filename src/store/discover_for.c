/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_for.c: store_discover_for(): a child becomes the user and looks; what it finds comes back as words
 * that end with a NUL each, after one byte that says whether they are a store or a reason; the last word is END.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "store/engineconf.h"
#include "store/store.h"

#define ANSWER_MAX 65536
/* A file system of the user's own may never answer. */
#define PATIENCE_MS 30000

#define END "."
/* Before what there may be any number of. */
enum more_kind { MORE_ADDITIONAL = 'a', MORE_MOUNT_OPTION = 'm' };

enum answer_kind { ANSWER_STORE = 's', ANSWER_REASON = 'r' };

/* ---- the child ---- */

static int add_word(struct buf *out, const char *word, struct err *e)
{
	return buf_add(out, word ? word : "", word ? strlen(word) + 1 : 1, e);
}

static int add_more(
    enum more_kind kind, const char *value, struct buf *out, struct err *e)
{
	CLEANUP_FREE char *word = xasprintf("%c%s", (char)kind, value);

	return add_word(out, word, e);
}

static int put_config(const struct store_config *c, struct buf *out, struct err *e)
{
	char kind = ANSWER_STORE;
	int r = buf_add(out, &kind, 1, e);

	if (!r)
		r = add_word(out, c->graphroot, e);
	if (!r)
		r = add_word(out, c->runroot, e);
	if (!r)
		r = add_word(out, store_driver_name(c->driver), e);
	if (!r)
		r = add_word(out, c->imagestore, e);
	for (size_t i = 0; !r && i < c->n_additional; i++)
		r = add_more(MORE_ADDITIONAL, c->additional[i], out, e);
	for (size_t i = 0; !r && i < c->n_mount_options; i++)
		r = add_more(MORE_MOUNT_OPTION, c->mount_options[i], out, e);
	return r;
}

static int look(
    const struct store_options *opt, bool engine_conf, struct buf *out, struct err *e)
{
	CLEANUP_STORE_CONFIG struct store_config config = {0};
	int r = engine_conf ? engine_conf_check(e) : 0;

	if (!r)
		r = store_discover(opt, &config, e);
	return r ? r : put_config(&config, out, e);
}

static NORETURN void child(
    const struct account *a, const struct store_options *opt, bool engine_conf, int fd)
{
	CLEANUP_BUF struct buf out;
	struct err e;

	buf_init(&out, ANSWER_MAX);
	if (!account_become(a))
		_exit(1);
	if (look(opt, engine_conf, &out, &e)) {
		char kind = ANSWER_REASON;

		buf_clear(&out);
		if (buf_add(&out, &kind, 1, &e) || add_word(&out, e.msg, &e))
			_exit(1);
	}
	_exit(add_word(&out, END, &e) || fs_write_all(fd, out.data, out.len, &e));
}

/* ---- the parent ---- */

/* All of it, or what there is when the time is over. */
static void hear(int fd, struct buf *answer)
{
	int64_t until = clock_now_ms() + PATIENCE_MS, left;
	char part[4096];
	struct err e;

	while ((left = until - clock_now_ms()) > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, part, sizeof(part));
		if (n <= 0 || buf_add(answer, part, (size_t)n, &e))
			return;
	}
}

static const char *take_word(const char **p, const char *end)
{
	const char *word = *p;

	if (word >= end)
		return NULL;
	*p += strlen(word) + 1;
	return word;
}

static void append(char ***list, size_t *n, const char *value)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = xstrdup(value);
}

static int take_config(const struct buf *answer, struct store_config *out, struct err *e)
{
	const char *p = answer->data + 1, *end = answer->data + answer->len;
	const char *graphroot = take_word(&p, end), *runroot = take_word(&p, end);
	const char *driver = take_word(&p, end), *imagestore = take_word(&p, end);
	const char *more;

	if (!imagestore || graphroot[0] != '/' || runroot[0] != '/' ||
	    !store_driver_parse(driver, &out->driver))
		return err_set(e, ERR_INTERNAL, "the answer makes no sense");
	out->graphroot = xstrdup(graphroot);
	out->runroot = xstrdup(runroot);
	out->imagestore = imagestore[0] ? xstrdup(imagestore) : NULL;
	while ((more = take_word(&p, end))) {
		if (more[0] == MORE_ADDITIONAL)
			append(&out->additional, &out->n_additional, more + 1);
		else if (more[0] == MORE_MOUNT_OPTION)
			append(&out->mount_options, &out->n_mount_options, more + 1);
	}
	return 0;
}

static int take_answer(struct buf *answer, struct store_config *out, struct err *e)
{
	static const char end[] = "\0" END;

	if (answer->len <= sizeof(end) ||
	    memcmp(answer->data + answer->len - sizeof(end), end, sizeof(end)) != 0)
		return err_set(e, ERR_STORE,
		    "the process that looked for it was stopped, or did not end");
	buf_truncate(answer, answer->len - strlen(END) - 1);
	if (answer->data[0] == ANSWER_REASON)
		return err_set(e, ERR_STORE, "%s", answer->data + 1);
	return take_config(answer, out, e);
}

static int ask(const struct account *a, const struct store_options *opt, bool engine_conf,
    struct store_config *out, struct err *e)
{
	CLEANUP_BUF struct buf answer;
	int fds[2];
	pid_t pid;

	buf_init(&answer, ANSWER_MAX);
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(e, "pipe");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(a, opt, engine_conf, fds[1]);
	}
	close(fds[1]);
	if (pid > 0)
		hear(fds[0], &answer);
	close(fds[0]);
	if (pid < 0)
		return err_sys(e, "fork");
	/* It has answered, or has had its time; who is dead already is not hurt. */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return take_answer(&answer, out, e);
}

int store_discover_for(struct account *account, const struct store_options *opt,
    bool engine_conf, struct store_config *out, struct err *e)
{
	int r;

	*out = (struct store_config){.account = account};
	if ((opt->root && opt->root[0] != '/') ||
	    (opt->runroot && opt->runroot[0] != '/'))
		r = err_set(e, ERR_USAGE, "relative paths are not allowed");
	else
		r = ask(account, opt, engine_conf, out, e);
	if (r) {
		err_wrap(e, "the store of user %s", account->name);
		store_config_release(out);
	}
	return r;
}
