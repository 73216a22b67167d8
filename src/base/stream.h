/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h: talking over a Unix stream socket with whoever is there, until a deadline, on CLOCK_MONOTONIC in milliseconds.
 * Descriptors do not block. Messages are for who puts a name in front: "no answer in time", "it hung up".
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <sys/un.h>

#include "base/err.h"

/* ERR_NOT_FOUND: nobody listens there. ERR_IO. */
MUSTUSE int stream_connect(
    int fd, const struct sockaddr_un *address, int64_t deadline, struct err *e);
/* ERR_IO. No signal comes of it. */
MUSTUSE int stream_send(
    int fd, const void *data, size_t len, int64_t deadline, struct err *e);
/* At least one byte and at most `max`. ERR_IO, also at the end. */
MUSTUSE int stream_receive(
    int fd, void *data, size_t max, size_t *got, int64_t deadline, struct err *e);

#endif
