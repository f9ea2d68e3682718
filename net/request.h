/*
 * Requests: the hospital's side of the wire, over libcurl, in the caller's thread. Connections are kept open between
 * calls.
 *
 * The coordinator is believed when its certificate is issued by the federation's authority (no other, but
 * extra_authority where the hospital has set one), names the host we called, and names
 * cohort://OUR-FEDERATION/coordinator. Every failure is one line that says what to do: "cannot reach
 * https://host:8443: connection refused; is the coordinator running?".
 *
 * One requester is one thread's; only request_cancel may be called from others.
 */
#ifndef COHORT_NET_REQUEST_H
#define COHORT_NET_REQUEST_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "net/http.h"
#include "net/tls.h"

struct requester;

struct request_config {
	const char *url; /* "https://host:port", no path */
	struct tls_files tls;
	const char *proxy; /* "http://host:port"; NULL: $https_proxy and $no_proxy; "": none */
	const char *proxy_user; /* NULL: no authentication */
	const char *proxy_password_file; /* secret_read; a final newline is cut */
};

/* Loads and checks the credentials (tls_new); connects to nothing yet. */
enum err request_open(struct requester **out, const struct request_config *config, struct diag *why) MUST_USE;
void request_close(struct requester *r); /* accepts NULL */

const struct identity *request_self(const struct requester *r); /* who our certificate says we are */

/* A header sent with every request from now on (the boot id); a name set before is replaced. */
void request_set_header(struct requester *r, const char *name, const char *value);

/* From any thread or a signal handler: the running call, or the next one if none runs, returns ERR_CANCELLED within
 * milliseconds. It stays so until request_resume. */
void request_cancel(struct requester *r);
void request_resume(struct requester *r);

#define RESPONSE_HEADER_SIZE 256 /* the longest that is asked for, a ledger's mark, has 210 */

struct request {
	const char *method; /* "GET", "PUT", "POST", "DELETE" */
	const char *target; /* "/v1/...", with its query */
	const char *content_type; /* of the body; NULL: no body */
	struct bytes body; /* from memory, or: */
	const char *body_path; /* `body_size` octets of this file from `body_offset` on (NULL: from memory) */
	uint64_t body_offset;
	size_t body_size;
	struct http_pair header; /* one more, of this request alone; name NULL: none */
	const char *wanted; /* a header of the answer, to be told in response.wanted; NULL: none */
	int64_t timeout_ms; /* whole exchange, a held wait included; 0: REQUEST_TIMEOUT_MS + the body at BODY_RATE_MIN */
};

struct response {
	unsigned status;
	int64_t retry_after_ms; /* of a Retry-After header, -1 without one */
	char tag[HASH_HEX_SIZE]; /* ETag without its quotes; "" without one */
	char wanted[RESPONSE_HEADER_SIZE]; /* of the header asked for; "" without one, and when it is longer */
};

/* One exchange. The answer's body goes into `body` (initialised by the caller with its bound; cleared first; NULL: it
 * must be empty or is dropped). Any HTTP status is OK here. ERR_UNREACHABLE (no connection, cut, timed out: worth
 * trying again), ERR_REFUSED (TLS or proxy said no: a person must act), ERR_LIMIT (answer longer than its bound),
 * ERR_CANCELLED, ERR_PROTOCOL. */
enum err request_send(struct requester *r, const struct request *q, struct response *out, struct buf *body,
                      struct diag *why) MUST_USE;

/* The same, tried again with back-off after ERR_UNREACHABLE and after status 429 and 5xx, until `give_up_ms`
 * from now. What the last try gave is returned. */
enum err request_persist(struct requester *r, const struct request *q, struct response *out, struct buf *body,
                         int64_t give_up_ms, struct diag *why) MUST_USE;

/* GET `target` into the file `path`, at most `max` octets, whose SHA-256 must be `expected`. Octets come into
 * "path.part"; a cut connection, or a part file of an earlier run, is resumed with Range. Renamed to `path` (fsynced,
 * mode 0600) when complete; a part file with another hash is deleted: ERR_PROTOCOL. Tried again as request_persist
 * does. A status other than 200 and 206 is returned in `out` with OK and no file. */
enum err request_download(struct requester *r, const char *target, const char *path, uint64_t max,
                          const struct hash *expected, int64_t give_up_ms, struct response *out,
                          struct diag *why) MUST_USE;

/* Waits, cancellable: ERR_CANCELLED. */
enum err request_sleep(struct requester *r, int64_t ms) MUST_USE;

/* How long to wait before try `attempt` + 1 (attempts count from 0): uniform in [0, min(REQUEST_BACKOFF_MAX_MS,
 * REQUEST_BACKOFF_MS * 2^attempt)] (full jitter, so that sites cut off together do not return together), on top of
 * `retry_after_ms` if that is >= 0 (at most REQUEST_RETRY_AFTER_MAX_MS of it is honoured). */
int64_t request_backoff_ms(unsigned attempt, int64_t retry_after_ms, const struct entropy *e);

#define REQUEST_TIMEOUT_MS 60000 /* twice what any proxy lets a silent connection live */
#define REQUEST_BACKOFF_MS 500 /* first wait: a restart of the coordinator takes less */
#define REQUEST_BACKOFF_MAX_MS 30000 /* a hospital is back within half a minute of the coordinator */
#define REQUEST_RETRY_AFTER_MAX_MS 300000 /* a wrong header must not put a hospital to sleep for days */

#endif
