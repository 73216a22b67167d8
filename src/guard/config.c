/* SPDX-License-Identifier: Apache-2.0 */
/* config.c: see config.h. */
#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "guard/config_impl.h"

void config_default(struct config *c)
{
	*c = (struct config){.level = LEVEL_STAT, .gate_unsealed = GATE_FRESH};
	policy_default(&c->policy);
	watch_settings_default(&c->watch);
}

void config_release(struct config *c)
{
	free(c->trust_file);
	free(c->key.name);
	free(c->key.credential);
	free(c->attest_key);
	watch_settings_release(&c->watch);
	config_default(c);
}

static int set_threads(struct config *c, const char *value, struct err *e)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || n > CONFIG_THREADS_MAX)
		return err_set(e, ERR_USAGE, "threads: '%s' is not a number from 0 to %d",
		    value, CONFIG_THREADS_MAX);
	c->threads = (unsigned)n;
	return 0;
}

int config_flag(bool *to, const char *name, const char *value, struct err *e)
{
	*to = strcmp(value, "yes") == 0;
	if (*to || strcmp(value, "no") == 0)
		return 0;
	return err_set(e, ERR_USAGE, "%s: '%s' is not yes or no", name, value);
}

static int set_verify(
    struct config *c, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "level") == 0) {
		if (!verify_level_parse(value, &c->level))
			return err_set(e, ERR_USAGE,
			    "level: '%s' is not stat, scrub, full or oci", value);
		return 0;
	}
	if (strcmp(name, "cached") == 0)
		return config_flag(&c->cached, name, value, e);
	if (strcmp(name, "threads") == 0)
		return set_threads(c, value, e);
	return err_set(e, ERR_USAGE, "section [verify] has no setting '%s'", name);
}

int config_path(char **path, const char *name, const char *value, struct err *e)
{
	if (value[0] != '/')
		return err_set(
		    e, ERR_USAGE, "%s: '%s' is not an absolute path", name, value);
	free(*path);
	*path = xstrdup(value);
	return 0;
}

static int set_ledger(
    struct config *c, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "trust") == 0)
		return config_path(&c->trust_file, name, value, e);
	return err_set(e, ERR_USAGE, "section [ledger] has no setting '%s'", name);
}

static int set_finding(
    struct config *c, const char *name, const char *value, struct err *e)
{
	enum finding_class class;
	enum severity severity;

	if (!finding_class_parse(name, &class))
		return err_set(e, ERR_USAGE, "'%s' is no finding class", name);
	if (strcmp(value, "purge") == 0) {
		policy_set_purge(&c->policy, class);
		return 0;
	}
	if (!severity_parse(value, &severity))
		return err_set(e, ERR_USAGE,
		    "%s: '%s' is not deny, purge, warn or ignore", name, value);
	return policy_set(&c->policy, class, severity, e);
}

/* What follows "WORD:" of a value, or NULL. */
static const char *after(const char *value, const char *word)
{
	size_t len = strlen(word);

	return strncmp(value, word, len) == 0 && value[len] == ':' ? value + len + 1
								   : NULL;
}

static void take_copy(char **to, const char *text)
{
	free(*to);
	*to = text ? xstrdup(text) : NULL;
}

int config_parse_key_source(const char *value, struct key_settings *k, struct err *e)
{
	const char *name = NULL;

	if (strcmp(value, "file") == 0 || (name = after(value, "file"))) {
		k->place = SIGNER_FILE;
	} else if (strcmp(value, "agent") == 0 || (name = after(value, "agent"))) {
		k->place = SIGNER_AGENT;
	} else if ((name = after(value, "credential"))) {
		k->place = SIGNER_CREDENTIAL;
		if (!credential_name_is_valid(name))
			return err_set(e, ERR_USAGE,
			    "source: '%s' is no name of a credential", name);
	} else {
		return err_set(e, ERR_USAGE,
		    "source: '%s' is not file, file:/PATH, credential:NAME, agent or "
		    "agent:/SOCKET",
		    value);
	}
	if (name && k->place != SIGNER_CREDENTIAL && name[0] != '/')
		return err_set(e, ERR_USAGE, "source: '%s' is no absolute path", name);
	take_copy(&k->name, name);
	return 0;
}

static int set_passphrase(struct key_settings *k, const char *value, struct err *e)
{
	const char *name = after(value, "credential");

	if (name && !credential_name_is_valid(name))
		return err_set(
		    e, ERR_USAGE, "passphrase: '%s' is no name of a credential", name);
	if (!name && strcmp(value, "ask") != 0 && strcmp(value, "none") != 0)
		return err_set(e, ERR_USAGE,
		    "passphrase: '%s' is not ask, credential:NAME or none", value);
	k->passphrase = name			    ? PASSPHRASE_CREDENTIAL
			: strcmp(value, "ask") == 0 ? PASSPHRASE_ASK
						    : PASSPHRASE_NONE;
	take_copy(&k->credential, name);
	return 0;
}

static int set_key(struct config *c, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "source") == 0)
		return config_parse_key_source(value, &c->key, e);
	if (strcmp(name, "passphrase") == 0)
		return set_passphrase(&c->key, value, e);
	return err_set(e, ERR_USAGE, "section [key] has no setting '%s'", name);
}

static int set_gate(struct config *c, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "whiteout-files") == 0)
		return config_flag(&c->whiteout_files, name, value, e);
	if (strcmp(name, "mount") == 0) {
		c->gate_fuse = strcmp(value, "fuse") == 0;
		if (!c->gate_fuse && strcmp(value, "kernel") != 0)
			return err_set(
			    e, ERR_USAGE, "mount: '%s' is not kernel or fuse", value);
		return 0;
	}
	if (strcmp(name, "unsealed") != 0)
		return err_set(e, ERR_USAGE, "section [gate] has no setting '%s'", name);
	if (!gate_unsealed_parse(value, &c->gate_unsealed))
		return err_set(
		    e, ERR_USAGE, "unsealed: '%s' is not deny, fresh or allow", value);
	return 0;
}

static int set_attest(
    struct config *c, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "key") != 0)
		return err_set(
		    e, ERR_USAGE, "section [attest] has no setting '%s'", name);
	if (value[0] != '/')
		return err_set(e, ERR_USAGE, "key: '%s' is no absolute path", value);
	take_copy(&c->attest_key, value);
	return 0;
}

/* Cuts comment and white space around; the result is inside `line`. */
static char *trim(char *line)
{
	char *end = line + strcspn(line, "#");

	while (end > line && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return line + strspn(line, " \t");
}

static int set_anchor(
    struct config *c, const char *name, const char *value, struct err *e)
{
	return anchor_settings_set(&c->anchors, name, value, e);
}

static int set_watch(struct config *c, const char *name, const char *value, struct err *e)
{
	return watch_settings_set(&c->watch, name, value, e);
}

typedef int set_fn(struct config *c, const char *name, const char *value, struct err *e);

static const struct section {
	const char *heading;
	set_fn *set;
} sections[] = {
    {"[verify]", set_verify},
    {"[ledger]", set_ledger},
    {"[key]", set_key},
    {"[anchor]", set_anchor},
    {"[findings]", set_finding},
    {"[attest]", set_attest},
    {"[gate]", set_gate},
    {"[watch]", set_watch},
};

static int enter_section(const char *line, const struct section **out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		if (strcmp(line, sections[i].heading) == 0) {
			*out = &sections[i];
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "no section '%s'", line);
}

static int parse_line(
    struct config *c, char *line, const struct section **section, struct err *e)
{
	char *equals;

	if (line[0] == '\0')
		return 0;
	if (line[0] == '[')
		return enter_section(line, section, e);
	equals = strchr(line, '=');
	if (!equals)
		return err_set(e, ERR_USAGE, "expected NAME = VALUE");
	*equals = '\0';
	if (!*section)
		return err_set(e, ERR_USAGE, "a setting before any section");
	return (*section)->set(c, trim(line), trim(equals + 1), e);
}

int config_parse(const char *text, size_t len, struct config *c, struct err *e)
{
	CLEANUP_FREE char *copy = NULL;
	const struct section *section = NULL;
	char *rest;
	char *line;

	if (memchr(text, '\0', len))
		return err_set(e, ERR_USAGE, "a NUL byte");
	copy = xstrndup(text, len);
	rest = copy;
	for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
		if (parse_line(c, trim(line), &section, e))
			return err_wrap(e, "line %u", number);
	}
	return 0;
}

int config_load(const char *path, struct config *c, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, CONFIG_MAX_BYTES);
	r = fs_read_guarded(path, CONFIG_MAX_BYTES, &text, e);
	if (r == ERR_REFUSED)
		e->code = r = ERR_USAGE;
	if (!r)
		r = config_parse(text.data, text.len, c, e);
	return r ? err_wrap(e, "configuration %s", path) : 0;
}
