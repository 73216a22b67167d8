/* SPDX-License-Identifier: Apache-2.0 */
/* known.c: see known.h. */
#include "watch/known.h"

#include <string.h>
#include <xxhash.h>

#include "tree/walk.h"

#define PIECE 2048 /* places in a piece of memory */
#define BUCKETS_FIRST 1024

/* ---- memory ---- */

static void *place(const struct known_slab *s, size_t size, uint32_t at)
{
	return s->piece[at / PIECE] + at % PIECE * size;
}

struct known_object *known_object(const struct known *k, uint32_t object)
{
	return place(&k->objects, sizeof(struct known_object), object);
}

struct known_dir *known_dir(const struct known *k, uint32_t dir)
{
	return place(&k->dirs, sizeof(struct known_dir), dir);
}

/* One that was never used, all zero. */
static uint32_t slab_fresh(struct known_slab *s, size_t size)
{
	if (!s->used)
		s->used = 1;
	if (s->used % PIECE == 0 || !s->piece) {
		uint32_t n = s->used / PIECE;

		s->piece = xreallocarray(s->piece, n + 1, sizeof(*s->piece));
		s->piece[n] = xcalloc(PIECE, size);
	}
	s->held++;
	return s->used++;
}

static void slab_release(struct known_slab *s)
{
	for (uint32_t i = 0; s->piece && i <= (s->used - 1) / PIECE; i++)
		free(s->piece[i]);
	free(s->piece);
	*s = (struct known_slab){0};
}

static uint32_t object_take(struct known *k)
{
	uint32_t at = k->objects.unused;

	if (!at)
		return slab_fresh(&k->objects, sizeof(struct known_object));
	k->objects.unused = known_object(k, at)->next;
	k->objects.held++;
	*known_object(k, at) = (struct known_object){0};
	return at;
}

static void object_give_back(struct known *k, uint32_t at)
{
	*known_object(k, at) = (struct known_object){.next = k->objects.unused};
	k->objects.unused = at;
	k->objects.held--;
}

static uint32_t dir_take(struct known *k)
{
	uint32_t at = k->dirs.unused;
	struct known_dir *d;

	if (!at)
		return slab_fresh(&k->dirs, sizeof(struct known_dir));
	d = known_dir(k, at);
	k->dirs.unused = d->up;
	k->dirs.held++;
	*d = (struct known_dir){.turn = d->turn};
	return at;
}

static void dir_give_back(struct known *k, uint32_t at)
{
	struct known_dir *d = known_dir(k, at);

	free(d->name);
	*d = (struct known_dir){.turn = d->turn + 1, .up = k->dirs.unused};
	k->dirs.unused = at;
	k->dirs.held--;
}

void known_init(struct known *k, uint64_t seed)
{
	*k = (struct known){.seed = seed};
}

void known_release(struct known *k)
{
	for (uint32_t i = 1; i < k->dirs.used; i++)
		free(known_dir(k, i)->name);
	slab_release(&k->objects);
	slab_release(&k->dirs);
	free(k->bucket);
	*k = (struct known){0};
}

bool known_full(const struct known *k)
{
	return k->objects.held >= KNOWN_OBJECTS_MAX;
}

/* ---- by key ---- */

/* A directory has its own number where anything else has the number of its directory. */
#define IS_DIR (UINT32_C(1) << 31)

static bool same_key(const struct known_key *a, const struct known_key *b)
{
	return (a->kind & ~IS_DIR) == (b->kind & ~IS_DIR) &&
	       memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

static bool no_key(const struct known_key *key)
{
	return (key->kind & ~IS_DIR) == 0;
}

bool known_has_key(const struct known *k, uint32_t object)
{
	return !no_key(&known_object(k, object)->key);
}

static uint32_t *bucket_of(const struct known *k, const struct known_key *key)
{
	struct known_key plain = *key;

	plain.kind &= ~IS_DIR;
	return &k->bucket[XXH3_64bits_withSeed(&plain, sizeof(plain), k->seed) &
			  (k->n_buckets - 1)];
}

static void enter(struct known *k, uint32_t object)
{
	struct known_object *o = known_object(k, object);
	uint32_t *bucket = bucket_of(k, &o->key);

	o->next = *bucket;
	*bucket = object;
}

static void more_buckets(struct known *k)
{
	k->n_buckets = k->n_buckets ? 2 * k->n_buckets : BUCKETS_FIRST;
	free(k->bucket);
	k->bucket = xcalloc(k->n_buckets, sizeof(*k->bucket));
	for (uint32_t i = 1; i < k->objects.used; i++) {
		if (!no_key(&known_object(k, i)->key))
			enter(k, i);
	}
}

void known_set_key(struct known *k, uint32_t object, const struct known_key *key)
{
	struct known_object *o = known_object(k, object);

	if (no_key(key))
		return;
	if (k->objects.held > k->n_buckets)
		more_buckets(k);
	o->key.kind = key->kind | (o->key.kind & IS_DIR);
	memcpy(o->key.id, key->id, sizeof(o->key.id));
	enter(k, object);
}

static void leave(struct known *k, uint32_t object)
{
	const struct known_object *o = known_object(k, object);
	uint32_t *at;

	if (no_key(&o->key))
		return;
	for (at = bucket_of(k, &o->key); *at != object; at = &known_object(k, *at)->next)
		;
	*at = o->next;
}

void known_unset_key(struct known *k, uint32_t object)
{
	struct known_object *o = known_object(k, object);

	leave(k, object);
	o->key = (struct known_key){.kind = o->key.kind & IS_DIR};
}

uint32_t known_next(const struct known *k, const struct known_key *key, uint32_t after)
{
	uint32_t at;

	if (!k->n_buckets || no_key(key))
		return KNOWN_NONE;
	at = after ? known_object(k, after)->next : *bucket_of(k, key);
	while (at && !same_key(&known_object(k, at)->key, key))
		at = known_object(k, at)->next;
	return at;
}

uint32_t known_as_dir(const struct known *k, uint32_t object)
{
	const struct known_object *o = known_object(k, object);

	return o->key.kind & IS_DIR ? o->dir : KNOWN_NONE;
}

uint32_t known_root_of(const struct known *k, uint32_t object)
{
	return known_dir(k, known_object(k, object)->dir)->root;
}

uint32_t known_in_root(const struct known *k, const struct known_key *key, uint32_t root)
{
	uint32_t at = KNOWN_NONE;

	do
		at = known_next(k, key, at);
	while (at && known_root_of(k, at) != root);
	return at;
}

/* ---- by directory ---- */

static void list_in(struct known *k, uint32_t object, uint32_t up)
{
	struct known_object *o = known_object(k, object);
	struct known_dir *d;

	if (!up)
		return;
	d = known_dir(k, up);
	o->after = d->first;
	if (d->first)
		known_object(k, d->first)->before = object;
	d->first = object;
}

static void unlist(struct known *k, uint32_t object, uint32_t up)
{
	struct known_object *o = known_object(k, object);

	if (o->after)
		known_object(k, o->after)->before = o->before;
	if (o->before)
		known_object(k, o->before)->after = o->after;
	else if (up)
		known_dir(k, up)->first = o->after;
	o->before = o->after = KNOWN_NONE;
}

static uint32_t up_of(const struct known *k, uint32_t object)
{
	uint32_t dir = known_as_dir(k, object);

	return dir ? known_dir(k, dir)->up : known_object(k, object)->dir;
}

uint32_t known_add_dir(struct known *k, uint32_t root, uint32_t up, const char *name,
    const struct known_key *key)
{
	uint32_t object = object_take(k), dir = dir_take(k);
	struct known_dir *d = known_dir(k, dir);

	d->name = name ? xstrdup(name) : NULL;
	d->object = object;
	d->up = up;
	d->root = root;
	known_object(k, object)->dir = dir;
	known_object(k, object)->key.kind = IS_DIR;
	list_in(k, object, up);
	known_set_key(k, object, key);
	return dir;
}

uint32_t known_add_leaf(struct known *k, uint32_t up, const struct known_key *key)
{
	uint32_t object = object_take(k);

	known_object(k, object)->dir = up;
	list_in(k, object, up);
	known_set_key(k, object, key);
	return object;
}

static void remove_one(struct known *k, uint32_t object)
{
	struct known_key key = known_object(k, object)->key;
	uint32_t dir = known_as_dir(k, object);

	leave(k, object);
	if (k->forgotten && !no_key(&key) && !known_next(k, &key, KNOWN_NONE))
		k->forgotten(k->ctx, &key);
	unlist(k, object, up_of(k, object));
	object_give_back(k, object);
	if (dir)
		dir_give_back(k, dir);
}

/* Down to something that has nothing in it, again and again: no recursion, a tree may be deep. */
bool known_remove_some(struct known *k, uint32_t object, size_t max)
{
	while (max--) {
		uint32_t at = object, dir;

		while ((dir = known_as_dir(k, at)) && known_dir(k, dir)->first)
			at = known_dir(k, dir)->first;
		remove_one(k, at);
		if (at == object)
			return true;
	}
	return false;
}

void known_remove(struct known *k, uint32_t object)
{
	(void)known_remove_some(k, object, SIZE_MAX);
}

static bool is_below(const struct known *k, uint32_t dir, uint32_t above)
{
	for (int depth = 0; dir && dir != above && depth <= WALK_DEPTH_MAX; depth++)
		dir = known_dir(k, dir)->up;
	return dir != KNOWN_NONE;
}

bool known_move(struct known *k, uint32_t object, uint32_t up, const char *name)
{
	uint32_t dir = known_as_dir(k, object), old = up_of(k, object);
	struct known_dir *d = dir ? known_dir(k, dir) : NULL;

	if (d && !d->up)
		return true;
	if (d && is_below(k, up, dir))
		return false;
	if (old != up) {
		unlist(k, object, old);
		list_in(k, object, up);
	}
	if (!d) {
		known_object(k, object)->dir = up;
		return true;
	}
	d->up = up;
	if (strcmp(d->name, name) != 0) {
		free(d->name);
		d->name = xstrdup(name);
	}
	return true;
}

uint32_t known_child(const struct known *k, uint32_t dir, const char *name)
{
	uint32_t at = known_dir(k, dir)->first;

	for (; at; at = known_object(k, at)->after) {
		uint32_t child = known_as_dir(k, at);

		if (child && strcmp(known_dir(k, child)->name, name) == 0)
			return child;
	}
	return KNOWN_NONE;
}

bool known_path(const struct known *k, uint32_t dir, const char *name, struct buf *out)
{
	const char *part[WALK_DEPTH_MAX + 1];
	size_t n = 0, len = 0;
	struct err e;

	if (name)
		part[n++] = name;
	for (const struct known_dir *d = known_dir(k, dir); d->up;
	     d = known_dir(k, d->up)) {
		if (n == ARRAY_LEN(part))
			return false;
		part[n++] = d->name;
	}
	for (size_t i = 0; i < n; i++)
		len += strlen(part[i]) + 1;
	if (len > WALK_PATH_MAX || (len && buf_reserve(out, len, &e)))
		return false;
	while (n--) {
		size_t l = strlen(part[n]);

		memcpy(out->data + out->len, part[n], l);
		out->len += l;
		if (n)
			out->data[out->len++] = '/';
	}
	if (len)
		out->data[out->len] = '\0';
	return true;
}
