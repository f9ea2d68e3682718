/*
 * Why a handshake fails, found out by one more handshake. In TLS 1.3 the client has finished before the server has
 * looked at the client's certificate: the alert comes later, in place of the first answer, and libcurl may see only a
 * reset connection. So we connect again, send nothing, and read what comes.
 */
#include "net/tls_own.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

struct probe {
	char words[DIAG_MAX]; /* why we refuse; "": we do not */
	int alert; /* RFC 8446, 6; -1: none came */
};

static const struct {
	int alert;
	const char *words;
} alerts[] = {
	{SSL_AD_HANDSHAKE_FAILURE, "it is no site's certificate of the coordinator's federation"},
	{SSL_AD_BAD_CERTIFICATE, "it is not valid, or not yet: are both clocks right?"},
	{SSL_AD_UNSUPPORTED_CERTIFICATE, "it is not made out for a site (extended key usage)"},
	{SSL_AD_CERTIFICATE_REVOKED, "revoked; ask the authority for a new one"},
	{SSL_AD_CERTIFICATE_EXPIRED, "expired; ask the authority to renew it (is this machine's clock right?)"},
	{SSL_AD_CERTIFICATE_UNKNOWN, "for a reason that it does not tell"},
	{SSL_AD_UNKNOWN_CA, "issued by another authority than the coordinator's"},
	{SSL_AD_ACCESS_DENIED, "access denied"},
	{SSL_AD_DECRYPT_ERROR, "its signature is not the coordinator's authority's"},
	{SSL_AD_CERTIFICATE_REQUIRED, "none was sent"},
};

static const char *alert_words(int alert)
{
	for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
		if (alerts[i].alert == alert)
			return alerts[i].words;
	return NULL;
}

static void on_refused(void *context, const char *words)
{
	struct probe *p = context;
	snprintf(p->words, sizeof p->words, "%s", words);
}

static void on_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl, void *context)
{
	struct probe *p = context;
	const uint8_t *octets = data;

	(void)version, (void)ssl;
	if (!sent && type == SSL3_RT_ALERT && len == 2 && octets[1] != SSL_AD_CLOSE_NOTIFY)
		p->alert = octets[1];
}

static bool set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	uint8_t address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	/* SSL_set_tlsext_host_name, whose macro casts const away */
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1;
}

static void shake_hands(SSL *ssl, int socket, struct probe *p)
{
	char octet;

	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, p);
	if (SSL_set_fd(ssl, socket) == 1 && SSL_connect(ssl) == 1)
		(void)SSL_read(ssl, &octet, 1); /* the server's verdict on us, or the socket's time limit */
}

static enum err explain(const struct probe *p, const char *host, struct diag *why)
{
	unsigned long error = ERR_peek_error();
	const char *words = alert_words(p->alert);

	if (p->words[0])
		return diag_set(why, ERR_REFUSED, "%s cannot be trusted: %s", host, p->words);
	if (words)
		return diag_set(why, ERR_REFUSED, "the coordinator refused this certificate: %s", words);
	if (p->alert == SSL_AD_PROTOCOL_VERSION || ERR_GET_REASON(error) == SSL_R_UNSUPPORTED_PROTOCOL)
		return diag_set(why, ERR_REFUSED, "%s does not speak TLS 1.3", host);
	if (p->alert >= 0)
		return diag_set(why, ERR_REFUSED, "%s ended the TLS handshake: %s", host,
		                SSL_alert_desc_string_long(p->alert));
	if (ERR_GET_REASON(error) == SSL_R_BAD_SIGNATURE)
		return diag_set(why, ERR_REFUSED,
		                "%s cannot be trusted: it does not hold the key of the certificate that it shows",
		                host);
	if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
		return diag_set(why, ERR_REFUSED, "%s answers, but not in TLS; is it the right port?", host);
	return OK;
}

enum err tls_probe(struct tls *t, int socket, const char *host, struct diag *why)
{
	const struct tls_events events = {.refused = on_refused};
	struct probe p = {.alert = -1};
	enum err e = OK;

	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx && tls_connect_context(t, ctx) ? SSL_new(ctx) : NULL;
	ERR_clear_error();
	if (ssl && tls_attach(ssl, t, &events, &p) && set_host(ssl, host)) {
		shake_hands(ssl, socket, &p);
		e = explain(&p, host, why);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return e;
}
