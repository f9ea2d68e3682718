/*
 * Trying again: full jitter (uniform in [0, bound], the bound doubling), so that hospitals that were cut off together
 * do not come back together, and every wait ends at once when the requester is cancelled.
 */
#include "net/request_inside.h"

#include "base/clock.h"
#include "base/log.h"

#include <curl/curl.h>

bool request_is_transient(enum err e, const struct response *out)
{
	return e == ERR_UNREACHABLE || (!e && (out->status == 429 || out->status >= 500));
}

enum err request_sleep(struct requester *r, int64_t ms)
{
	int64_t until = clock_monotonic_ms() + ms;

	for (int64_t left = ms; left > 0; left = until - clock_monotonic_ms()) {
		if (atomic_load(&r->cancelled))
			break;
		CHECK(curl_multi_poll(r->multi, NULL, 0, left < INT32_MAX ? (int)left : INT32_MAX, NULL) == CURLM_OK);
	}
	return atomic_load(&r->cancelled) ? ERR_CANCELLED : OK;
}

int64_t request_backoff_ms(unsigned attempt, int64_t retry_after_ms, const struct entropy *e)
{
	int64_t bound = REQUEST_BACKOFF_MS, floor = retry_after_ms > 0 ? retry_after_ms : 0;
	uint32_t draw;

	for (; attempt && bound < REQUEST_BACKOFF_MAX_MS; attempt--)
		bound *= 2;
	if (bound > REQUEST_BACKOFF_MAX_MS)
		bound = REQUEST_BACKOFF_MAX_MS;
	entropy_fill(e, (uint8_t *)&draw, sizeof draw);
	return (floor < REQUEST_RETRY_AFTER_MAX_MS ? floor : REQUEST_RETRY_AFTER_MAX_MS) +
	       (int64_t)(draw % (uint64_t)(bound + 1));
}

bool request_wait(struct requester *r, enum err *e, const struct response *out, unsigned attempt, int64_t until_ms,
                  struct diag *why)
{
	int64_t ms = request_backoff_ms(attempt, *e ? -1 : out->retry_after_ms, &r->entropy);

	if (clock_monotonic_ms() + ms > until_ms)
		return false;
	if (*e && attempt == 0)
		log_notice("%s; trying again", why ? why->text : err_text(*e));
	if (request_sleep(r, ms) == OK)
		return true;
	*e = diag_set(why, ERR_CANCELLED, "cancelled");
	return false;
}

enum err request_persist(struct requester *r, const struct request *q, struct response *out, struct buf *body,
                         int64_t give_up_ms, struct diag *why)
{
	int64_t until_ms = clock_monotonic_ms() + give_up_ms;
	enum err e;

	for (unsigned attempt = 0;; attempt++) {
		e = request_send(r, q, out, body, why);
		if (!request_is_transient(e, out) || !request_wait(r, &e, out, attempt, until_ms, why))
			return e;
	}
}
