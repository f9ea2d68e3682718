/*
 * Contexts and connections. The policy is small and the same on both sides: TLS 1.3, both certificates, no tickets,
 * and a verdict that adds the identity to OpenSSL's chain check. It sits in the callback that replaces libssl's own
 * verification, so no handshake can end without it, and its error number chooses the alert.
 *
 *     peer's chain -> X509_verify_cert (authority, dates, usage, revocations, host) -> identity: kind, federation
 */
#include "net/tls_own.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHAIN_MAX 16384 /* octets of certificates before the peer is known; two P-256 certificates take 2 KiB */
#define SUBJECT_SIZE 160 /* a common name and some words */

struct tls {
	atomic_uint references;
	enum tls_role role;
	struct tls_own own;
	SSL_CTX *ctx; /* a server's; a client's contexts are libcurl's */
};

struct tls_link {
	struct tls *tls;
	struct tls_events events;
	void *context;
	bool established;
};

/* ---- links: what an SSL object tells us */

static int link_index;
static pthread_once_t link_once = PTHREAD_ONCE_INIT;

static void free_link(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	struct tls_link *link = ptr;

	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	if (!link)
		return;
	if (link->events.closed)
		link->events.closed(link->context);
	tls_free(link->tls);
	free(link);
}

static void make_index(void)
{
	link_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_link);
	CHECK(link_index >= 0);
}

struct tls_link *tls_attach(struct ssl_st *ssl, struct tls *t, const struct tls_events *events, void *context)
{
	struct tls_link *link = mem_alloc(sizeof *link);

	pthread_once(&link_once, make_index);
	*link = (struct tls_link){.tls = t, .events = *events, .context = context};
	if (SSL_set_ex_data(ssl, link_index, link) != 1) {
		free(link);
		return NULL;
	}
	atomic_fetch_add(&t->references, 1);
	return link;
}

static struct tls_link *link_of(const SSL *ssl)
{
	pthread_once(&link_once, make_index);
	return ssl ? SSL_get_ex_data(ssl, link_index) : NULL;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_link *link = link_of(ssl);

	(void)value;
	if (!(where & SSL_CB_HANDSHAKE_DONE) || !link || link->established)
		return;
	link->established = true;
	if (link->events.established)
		link->events.established(link->context);
}

/* ---- the verdict on a peer */

static enum tls_role other(enum tls_role role)
{
	return role == TLS_SERVER ? TLS_CLIENT : TLS_SERVER;
}

/* What a certificate claims; for words only. */
static void subject_text(char out[SUBJECT_SIZE], const X509 *x)
{
	char name[SUBJECT_SIZE / 2] = "";

	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
	snprintf(out, SUBJECT_SIZE, "certificate of \"%s\"", name);
}

static int judge_peer(X509_STORE_CTX *ctx, void *context)
{
	const struct tls *t = context;
	char subject[SUBJECT_SIZE];
	struct identity id;
	struct diag why = {0};
	X509 *leaf = X509_STORE_CTX_get0_cert(ctx);

	subject_text(subject, leaf);
	enum err e = tls_judge_prepared(ctx, subject, &why);
	if (!e) {
		e = tls_identify(&id, leaf, other(t->role), t->own.self.federation, time(NULL), &why);
		if (e)
			X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	}
	struct tls_link *link = link_of(X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
	if (e && link && link->events.refused)
		link->events.refused(link->context, why.text);
	return e == OK;
}

/* ---- contexts */

static bool set_up(struct tls *t, SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, 2); /* 112 bits: neither RSA 1024 nor SHA-1, whatever the system's default */
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection costs 22 KiB instead of 56 */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, judge_peer, t);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	SSL_CTX_set1_cert_store(ctx, t->own.store);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_use_certificate(ctx, t->own.leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, t->own.key) == 1 &&
	       SSL_CTX_set1_chain(ctx, t->own.chain) == 1;
}

enum err tls_new(struct tls **out, enum tls_role role, const struct tls_files *files, struct diag *why)
{
	struct tls *t = mem_alloc(sizeof *t);

	*out = NULL;
	atomic_init(&t->references, 1);
	t->role = role;
	enum err e = tls_own_load(&t->own, role, files, time(NULL), why);
	if (!e && role == TLS_SERVER) {
		t->ctx = SSL_CTX_new(TLS_server_method());
		if (!t->ctx || !set_up(t, t->ctx))
			e = diag_set(why, ERR_CONFIG, "%s: OpenSSL does not take this certificate: %s",
			             files->certificate, ERR_reason_error_string(ERR_peek_last_error()));
		else
			SSL_CTX_set_info_callback(t->ctx, on_info);
	}
	if (e) {
		ERR_clear_error();
		tls_free(t);
		return e;
	}
	*out = t;
	return OK;
}

void tls_free(struct tls *t)
{
	if (!t || atomic_fetch_sub(&t->references, 1) != 1)
		return;
	SSL_CTX_free(t->ctx);
	tls_own_free(&t->own);
	free(t);
}

struct tls *tls_retain(struct tls *t)
{
	atomic_fetch_add(&t->references, 1);
	return t;
}

bool tls_names(const struct tls *t, const char *host)
{
	return X509_check_host(t->own.leaf, host, 0, 0, NULL) == 1 || X509_check_ip_asc(t->own.leaf, host, 0) == 1;
}

bool tls_revokes(const struct tls *t, const char *serial)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(t->own.store);
	BIGNUM *number = NULL;
	X509_REVOKED *entry;
	bool found = false;

	if (!BN_hex2bn(&number, serial))
		return false;
	ASN1_INTEGER *wanted = BN_to_ASN1_INTEGER(number, NULL);
	CHECK(wanted);
	for (int i = 0; i < sk_X509_OBJECT_num(objects) && !found; i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
		found = crl && X509_CRL_get0_by_serial(crl, &entry, wanted) == 1;
	}
	ASN1_INTEGER_free(wanted);
	BN_free(number);
	return found;
}

const struct identity *tls_self(const struct tls *t)
{
	return &t->own.self;
}

enum err tls_check_own(enum tls_role role, const struct tls_files *files, int64_t now_s, struct diag *why)
{
	struct tls_own own;
	enum err e = tls_own_load(&own, role, files, now_s, why);
	if (!e)
		tls_own_free(&own);
	return e;
}

bool tls_connect_context(struct tls *t, struct ssl_ctx_st *ctx)
{
	return set_up(t, ctx);
}

/* ---- a server's connections */

struct ssl_st *tls_accept(struct tls *t, const struct tls_events *events, void *context)
{
	SSL *ssl = SSL_new(t->ctx);

	if (ssl && !tls_attach(ssl, t, events, context)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

bool tls_peer(struct identity *out, const struct ssl_st *ssl)
{
	const X509 *leaf = SSL_get0_peer_certificate(ssl);
	struct tls_link *link = link_of(ssl);

	*out = (struct identity){0};
	if (!leaf || !link || !SSL_is_init_finished(ssl))
		return false;
	return tls_identify(out, leaf, other(link->tls->role), link->tls->own.self.federation, time(NULL), NULL) == OK;
}

int tls_socket(const struct ssl_st *ssl)
{
	return SSL_get_fd(ssl);
}

void *tls_context(const struct ssl_st *ssl)
{
	struct tls_link *link = link_of(ssl);
	return link ? link->context : NULL;
}

enum err tls_verify_again(const struct tls *t, struct ssl_st *ssl, struct diag *why)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	char subject[SUBJECT_SIZE];
	struct identity id;

	if (!leaf)
		return diag_set(why, ERR_REFUSED, "connection without a certificate");
	subject_text(subject, leaf);
	enum err e =
		tls_judge(t->own.store, leaf, SSL_get_peer_cert_chain(ssl), other(t->role), time(NULL), subject, why);
	return e ? e : tls_identify(&id, leaf, other(t->role), t->own.self.federation, time(NULL), why);
}
