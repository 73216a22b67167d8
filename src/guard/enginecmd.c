/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enginecmd.c: see enginecmd.h. First the verb is looked for as cobra does it: podman descends command by
 * command (Command.Traverse), buildah strips what looks like options (Command.Find). Then the options are
 * read as pflag does. The two do not agree with each other in every case ("podman -- x build" builds),
 * so both are followed to the letter.
 */
#include "guard/enginecmd.h"

#include <string.h>

#include "guard/enginecmd_tables.h"

/* ---- names ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *engine_name(enum engine e)
{
	return e == ENGINE_BUILDAH ? "buildah" : "podman";
}

bool engine_parse(const char *program, enum engine *out)
{
	const char *name = base_name(program);

	*out = strcmp(name, "buildah") == 0 ? ENGINE_BUILDAH : ENGINE_PODMAN;
	return *out == ENGINE_BUILDAH || strcmp(name, "podman") == 0 ||
	       strcmp(name, "docker") == 0;
}

bool engine_is_helper(const char *argv0)
{
	static const char *const names[] = {"buildah-chroot-exec",
	    "buildah-chroot-runtime", "buildah-copier", "buildah-oci-runtime",
	    "chrootuser-open", "storage-applyLayer", "storage-mountfrom", "storage-tar",
	    "storage-untar"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(argv0, names[i]) == 0)
			return true;
	}
	return false;
}

/* ---- options ---- */

struct option {
	const char *name; /* in a table, not terminated */
	size_t len;
	bool takes_value; /* the next argument, unless it has one after "=" */
};

/* Finds a word of a table by its long name, or, if `shorthand`, by its letter. */
static bool find_option(
    const char *table, const char *name, size_t len, bool shorthand, struct option *out)
{
	for (const char *word = table; word && *word; word += strcspn(word, " ") + 1) {
		size_t end = strcspn(word, " ");
		bool has_letter = end > 2 && word[1] == ',';
		const char *known = word + (has_letter ? 2 : 0);

		*out = (struct option){known, (size_t)(word + end - known), false};
		if (out->len && known[out->len - 1] == '=') {
			out->len--;
			out->takes_value = true;
		}
		if (shorthand ? has_letter && word[0] == name[0]
			      : out->len == len && memcmp(known, name, len) == 0)
			return true;
	}
	return false;
}

static bool option_is(const struct option *o, const char *name)
{
	return strlen(name) == o->len && memcmp(o->name, name, o->len) == 0;
}

/* strconv.ParseBool; what it refuses ends the engine, so it does not matter what it is here. */
static bool is_false(const char *text)
{
	static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};

	for (size_t i = 0; text && i < ARRAY_LEN(no); i++) {
		if (strcmp(text, no[i]) == 0)
			return true;
	}
	return false;
}

static const char *const store_options[] = {"--root", "--runroot", "--storage-driver",
    "--storage-opt", "--imagestore", "--transient-store"};

/* Spelled like an option that chooses the store, wherever it stands. */
static bool looks_like_store_option(const char *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(store_options); i++) {
		size_t len = strlen(store_options[i]);

		if (strncmp(arg, store_options[i], len) == 0 &&
		    (arg[len] == '\0' || arg[len] == '='))
			return true;
	}
	return false;
}

/* One reading of a list of arguments. */
struct reading {
	const struct engine_table *table;
	const char *own; /* options of the verb; NULL before it */
	bool ends_at_argument;
	struct engine_command *out;
	const char *unknown; /* the first option that is in no table */
	bool help;
};

static bool know_option(const struct reading *r, const char *name, size_t len,
    bool shorthand, struct option *o)
{
	return find_option(r->own, name, len, shorthand, o) ||
	       find_option(r->table->global, name, len, shorthand, o);
}

static void add_storage_opt(struct reading *r, const char *value, const char *arg)
{
	struct engine_command *c = r->out;

	/* buildah reads this one as a line of CSV; quotes in it are nobody's custom. */
	if (strpbrk(value, "\"\n"))
		c->unclear = arg;
	c->storage_opts =
	    xreallocarray(c->storage_opts, c->n_storage_opts + 1, sizeof(char *));
	c->storage_opts[c->n_storage_opts++] = value;
}

bool engine_option_is(const struct engine_option *o, const char *name)
{
	return strlen(name) == o->name_len && memcmp(o->name, name, o->name_len) == 0;
}

bool engine_option_is_set(const struct engine_option *o)
{
	return !is_false(o->value);
}

static void keep_option(
    struct engine_command *c, const struct option *o, const char *value, const char *arg)
{
	c->options = xreallocarray(c->options, c->n_options + 1, sizeof(*c->options));
	c->options[c->n_options++] = (struct engine_option){o->name, o->len, value, arg};
}

/* `value` is NULL for an option without one. */
static void take_option(
    struct reading *r, const struct option *o, const char *value, const char *arg)
{
	struct engine_command *c = r->out;
	const struct {
		const char *name;
		const char **to;
	} paths[] = {{"root", &c->root}, {"runroot", &c->runroot},
	    {"storage-driver", &c->driver}, {"imagestore", &c->imagestore}};
	static const char *const remote[] = {"connection", "url", "host", "context"};

	if (r->own)
		keep_option(c, o, value, arg);
	for (size_t i = 0; value && i < ARRAY_LEN(paths); i++) {
		if (!option_is(o, paths[i].name))
			continue;
		*paths[i].to = value;
		/* Versions differ in what an empty one means. */
		if (!*value)
			c->unclear = arg;
	}
	for (size_t i = 0; value && i < ARRAY_LEN(remote); i++) {
		if (option_is(o, remote[i]))
			c->remote = arg;
	}
	if (value && option_is(o, "module"))
		c->module = value;
	if (value && option_is(o, "storage-opt"))
		add_storage_opt(r, value, arg);
	if (option_is(o, "remote") && !r->own) {
		c->local = is_false(value);
		if (!c->local)
			c->remote = arg;
	}
	if (option_is(o, "transient-store"))
		c->transient_store = !is_false(value);
}

/*
 * An option that this table does not know may take the next argument or not: that matters only if
 * one of those that follow looks like the choice of a store.
 */
static void meet_unknown(struct reading *r, const char *const *argv, size_t i, size_t n)
{
	if (!r->unknown)
		r->unknown = argv[i];
	for (size_t k = i + 1; k < n; k++) {
		if (looks_like_store_option(argv[k]))
			r->out->unclear = argv[i];
	}
}

/* The value in the next argument; NULL if there is none, which the engine refuses. */
static const char *next_value(
    struct reading *r, const char *const *argv, size_t *i, size_t n)
{
	if (*i + 1 >= n)
		return NULL;
	if (looks_like_store_option(argv[*i + 1]))
		r->out->unclear = argv[*i + 1];
	return argv[++*i];
}

/* What follows an option might be its value after all, in a version that the tables do not know. */
static void ask_help(struct reading *r, const char *const *argv, size_t i)
{
	if (i == 0 || argv[i - 1][0] != '-' || strchr(argv[i - 1], '='))
		r->help = true;
}

static void read_long(struct reading *r, const char *const *argv, size_t *i, size_t n)
{
	const char *arg = argv[*i], *value = strchr(arg, '=');
	struct option o;

	if (!know_option(r, arg + 2, strcspn(arg + 2, "="), false, &o)) {
		meet_unknown(r, argv, *i, n);
		return;
	}
	if (value)
		value++;
	else if (o.takes_value)
		value = next_value(r, argv, i, n);
	if (option_is(&o, "help") && !value)
		ask_help(r, argv, *i);
	else
		take_option(r, &o, value, arg);
}

/* "-abc", "-ovalue", "-o=value", "-o value" */
static void read_short(struct reading *r, const char *const *argv, size_t *i, size_t n)
{
	const char *arg = argv[*i], *value = NULL;
	struct option o;

	for (const char *p = arg + 1; *p; p++) {
		if (!know_option(r, p, 1, true, &o)) {
			/* pflag: -h asks for help where nothing else is called so. */
			if (*p == 'h')
				ask_help(r, argv, *i);
			else
				meet_unknown(r, argv, *i, n);
			return;
		}
		if (p[1] == '=' && p[2])
			value = p + 2;
		else if (o.takes_value)
			value = p[1] ? p + 1 : next_value(r, argv, i, n);
		if (option_is(&o, "help"))
			ask_help(r, argv, *i);
		else
			take_option(r, &o, value, arg);
		if (value || o.takes_value)
			return;
	}
}

static void meet_argument(struct reading *r, const char *arg)
{
	if (r->own && !r->out->argument)
		r->out->argument = arg;
}

/* pflag.FlagSet.Parse */
static void read_options(struct reading *r, const char *const *argv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *arg = argv[i];

		if (arg[0] != '-' || !arg[1]) {
			meet_argument(r, arg);
			if (r->ends_at_argument)
				return;
		} else if (arg[1] != '-') {
			read_short(r, argv, &i, n);
		} else if (arg[2]) {
			read_long(r, argv, &i, n);
		} else {
			r->out->terminator = arg;
			if (i + 1 < n)
				meet_argument(r, argv[i + 1]);
			return;
		}
	}
}

/* ---- the verb ---- */

/* How cobra looks at an argument before it knows the verb. */
enum shape { SHAPE_WORD, SHAPE_OPTION, SHAPE_OPTION_AND_VALUE };

static enum shape shape_of(struct reading *r, const char *arg)
{
	size_t len = strlen(arg);
	struct option o;
	bool is_long = len >= 2 && arg[0] == '-' && arg[1] == '-';
	bool known;

	if (len < 2 || arg[0] != '-')
		return SHAPE_WORD;
	if (strchr(arg, '=') || (!is_long && len > 2))
		return SHAPE_OPTION;
	known = is_long ? find_option(r->table->global, arg + 2, len - 2, false, &o)
			: find_option(r->table->global, arg + 1, 1, true, &o);
	if (known)
		return o.takes_value ? SHAPE_OPTION_AND_VALUE : SHAPE_OPTION;
	/* "--" too, to Traverse: an option that it does not know takes a value. */
	if (len > 2 || !is_long)
		r->unknown = r->unknown ? r->unknown : arg;
	return SHAPE_OPTION_AND_VALUE;
}

enum step { STEP_NONE, STEP_GROUP, STEP_VERB };

/* What `word` is below `group` (NULL: at the top). */
static enum step step_down(const struct engine_table *t, const char *group,
    const char *word, const struct engine_verb **verb)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < t->n_verbs; i++) {
		const char *path = t->verbs[i].path;

		if (group) {
			size_t above = strlen(group);

			if (strncmp(path, group, above) != 0 || path[above] != ' ')
				continue;
			path += above + 1;
		}
		*verb = &t->verbs[i];
		if (strcmp(path, word) == 0)
			return STEP_VERB;
		if (strncmp(path, word, len) == 0 && path[len] == ' ')
			return STEP_GROUP;
	}
	return STEP_NONE;
}

/* A word that some verb ends with. */
static bool is_verb_word(const struct engine_verb *v, const char *word)
{
	const char *last = strrchr(v->path, ' ');

	return strcmp(last ? last + 1 : v->path, word) == 0;
}

/* An unknown option stands before the verb, which may be any of the words: the worst of them. */
static void assume_worst(struct reading *r, const char *const *argv, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		for (size_t i = 0; i < r->table->n_verbs; i++) {
			const struct engine_verb *v = &r->table->verbs[i];

			if (is_verb_word(v, argv[k]) && v->act > r->out->act)
				r->out->act = v->act;
		}
	}
	r->out->guessed = true;
}

/* The same, where no options have been read: those before the unknown one are what they are. */
static void guess(struct reading *r, const char *const *argv, size_t n)
{
	size_t at = 0;

	while (at < n && argv[at] != r->unknown)
		at++;
	read_options(r, argv, at);
	meet_unknown(r, argv, at, n);
	assume_worst(r, argv, n);
}

/* What follows a verb. */
static void read_verb(
    struct reading *r, const struct engine_verb *verb, const char *const *argv, size_t n)
{
	r->own = verb->options;
	r->out->verb = verb->path;
	r->ends_at_argument = verb->ends_at_argument;
	read_options(r, argv, n);
	/* Whoever asks for help gets nothing else; with an unknown option, an error. */
	r->out->act = r->help && !r->unknown ? ENGINE_OTHER : verb->act;
}

/* Command.Traverse: each command reads the options that stand before the next. */
static void traverse(struct reading *r, const char *const *argv, size_t n)
{
	const struct engine_verb *verb = NULL;
	const char *group = NULL;
	size_t from = 0;
	bool in_value = false;

	for (size_t i = 0; i < n; i++) {
		enum shape shape = shape_of(r, argv[i]);
		enum step step;

		/* Traverse asks whether it is an option before whether it is a value. */
		if (in_value || shape != SHAPE_WORD) {
			in_value = shape == SHAPE_OPTION_AND_VALUE;
			continue;
		}
		if (r->unknown)
			break;
		step = step_down(r->table, group, argv[i], &verb);
		if (step == STEP_NONE)
			return;
		read_options(r, argv + from, i - from);
		from = i + 1;
		if (step == STEP_VERB) {
			read_verb(r, verb, argv + from, n - from);
			return;
		}
		group = argv[i];
	}
	if (r->unknown)
		guess(r, argv + from, n - from);
}

/* Command.Find: the first word that is no option and no value of one. SIZE_MAX: there is none. */
static size_t find_word(struct reading *r, const char *const *argv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum shape shape;

		if (strcmp(argv[i], "--") == 0)
			return SIZE_MAX;
		shape = shape_of(r, argv[i]);
		if (shape == SHAPE_WORD && argv[i][0] != '-' && argv[i][0])
			return i;
		if (shape == SHAPE_OPTION_AND_VALUE)
			i++;
	}
	return SIZE_MAX;
}

/* All arguments but the verb are the verb's, those before it too. */
static void find(struct reading *r, const char *const *argv, size_t n_all)
{
	CLEANUP_FREE const char **rest = xcalloc(n_all + 1, sizeof(*rest));
	size_t n = n_all;
	const struct engine_verb *verb = NULL;
	const char *group = NULL, *strange;
	enum step step;

	memcpy(rest, argv, n * sizeof(*rest));
	do {
		size_t at = find_word(r, rest, n);

		step = at == SIZE_MAX ? STEP_NONE
				      : step_down(r->table, group, rest[at], &verb);
		if (step == STEP_NONE)
			break;
		group = rest[at];
		/* Versions differ in which of two equal words they take out. */
		for (size_t k = 0; k < at; k++) {
			if (strcmp(rest[k], group) == 0)
				r->out->unclear = group;
		}
		n--;
		memmove(rest + at, rest + at + 1, (n - at) * sizeof(*rest));
	} while (step == STEP_GROUP);
	/* An option of the verb may stand before it: cobra takes the next word for its value. */
	strange = r->unknown;
	r->unknown = NULL;
	if (step == STEP_VERB) {
		read_verb(r, verb, rest, n);
		if (strange && r->unknown == strange)
			assume_worst(r, argv, n_all);
	} else if (strange) {
		r->unknown = strange;
		guess(r, argv, n_all);
	}
}

void engine_command_parse(
    enum engine engine, const char *const *argv, struct engine_command *out)
{
	struct reading r = {.table = &engine_tables[engine], .out = out};
	size_t n = 0;

	*out = (struct engine_command){.act = ENGINE_OTHER};
	while (argv[0] && argv[n + 1])
		n++;
	if (n == 0)
		return;
	if (r.table->traverses)
		traverse(&r, argv + 1, n);
	else
		find(&r, argv + 1, n);
	out->unknown = r.unknown;
}

void engine_command_release(struct engine_command *c)
{
	free(c->storage_opts);
	free(c->options);
	*c = (struct engine_command){.act = ENGINE_OTHER};
}
