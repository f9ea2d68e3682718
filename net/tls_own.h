/*
 * One side's credentials: loaded, judged, and the judge itself, which serves for a peer's certificate too. Inside of
 * net/tls; nobody else includes this.
 */
#ifndef COHORT_NET_TLS_OWN_H
#define COHORT_NET_TLS_OWN_H

#include "net/tls.h"

struct x509_st; /* OpenSSL's X509, EVP_PKEY, X509_STORE, X509_STORE_CTX, STACK_OF(X509) */
struct evp_pkey_st;
struct x509_store_st;
struct x509_store_ctx_st;
struct stack_st_X509;

struct tls_own {
	struct x509_st *leaf;
	struct stack_st_X509 *chain; /* what follows the leaf in its file */
	struct evp_pkey_st *key;
	struct x509_store_st *store; /* the authority (and its successor, if the file has two) and its revocations */
	struct identity self;
};

/* As tls_check_own, and keeps what it loaded. tls_own_free accepts a zeroed one. */
enum err tls_own_load(struct tls_own *out, enum tls_role role, const struct tls_files *files, int64_t now_s,
                      struct diag *why) MUST_USE;
void tls_own_free(struct tls_own *own);

/* Does the chain of `leaf` end at an authority of `store`, valid now, for this use, not revoked? `subject` begins
 * the line of a refusal. ERR_REFUSED. */
enum err tls_judge(struct x509_store_st *store, struct x509_st *leaf, struct stack_st_X509 *untrusted,
                   enum tls_role role_of_leaf, int64_t now_s, const char *subject, struct diag *why) MUST_USE;

/* The same on a context that libssl has prepared; the context's error is set for the alert. */
enum err tls_judge_prepared(struct x509_store_ctx_st *ctx, const char *subject, struct diag *why) MUST_USE;

/* Reads whom a certificate names and whether a `role_of_leaf` of `federation` may bear it, at `now_s`. ERR_REFUSED. */
enum err tls_identify(struct identity *out, const struct x509_st *leaf, enum tls_role role_of_leaf,
                      const char *federation, int64_t now_s, struct diag *why) MUST_USE;

/* Tells `events` of one SSL of ours; NULL when memory is out. A link lasts as long as the SSL and keeps `t`. */
struct tls_link *tls_attach(struct ssl_st *ssl, struct tls *t, const struct tls_events *events, void *context);

#endif
