/* SPDX-License-Identifier: Apache-2.0 */
/* err.c: see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t len;

	e->code = ERR_IO;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", strerror(saved));
	return ERR_IO;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[ERR_MSG_BYTES];
	va_list ap;
	size_t len;

	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", inner);
	return e->code;
}

enum exit_status err_exit_status(const struct err *e)
{
	switch ((enum err_code)e->code) {
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_REFUSED:
		return EXIT_VIOLATED;
	case ERR_INTERNAL:
		return EXIT_INTERNAL;
	case ERR_IO:
	case ERR_STORE:
	case ERR_LEDGER:
	case ERR_MALFORMED:
	case ERR_CHANGED:
	case ERR_NOT_FOUND:
	case ERR_CONFLICT:
		break;
	}
	return EXIT_UNVERIFIABLE;
}
