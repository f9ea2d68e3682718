/*
 * What the parts of the client share: net/request.c (one exchange, retries), net/request_failure.c (why it failed),
 * net/request_file.c (downloads).
 */
#ifndef COHORT_NET_REQUEST_INSIDE_H
#define COHORT_NET_REQUEST_INSIDE_H

#include "base/secret.h"
#include "net/request.h"

#include <stdatomic.h>

#define REQUEST_HEADERS_MAX 4 /* that stay set: the boot id and room */
#define REQUEST_CONNECT_MS 15000 /* name, connection, proxy and TLS; three losses of a SYN cost 7 s */
#define REQUEST_ERROR_SIZE 256 /* CURL_ERROR_SIZE */

struct requester {
	void *multi, *easy; /* libcurl's CURLM and CURL */
	struct tls *tls;
	char *url; /* "https://host:port" */
	char *host; /* without the brackets of IPv6 */
	unsigned port;
	char *proxy, *proxy_user; /* as in the configuration */
	struct secret proxy_password; /* with a final NUL */
	char *names[REQUEST_HEADERS_MAX], *values[REQUEST_HEADERS_MAX];
	struct entropy entropy;
	atomic_bool cancelled;
	char error[REQUEST_ERROR_SIZE]; /* libcurl's words for the last failure */
};

/* Where an answer's body goes. */
struct request_sink {
	enum err (*take)(void *context, unsigned status, struct bytes octets, struct diag *why);
	void *context;
};

struct request_range {
	uint64_t from; /* 0: no Range header is sent */
	uint64_t answered_from; /* of the answer's Content-Range; 0 without one */
};

/* One exchange. `range` may be NULL. */
enum err request_run(struct requester *r, const struct request *q, struct request_range *range,
                     const struct request_sink *sink, struct response *out, struct diag *why) MUST_USE;

/* Proxy, time to connect and what else every connection of ours has, the probe's too. */
void request_set_connection(struct requester *r, void *easy);

/* Drives one transfer to its end: a CURLcode, or -1 when cancelled. It must be dropped after that. */
int request_drive(struct requester *r, void *easy);
void request_drop(struct requester *r, void *easy);

/* Puts the failed transfer of r->easy into words. May connect once more to read a TLS alert. */
enum err request_failure(struct requester *r, int code, struct diag *why);

/* Is it worth trying again? */
bool request_is_transient(enum err e, const struct response *out);

/* Waits before another try; false when that would pass `until_ms` (CLOCK_MONOTONIC) or `*e` is no longer the failure
 * but ERR_CANCELLED. */
bool request_wait(struct requester *r, enum err *e, const struct response *out, unsigned attempt, int64_t until_ms,
                  struct diag *why);

#endif
