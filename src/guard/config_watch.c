/* SPDX-License-Identifier: Apache-2.0 */
/* config_watch.c: section [watch] of layerseal.conf(5): see config.h. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/decimal.h"
#include "base/duration.h"
#include "guard/config_impl.h"

#define MINUTE 60
#define DAY 86400
#define PASS_DEFAULT (10 * MINUTE)
#define PASS_MIN 30
#define PASS_MAX (7 * DAY)
#define ALARM_INTERVAL_DEFAULT 10
#define SEPARATORS " \t,"

void watch_settings_default(struct watch_settings *w)
{
	*w = (struct watch_settings){
	    .pass_s = PASS_DEFAULT,
	    .alarm_interval_s = ALARM_INTERVAL_DEFAULT,
	};
}

void watch_settings_release(struct watch_settings *w)
{
	free(w->source);
	free(w->socket);
	free(w->alarm_command);
	free(w->metrics);
	free(w->seal_uids);
	free(w->seal_gids);
	watch_settings_default(w);
}

/* ---- who may seal ---- */

static bool user_number(const char *name, uint32_t *out)
{
	const struct passwd *user = getpwnam(name);

	if (user)
		*out = user->pw_uid;
	return user;
}

static bool group_number(const char *name, uint32_t *out)
{
	const struct group *group = getgrnam(name);

	if (group)
		*out = group->gr_gid;
	return group;
}

/* A number stands for itself, whatever users are called; UINT32_MAX is the kernel's "nobody meant". */
static int principal(const char *what, const char *word,
    bool look_up(const char *name, uint32_t *out), uint32_t *out, struct err *e)
{
	uint64_t number;

	if (decimal_parse(word, strlen(word), &number) && number < UINT32_MAX) {
		*out = (uint32_t)number;
		return 0;
	}
	errno = 0;
	if (look_up(word, out))
		return 0;
	return err_set(e, ERR_USAGE, "%s: there is no '%s'%s%s", what, word,
	    errno ? ": " : "", errno ? strerror(errno) : "");
}

struct principals {
	uint32_t *v;
	size_t n;
};

static int parse_principals(const char *what, const char *value,
    bool look_up(const char *name, uint32_t *out), struct principals *out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrdup(value);
	CLEANUP_FREE uint32_t *numbers = NULL;
	char *rest = copy;
	char *word;
	size_t n = 0;

	while ((word = strsep(&rest, SEPARATORS))) {
		int r;

		if (!word[0])
			continue;
		numbers = xreallocarray(numbers, n + 1, sizeof(numbers[0]));
		r = principal(what, word, look_up, &numbers[n], e);
		if (r)
			return r;
		n++;
	}
	free(out->v);
	*out = (struct principals){take_ptr(numbers), n};
	return 0;
}

_Static_assert(sizeof(uid_t) == sizeof(uint32_t) && sizeof(gid_t) == sizeof(uint32_t),
    "numbers of users and groups have 32 bits");

static int set_users(struct watch_settings *w, const char *value, struct err *e)
{
	struct principals p = {w->seal_uids, w->n_seal_uids};
	int r = parse_principals("seal-users", value, user_number, &p, e);

	w->seal_uids = p.v;
	w->n_seal_uids = p.n;
	return r;
}

static int set_groups(struct watch_settings *w, const char *value, struct err *e)
{
	struct principals p = {w->seal_gids, w->n_seal_gids};
	int r = parse_principals("seal-groups", value, group_number, &p, e);

	w->seal_gids = p.v;
	w->n_seal_gids = p.n;
	return r;
}

/* ---- the others ---- */

static int set_source(struct watch_settings *w, const char *value, struct err *e)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "inotify") != 0 &&
	    strcmp(value, "fanotify") != 0)
		return err_set(
		    e, ERR_USAGE, "source: '%s' is not auto, inotify or fanotify", value);
	free(w->source);
	w->source = xstrdup(value);
	return 0;
}

static int set_pass(struct watch_settings *w, const char *value, struct err *e)
{
	int64_t seconds;

	if (!duration_parse(value, &seconds) || seconds < PASS_MIN || seconds > PASS_MAX)
		return err_set(e, ERR_USAGE,
		    "pass: '%s' is not from 30s to 7d (N as in 90s, 10m, 2h, 7d)", value);
	w->pass_s = (unsigned)seconds;
	return 0;
}

static int set_interval(struct watch_settings *w, const char *value, struct err *e)
{
	int64_t seconds;

	if (!duration_parse(value, &seconds) || seconds > DAY)
		return err_set(e, ERR_USAGE,
		    "alarm-interval: '%s' is not from 1s to 1d (N as in 90s, 10m, 2h)",
		    value);
	w->alarm_interval_s = (unsigned)seconds;
	return 0;
}

static int set_socket(struct watch_settings *w, const char *value, struct err *e)
{
	w->no_socket = strcmp(value, "none") == 0;
	return w->no_socket ? 0 : config_path(&w->socket, "socket", value, e);
}

static int set_journal(struct watch_settings *w, const char *value, struct err *e)
{
	bool journal;
	int r = config_flag(&journal, "journal", value, e);

	if (!r)
		w->no_journal = !journal;
	return r;
}

static int set_alarm_command(struct watch_settings *w, const char *value, struct err *e)
{
	return config_path(&w->alarm_command, "alarm-command", value, e);
}

static int set_metrics(struct watch_settings *w, const char *value, struct err *e)
{
	return config_path(&w->metrics, "metrics", value, e);
}

int watch_settings_set(
    struct watch_settings *w, const char *name, const char *value, struct err *e)
{
	static const struct {
		const char *name;
		int (*set)(struct watch_settings *w, const char *value, struct err *e);
	} settings[] = {
	    {"source", set_source},
	    {"pass", set_pass},
	    {"socket", set_socket},
	    {"alarm-command", set_alarm_command},
	    {"alarm-interval", set_interval},
	    {"metrics", set_metrics},
	    {"journal", set_journal},
	    {"seal-users", set_users},
	    {"seal-groups", set_groups},
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (strcmp(name, settings[i].name) == 0)
			return settings[i].set(w, value, e);
	}
	return err_set(e, ERR_USAGE, "section [watch] has no setting '%s'", name);
}
