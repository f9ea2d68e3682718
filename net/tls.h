/*
 * TLS: who we are, whom we believe, and what went wrong, in words. One of two files that know OpenSSL.
 *
 * TLS 1.3 only, certificates on both sides, no tickets, no resumption, no system authorities: one authority, the
 * federation's. A peer is who its certificate says it is (net/identity.h): a server accepts sites of its own
 * federation, a client the coordinator of its own federation under the host name it called. Everyone else is refused
 * in the handshake, with an alert that the other side can turn into words (tls_probe).
 */
#ifndef COHORT_NET_TLS_H
#define COHORT_NET_TLS_H

#include "net/identity.h"

#include <stdbool.h>
#include <stdint.h>

struct ssl_st; /* OpenSSL's SSL and SSL_CTX, opaque to everyone else */
struct ssl_ctx_st;

/* Paths of PEM files; strings are borrowed for the call. */
struct tls_files {
	const char *certificate; /* leaf first, then intermediates if there are any */
	const char *key; /* read with secret_read: nobody else may be able to read it */
	const char *authority; /* the federation's, one certificate */
	const char
		*revocations; /* CRL of that authority, or NULL; one past its nextUpdate still counts, with a warning */
	/* Client only, or NULL: believed beside `authority`, for a hospital whose proxy opens TLS. The certificate
	 * shown must still name the coordinator, and the proxy must pass the site's on: an exception for one host is
	 * the better way. */
	const char *extra_authority;
};

/* Credentials loaded and checked: our chain, key, authority and revocations. Immutable; share it freely. */
struct tls;

enum tls_role { TLS_SERVER, TLS_CLIENT };

/* Loads and checks before any connection is made. Every problem is one line that names the file, in this order:
 * unreadable, not PEM, key readable by others, key of another certificate, an authority as leaf, wrong usage, no
 * identity, not yet valid ("is this machine's clock right?"), expired on ..., issued by X and not by the authority in
 * ca.pem, revoked. ERR_NO_INPUT, ERR_REFUSED, ERR_CONFIG. */
enum err tls_new(struct tls **out, enum tls_role role, const struct tls_files *files, struct diag *why) MUST_USE;
struct tls *tls_retain(struct tls *t); /* one more owner; returns `t` */
void tls_free(struct tls *t); /* one owner less; connections count as owners; accepts NULL */

/* Whom our own certificate names. Borrowed until tls_free. */
const struct identity *tls_self(const struct tls *t);

/* Does our own certificate name this host (a DNS name or an address)? */
bool tls_names(const struct tls *t, const char *host);

/* Does a revocation list of `t` hold this serial number (as struct identity has it)? Also of someone who is not
 * connected. */
bool tls_revokes(const struct tls *t, const char *serial);

/* The check alone, with `now_s` (Unix time) instead of the clock; what `check` commands show. */
enum err tls_check_own(enum tls_role role, const struct tls_files *files, int64_t now_s, struct diag *why) MUST_USE;

/* ---- server side: net/server.c puts these under libevent */

/* What a connection reports; each may be NULL. `closed` is the last, when the SSL is freed. */
struct tls_events {
	void (*established)(void *context); /* the handshake ended well; tls_peer knows who it is */
	void (*refused)(void *context, const char *words); /* we do not accept the peer's certificate */
	void (*closed)(void *context);
};

/* A connection that will accept, ready for a socket; NULL only when memory is out. Freed by whoever owns the SSL. */
struct ssl_st *tls_accept(struct tls *t, const struct tls_events *events, void *context);
bool tls_peer(struct identity *out, const struct ssl_st *ssl); /* false before the handshake's end */
int tls_socket(const struct ssl_st *ssl); /* -1 before it has one */
void *tls_context(const struct ssl_st *ssl); /* the `context` of tls_accept */

/* Would `t` (freshly loaded revocations, authority, clock) still accept the peer of this connection? */
enum err tls_verify_again(const struct tls *t, struct ssl_st *ssl, struct diag *why) MUST_USE;

/* ---- client side: net/request.c puts these under libcurl */

/* Sets one connection's context up: our credentials, the pinned authority, identity check. False when memory is out. */
bool tls_connect_context(struct tls *t, struct ssl_ctx_st *ctx);

/* After a failed handshake on the ways that lose the alert: connects over the given socket (connected, blocking with a
 * time limit set by the caller; stays the caller's) and says in one line why either side refuses: "the coordinator
 * refused this certificate: revoked". `host` is what the certificate must name. OK when nothing is wrong. */
enum err tls_probe(struct tls *t, int socket, const char *host, struct diag *why) MUST_USE;

#endif
