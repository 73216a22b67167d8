/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h: what every file of layerseal may use: compiler attributes, scope-bound cleanup,
 * and allocation that cannot fail (it ends the program with status 4 instead: a verifier
 * without memory has no verdict to give).
 *
 * Ownership idiom: a variable that owns something is declared with a CLEANUP_* attribute and
 * initialised at once; what is handed out is passed through take_ptr()/take_fd().
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MUSTUSE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(base_free_p)
#define CLEANUP_FD CLEANUP(base_close_p)

static inline void base_free_p(void *p)
{
	free(*(void **)p);
}

/* Closes *fd if it is open; errno is kept. */
void base_close_p(int *fd);

/* Empties the owner and yields what it owned. */
#define take_ptr(p)                                                                      \
	__extension__({                                                                  \
		__typeof__(p) taken_ = (p);                                              \
		(p) = NULL;                                                              \
		taken_;                                                                  \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Allocation: never NULL; out of memory (or an overflowing n * size) ends the program. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0)
    __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2)
    __attribute__((malloc, returns_nonnull));

#endif
