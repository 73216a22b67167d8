/* SPDX-License-Identifier: Apache-2.0 */
/* buildargs.c: see buildargs.h. */
#include "guard/buildargs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/fs.h"

/* Of an entry's 4096 bytes; the other lines take less than the rest. */
#define ARGUMENTS_MAX 2600
#define ARGUMENT_MAX 1024
#define CONTAINERFILE_MAX (1U << 20)

void buildargs_release(struct buildargs *b)
{
	for (size_t i = 0; i < b->argc; i++)
		free(b->argv[i]);
	for (size_t i = 0; i < b->n_names; i++)
		free(b->names[i]);
	free(b->argv);
	free(b->names);
	*b = (struct buildargs){0};
}

int buildargs_check(
    const char *const *argv, const struct engine_command *k, struct err *e)
{
	static const char *const verbs[] = {"build", "bud", "build-using-dockerfile",
	    "image build", "buildx build", "builder build"};

	for (size_t i = 0; k->verb && i < ARRAY_LEN(verbs); i++) {
		if (strcmp(k->verb, verbs[i]) != 0)
			continue;
		return k->unknown
			   ? err_set(e, ERR_USAGE,
				 "option %s is not known here: whether it takes the next "
				 "argument decides what is built",
				 k->unknown)
			   : 0;
	}
	return err_set(
	    e, ERR_USAGE, "%s %s is no build", argv[0], argv[1] ? argv[1] : "");
}

/* ---- for the engine ---- */

static void add(struct buildargs *b, const char *text)
{
	b->argv = xreallocarray(b->argv, b->argc + 2, sizeof(*b->argv));
	b->argv[b->argc++] = xstrdup(text);
	b->argv[b->argc] = NULL;
}

static void add_option(struct buildargs *b, const char *option, const char *value)
{
	if (!value)
		return;
	add(b, option);
	add(b, value);
}

static void add_store(struct buildargs *b, const struct engine_command *k,
    const struct store_config *s, bool name_driver)
{
	add_option(b, "--root", s->graphroot);
	add_option(b, "--runroot", s->runroot);
	if (name_driver)
		add_option(b, "--storage-driver", store_driver_name(s->driver));
	add_option(b, "--imagestore", s->imagestore);
	/* Those of the command line are all there are. */
	if (k->n_storage_opts)
		return;
	for (size_t i = 0; i < s->n_mount_options; i++)
		add_option(b, "--storage-opt", s->mount_options[i]);
	for (size_t i = 0; i < s->n_additional; i++) {
		CLEANUP_FREE char *value =
		    xasprintf(".additionalimagestore=%s", s->additional[i]);

		add_option(b, "--storage-opt", value);
	}
}

static bool is_buildah(const char *engine)
{
	enum engine kind;

	return engine_parse(engine, &kind) && kind == ENGINE_BUILDAH;
}

/*
 * With --iidfile buildah names no image on its output, not even those of single steps: the guard writes that file.
 * Podman writes its own. Of several images buildah refuses to write one, in its own words.
 */
static bool is_silenced(const char *engine, const struct engine_command *k)
{
	size_t platforms = 0;

	for (size_t i = 0; i < k->n_options; i++) {
		const struct engine_option *o = &k->options[i];

		if (engine_option_is(o, "all-platforms"))
			return false;
		if (engine_option_is(o, "platform") && o->value)
			platforms += strchr(o->value, ',') ? 2 : 1;
	}
	return is_buildah(engine) && platforms <= 1;
}

/* Options that are the guard's affair: it has the engine say everything, and to itself. */
static bool is_taken_over(
    const struct engine_command *k, const struct buildargs *b, const char *arg)
{
	for (size_t i = 0; i < k->n_options; i++) {
		const struct engine_option *o = &k->options[i];
		bool iid =
		    engine_option_is(o, "iidfile") || engine_option_is(o, "iidfile-raw");

		if ((engine_option_is(o, "logfile") ||
			(iid && (b->iidfile || b->iidfile_raw))) &&
		    (o->arg == arg || o->value == arg))
			return true;
	}
	return false;
}

/* An empty name is none. */
static void read_iidfiles(const struct engine_command *k, struct buildargs *out)
{
	for (size_t i = 0; i < k->n_options; i++) {
		const struct engine_option *o = &k->options[i];
		const char *value = o->value && *o->value ? o->value : NULL;

		if (engine_option_is(o, "iidfile"))
			out->iidfile = value;
		if (engine_option_is(o, "iidfile-raw"))
			out->iidfile_raw = value;
	}
}

static void read_options(
    const char *engine, const struct engine_command *k, struct buildargs *out)
{
	if (is_silenced(engine, k))
		read_iidfiles(k, out);
	for (size_t i = 0; i < k->n_options; i++) {
		const struct engine_option *o = &k->options[i];

		if (engine_option_is(o, "quiet"))
			out->quiet = engine_option_is_set(o);
		if (engine_option_is(o, "logfile"))
			out->logfile = o->value;
		if (!o->value || !*o->value ||
		    !(engine_option_is(o, "tag") || engine_option_is(o, "manifest")))
			continue;
		out->names =
		    xreallocarray(out->names, out->n_names + 1, sizeof(*out->names));
		out->names[out->n_names++] = buildargs_name(o->value);
	}
}

void buildargs_make(const char *const *argv, const struct engine_command *k,
    const struct store_config *store, bool name_driver, struct buildargs *out)
{
	/* Behind its first argument buildah takes no option. */
	const char *end =
	    k->terminator || !is_buildah(argv[0]) ? k->terminator : k->argument;
	bool told = false;

	*out = (struct buildargs){0};
	read_options(argv[0], k, out);
	add(out, argv[0]);
	add_store(out, k, store, name_driver);
	for (size_t i = 1; argv[i]; i++) {
		if (argv[i] == end && out->quiet && !told) {
			add(out, "--quiet=false");
			told = true;
		}
		if (!is_taken_over(k, out, argv[i]))
			add(out, argv[i]);
	}
	if (out->quiet && !told)
		add(out, "--quiet=false");
}

/* ---- names ---- */

/* True if what stands before the first slash is a registry. */
static bool has_registry(const char *name)
{
	size_t len = strcspn(name, "/");

	if (!name[len])
		return false;
	return memchr(name, '.', len) || memchr(name, ':', len) ||
	       (len == strlen("localhost") && strncmp(name, "localhost", len) == 0);
}

char *buildargs_name(const char *given)
{
	static const char hub[] = "docker.io/";
	const char *slash = strrchr(given, '/');
	const char *tag = strchr(slash ? slash : given, ':') ? "" : ":latest";

	if (!has_registry(given))
		return xasprintf("localhost/%s%s", given, tag);
	if (strncmp(given, hub, strlen(hub)) == 0 && !strchr(given + strlen(hub), '/'))
		return xasprintf("%slibrary/%s%s", hub, given + strlen(hub), tag);
	return xasprintf("%s%s", given, tag);
}

/* ---- for the ledger ---- */

static bool is_one_of(
    const struct engine_option *o, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++) {
		if (engine_option_is(o, names[i]))
			return true;
	}
	return false;
}

static bool is_secret(const struct engine_option *o)
{
	static const char *const names[] = {
	    "build-arg", "env", "creds", "cw", "decryption-key", "secret", "ssh"};

	return is_one_of(o, names, ARRAY_LEN(names));
}

/* How many bytes of a secret may be told: of NAME=VALUE the name; a password may have a "=" in it. */
static size_t told(const struct engine_option *o)
{
	static const char *const names[] = {"build-arg", "env", "secret"};
	size_t len = strcspn(o->value, "=");

	return is_one_of(o, names, ARRAY_LEN(names)) && o->value[len] ? len + 1 : 0;
}

/* Users' names and passwords in URLs. */
static char *without_password(const char *arg)
{
	CLEANUP_BUF struct buf out;
	struct err ignored;
	const char *scheme;

	buf_init(&out, 2 * strlen(arg) + 64);
	while ((scheme = strstr(arg, "://"))) {
		const char *host = scheme + strlen("://");
		const char *at = memrchr(host, '@', strcspn(host, "/?#"));

		(void)!buf_add(&out, arg, (size_t)(host - arg), &ignored);
		if (at)
			(void)!buf_adds(&out, "...", &ignored);
		arg = at ? at : host;
	}
	(void)!buf_adds(&out, arg, &ignored);
	return buf_take(&out);
}

static char *redact(const struct engine_command *k, const char *arg)
{
	size_t len = strlen(arg);

	for (size_t i = 0; i < k->n_options; i++) {
		const struct engine_option *o = &k->options[i];

		/* The value is this argument, or a part of it. */
		if (o->value && is_secret(o) && o->value >= arg && o->value < arg + len)
			return xasprintf(
			    "%.*s...", (int)((size_t)(o->value - arg) + told(o)), arg);
	}
	return without_password(arg);
}

static size_t spelled_bytes(const char *text)
{
	CLEANUP_BUF struct buf token;
	struct err ignored;

	buf_init(&token, ARGUMENT_MAX);
	return *text && esc_token(&token, text, strlen(text), NULL, &ignored) == 0
		   ? token.len + strlen("argument \n")
		   : SIZE_MAX;
}

void buildargs_record(
    const char *const *argv, const struct engine_command *k, struct entry_build *record)
{
	size_t room = ARGUMENTS_MAX;

	for (size_t i = 0; argv[i]; i++) {
		CLEANUP_FREE char *text = redact(k, argv[i]);
		size_t bytes = spelled_bytes(text);

		if (bytes > room) {
			record->left_out++;
			continue;
		}
		room -= bytes;
		record->arguments = xreallocarray(record->arguments,
		    record->n_arguments + 1, sizeof(*record->arguments));
		record->arguments[record->n_arguments++] = take_ptr(text);
	}
}

static bool digest_file(const char *path, struct digest *out)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CLEANUP_FREE char *bytes = NULL;
	struct stat st;
	size_t got;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)CONTAINERFILE_MAX)
		return false;
	bytes = xmalloc(CONTAINERFILE_MAX);
	if (fs_read_up_to(fd, bytes, CONTAINERFILE_MAX, &got))
		return false;
	sha256(bytes, got, out);
	return true;
}

/* As the engines look for it: where the command is run, then in the context. */
static bool digest_named(const char *context, const char *name, struct digest *out)
{
	CLEANUP_FREE char *below = xasprintf("%s/%s", context, name);

	return digest_file(name, out) || digest_file(below, out);
}

static void digest_default(const char *context, struct digest *out)
{
	CLEANUP_FREE char *first = xasprintf("%s/Containerfile", context);
	CLEANUP_FREE char *second = xasprintf("%s/Dockerfile", context);

	(void)(digest_file(first, out) || digest_file(second, out));
}

void buildargs_containerfile(const struct engine_command *k, struct digest *out)
{
	const char *context = k->argument ? k->argument : ".", *named = NULL;
	size_t n = 0;

	*out = (struct digest){0};
	for (size_t i = 0; i < k->n_options; i++) {
		if (engine_option_is(&k->options[i], "file")) {
			named = k->options[i].value;
			n++;
		}
	}
	if (n == 1 && named)
		(void)!digest_named(context, named, out);
	if (n == 0)
		digest_default(context, out);
}
