#include "tests/support/hostile.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_S 10
#define REQUEST "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntrapped"

static int accept_anyone(X509_STORE_CTX *ctx, void *context)
{
	(void)ctx;
	(void)context;
	return 1;
}

static void on_message(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *context)
{
	struct hostile_verdict *v = context;
	const uint8_t *octets = data;

	(void)version;
	(void)ssl;
	if (!sent && type == SSL3_RT_ALERT && length == 2 && octets[1] != SSL_AD_CLOSE_NOTIFY)
		v->alert = octets[1];
}

static SSL_CTX *make_context(const struct hostile *h, const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	assert_non_null(ctx);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_cert_verify_callback(ctx, accept_anyone, NULL);
	if (h->max_version)
		SSL_CTX_set_max_proto_version(ctx, h->max_version);
	if (!h->leaf)
		return ctx;
	assert_int_equal(SSL_CTX_use_certificate(ctx, h->leaf->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, h->leaf->key), 1);
	for (size_t i = 0; i < HOSTILE_CHAIN_MAX && h->chain[i]; i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, h->chain[i]->certificate), 1);
	return ctx;
}

static void set_limit(int fd)
{
	const struct timeval tv = {.tv_sec = LIMIT_S};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

struct hostile_verdict hostile_connect(const struct hostile *h, unsigned port)
{
	struct hostile_verdict v = {.alert = -1};
	const struct sockaddr_in to = loopback(port);
	SSL_CTX *ctx = make_context(h, TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(ssl && fd >= 0);
	set_limit(fd);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	SSL_set_fd(ssl, fd);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, &v);
	if (SSL_connect(ssl) == 1) {
		(void)SSL_write(ssl, REQUEST, (int)strlen(REQUEST));
		int length = 0, room = (int)sizeof(v.answer) - 1;
		for (int n; length < room && (n = SSL_read(ssl, v.answer + length, room - length)) > 0;)
			length += n;
		v.served = length > 0;
	}
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return v;
}

/* ---- the server */

static void serve_one(struct hostile_server *s, SSL *ssl)
{
	char request[1024];

	if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
		s->served++;
		(void)SSL_write(ssl, ANSWER, (int)strlen(ANSWER));
		SSL_shutdown(ssl);
	}
	ERR_clear_error();
}

static void *serve(void *context)
{
	struct hostile_server *s = context;
	SSL_CTX *ctx = make_context(&s->h, TLS_server_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0; close(fd)) {
		SSL *ssl = SSL_new(ctx);
		set_limit(fd);
		SSL_set_fd(ssl, fd);
		serve_one(s, ssl);
		SSL_free(ssl);
	}
	SSL_CTX_free(ctx);
	return NULL;
}

void hostile_start(struct hostile_server *s, const struct hostile *h)
{
	struct sockaddr_in at = loopback(0);
	socklen_t length = sizeof(at);

	*s = (struct hostile_server){.h = *h, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(s->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &length), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void hostile_stop(struct hostile_server *s)
{
	shutdown(s->listener, SHUT_RDWR); /* wakes accept */
	pthread_join(s->thread, NULL);
	close(s->listener);
}

EVP_PKEY *hostile_wrong_key(const EVP_PKEY *certificate_key)
{
	EVP_PKEY *other = EVP_EC_gen("P-256"), *mixed = NULL;
	BIGNUM *secret = NULL;
	uint8_t point[256];
	size_t length = 0;

	CHECK(other && EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &secret));
	CHECK(EVP_PKEY_get_octet_string_param(certificate_key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &length));
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	CHECK(build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0));
	CHECK(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, length));
	CHECK(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret));
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	CHECK(params && ctx && EVP_PKEY_fromdata_init(ctx) == 1);
	CHECK(EVP_PKEY_fromdata(ctx, &mixed, EVP_PKEY_KEYPAIR, params) == 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(secret);
	EVP_PKEY_free(other);
	return mixed;
}
