/*
 * STATE/lock: whoever holds it works on the database, alone. Held by flock(2), so it goes with the process however that ends; the
 * file holds the holder's process id, for the refusal's words only.
 */
#ifndef COHORT_COORDINATOR_LOCK_H
#define COHORT_COORDINATOR_LOCK_H

#include "base/err.h"

#include <stdint.h>

/* Takes the lock, trying for `patience_ms`: a command holds it for milliseconds, a daemon for good. *fd is for lock_release.
 * ERR_AGAIN names the holder; ERR_CREATE. */
enum err lock_take(int *fd, const char *path, int64_t patience_ms, struct diag *why) MUST_USE;
void lock_release(int fd); /* accepts -1 */

#endif
