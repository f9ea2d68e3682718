/*
 * What systemd is told (sd_notify(3), Type=notify): one datagram per message to the socket $NOTIFY_SOCKET names, a
 * path or, with '@' in front, an abstract one. Without the variable, nothing happens; a failure is no error of ours
 * and is only logged at debug level: a daemon must not stop because nobody listens to how it is.
 */
#ifndef COHORT_NET_NOTIFY_H
#define COHORT_NET_NOTIFY_H

#include "base/err.h"

#include <stdint.h>

void notify_ready(void); /* READY=1: serving now; also ends a reload */
void notify_stopping(void); /* STOPPING=1 */
void notify_reloading(void); /* RELOADING=1 with MONOTONIC_USEC, as Type=notify-reload asks; notify_ready follows */
void notify_watchdog(void); /* WATCHDOG=1: alive */
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2); /* STATUS=: one line for `systemctl status` */

/* How often notify_watchdog must be called: half of $WATCHDOG_USEC; 0 when systemd does not watch this process. */
int64_t notify_watchdog_ms(void);

#endif
