/*
 * How a command reaches the coordinator's state: it asks the daemon over its local socket; where none runs, it takes STATE/lock, opens
 * the state itself and asks the same function (admin_call). The caller cannot tell which it was.
 */
#ifndef COHORT_COORDINATOR_INQUIRY_H
#define COHORT_COORDINATOR_INQUIRY_H

#include "base/json.h"
#include "coordinator/settings.h"
#include "net/http.h"

struct office;

struct inquiry {
	const struct settings *settings; /* borrowed */
	struct office *office; /* NULL: a daemon answers, or nothing was asked yet */
};

/* One question of coordinator/admin.h. `target`: path and query. The answer is the caller's to free; an error has the exit
 * code that the coordinator gives it. ERR_AGAIN: somebody holds the lock and does not answer. */
enum err inquiry_ask(struct inquiry *q, struct json **answer, enum http_method method, const char *target,
                     struct bytes body, struct diag *why) MUST_USE;

void inquiry_close(struct inquiry *q); /* accepts a zeroed one */

#endif
