/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h: what a service tells the manager that started it (sd_notify(3)): over $NOTIFY_SOCKET, and nothing where there
 * is none. Not told is no failure: who waits in vain for it ends the service himself.
 */
#ifndef WATCH_NOTIFY_H
#define WATCH_NOTIFY_H

#include "base/base.h"

/* It does its work; again after notify_reloading(). */
void notify_ready(void);
/* One line for `systemctl status`; escaped here. */
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);
void notify_reloading(void);
void notify_stopping(void);
/* It is alive. To be told at least every notify_watchdog_ms(). */
void notify_watchdog(void);
/* Half of the time after which the manager ends a silent service, in milliseconds; 0: it does not. */
int64_t notify_watchdog_ms(void);

#endif
