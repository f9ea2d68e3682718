/*
 * The server: HTTPS with certificates on both sides, and the same interface on a local socket for this machine's
 * administrator.
 *
 * A request that arrived whole becomes a struct exchange and is handed to the handler. The handler answers it at once,
 * or keeps the pointer and answers later (a held poll). An answer leaves at the next server_flush and not before: a
 * program calls that in the loop's turn hook, after its commit, so no peer hears of what is not on disk.
 *
 *     arrives -> request() -+-> server_answer -----------------------------+-> server_flush -> sent, freed
 *                           +-> server_hold -> expired(): server_answer ---+
 *                                          \-> gone(): peer left, freed after the call
 *
 * What is bounded (base/limits.h): time for the handshake, the headers, the body, the answer's way out, and for being
 * idle; connections in all, per address (loopback exempt), per identity (the one that was idle longest makes room),
 * half open (a random one is dropped); octets of headers (431) and body (413). Whoever passes a bound harms only its
 * own connection.
 */
#ifndef COHORT_NET_SERVER_H
#define COHORT_NET_SERVER_H

#include "base/bytes.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/tls.h"

#define SERVER_HEADERS_MAX 8 /* extra headers of an answer */

/* One request and its answer to come. All is borrowed and valid until it is answered or gone; only `owner` may be
 * written. */
struct exchange {
	enum http_method method;
	const char *path; /* starts with '/'; characters [A-Za-z0-9._~/-] only, no empty, "." or ".." segment */
	const struct http_pair *parameters; /* decoded; names [a-z0-9_]+, each once */
	size_t parameter_count;
	size_t body_len; /* at most PART_MAX octets: server_body, server_body_pieces */
	const struct identity *peer; /* the site, from its certificate alone; NULL on the local socket */
	void *owner; /* the handler's own; NULL at first */
};

struct server_handler {
	void (*request)(void *context, struct exchange *x); /* answer, hold, or keep and answer later */
	void (*expired)(void *context,
	                struct exchange *x); /* a deadline of server_hold has come: answer, or hold again */
	void (*gone)(void *context, struct exchange *x); /* its peer left before the answer; `x` ends with this call */
	void *context;
};

struct server;

/* Nothing is open yet. `handler` is copied; `expired` and `gone` may be NULL if nothing is ever held. */
enum err server_new(struct server **out, struct loop *l, const struct server_handler *handler,
                    struct diag *why) MUST_USE;
void server_free(struct server *s); /* cuts all connections; held exchanges are reported gone; accepts NULL */

/* Listens with TLS on "host:port", "[v6]:port" or ":port" (all addresses, v6 and v4); port 0 takes any free one. `t`
 * is retained. Once per server. ERR_CONFIG for a bad address, ERR_AGAIN when the port is taken ("127.0.0.1:8443 is
 * taken by another program ..."). */
enum err server_listen(struct server *s, const char *address, struct tls *t, struct diag *why) MUST_USE;
unsigned server_port(const struct server *s); /* the real one; 0 before server_listen */

/* Listens without TLS on a new AF_UNIX socket of mode 0600. A stale socket file of that name is replaced (hold
 * STATE/lock!). */
enum err server_listen_local(struct server *s, const char *path, struct diag *why) MUST_USE;

/* New credentials for new connections; live ones are verified again at once and cut if they do not hold any more
 * (revoked, expired, other authority). How many were cut. */
unsigned server_reload(struct server *s, struct tls *t);

/* A request header's value, or NULL. Names are matched without regard to case. */
const char *server_header(const struct exchange *x, const char *name);
const char *server_parameter(const struct exchange *x, const char *name); /* NULL when absent */

/* The body in one piece. One that came in several is copied together first, so a large one is better taken as it came: */
struct bytes server_body(struct exchange *x);
#define SERVER_PIECES_MAX 512 /* what TLS gives at a time is some KiB: a part has some 130 to 260 pieces */
size_t server_body_pieces(struct exchange *x,
                          struct bytes pieces[SERVER_PIECES_MAX]); /* how many; 0 for an empty one */

/* Keeps it open until `deadline_ms` (loop_now_ms's clock), then `expired` is called. May be called again to move it. */
void server_hold(struct exchange *x, int64_t deadline_ms);

struct answer {
	unsigned status; /* 200 to 599 */
	const char *content_type; /* NULL: no body */
	struct bytes body; /* copied */
	struct http_pair headers[SERVER_HEADERS_MAX]; /* extra ones, copied; name NULL ends them early */
};

/* Answers, at the next server_flush. `x` must not be touched afterwards. */
void server_answer(struct exchange *x, const struct answer *a);

/* Answers with a file: 200, or 206 or 416 where the request has a Range "bytes=N-" or "bytes=N-M", or 304 when
 * If-None-Match names `tag` (ETag without quotes; NULL: none). The file must not change until it is sent: models are
 * immutable. On failure to open nothing is answered yet and ERR_NO_INPUT is returned. */
enum err server_answer_file(struct exchange *x, const char *path, const char *content_type, const char *tag,
                            struct diag *why) MUST_USE;

/* Lets the answers of this turn go. */
void server_flush(struct server *s);

/* For `status`: gauges and, since the start, counts. */
struct server_figures {
	unsigned connections, half_open, exchanges; /* exchanges: not answered yet */
	uint64_t accepted, requests, refused_handshakes;
	uint64_t dropped_half_open, dropped_address, dropped_identity, dropped_full, dropped_deadline;
};
struct server_figures server_figures(const struct server *s);

#endif
