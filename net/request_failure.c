/*
 * From libcurl's codes to a line that says what to do. Where libcurl knows only that the connection broke off, and it
 * was a new one, the reason may have been a TLS alert that came too late for it: then net/tls_probe.c looks again, on
 * the same way, through the proxy if there is one.
 */
#include "net/request_inside.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PROBE_READ_S 2 /* the alert follows the handshake at once; without one nothing comes at all */

static const char *environment_proxy(void)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (getenv(names[i]))
			return getenv(names[i]);
	return NULL;
}

/* A connection like the one that failed, but without TLS on it. -1 when even that does not work. */
static int connect_bare(struct requester *r, CURL *easy)
{
	char url[512];
	curl_socket_t fd = CURL_SOCKET_BAD;
	const bool v6 = strchr(r->host, ':') != NULL;

	snprintf(url, sizeof url, "http://%s%s%s:%u", v6 ? "[" : "", r->host, v6 ? "]" : "", r->port);
	request_set_connection(r, easy);
	/* libcurl would ask for $http_proxy, as this is not https to it. */
	if (!r->proxy && environment_proxy())
		curl_easy_setopt(easy, CURLOPT_PROXY, environment_proxy());
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (request_drive(r, easy) != CURLE_OK || curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD)
		return -1;
	const struct timeval limit = {.tv_sec = PROBE_READ_S};
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return fd;
}

static enum err look_again(struct requester *r, struct diag *why)
{
	char error[REQUEST_ERROR_SIZE];
	CURL *easy = curl_easy_init();

	CHECK(easy);
	memcpy(error, r->error, sizeof error);
	int fd = connect_bare(r, easy);
	enum err e = fd < 0 ? OK : tls_probe(r->tls, fd, r->host, why);
	request_drop(r, easy); /* closes its connection */
	curl_easy_cleanup(easy);
	memcpy(r->error, error, sizeof error);
	return e;
}

static const char *proxy_name(const struct requester *r)
{
	const char *proxy = r->proxy ? r->proxy : environment_proxy();
	return proxy && proxy[0] ? proxy : NULL;
}

static enum err say_connect(struct requester *r, struct diag *why)
{
	long errnum = 0;

	curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &errnum);
	if (proxy_name(r) && !strstr(r->error, r->host)) /* libcurl names whom it called */
		return diag_set(why, ERR_UNREACHABLE, "cannot reach proxy %s: %s", proxy_name(r),
		                errnum ? strerror((int)errnum) : r->error);
	switch (errnum) {
	case ECONNREFUSED:
		return diag_set(why, ERR_UNREACHABLE,
		                "cannot reach %s: connection refused; is the coordinator running?", r->url);
	case ENETUNREACH:
	case EHOSTUNREACH:
		return diag_set(why, ERR_UNREACHABLE, "cannot reach %s: no route; is this machine on the network?",
		                r->url);
	default:
		return diag_set(why, ERR_UNREACHABLE, "cannot reach %s: %s", r->url,
		                errnum ? strerror((int)errnum) : r->error);
	}
}

static enum err say_proxy(struct requester *r, long status, struct diag *why)
{
	const char *proxy = proxy_name(r) ? proxy_name(r) : "on the way";

	if (status == 407 && r->proxy_user)
		return diag_set(why, ERR_REFUSED, "proxy %s does not accept user %s with this password", proxy,
		                r->proxy_user);
	if (status == 407)
		return diag_set(why, ERR_REFUSED, "proxy %s wants a user and a password (proxy: user, password_file)",
		                proxy);
	if (status >= 500)
		return diag_set(why, ERR_UNREACHABLE, "proxy %s cannot reach %s:%u (status %ld)", proxy, r->host,
		                r->port, status);
	return diag_set(why, ERR_REFUSED,
	                "proxy %s does not permit CONNECT to %s:%u (status %ld); ask for an exception", proxy, r->host,
	                r->port, status);
}

/* A connection that broke off: by the network, or by a TLS alert that nobody read? */
static enum err say_broken(struct requester *r, struct diag *why)
{
	long connects = 0;
	struct diag words = {0};

	curl_easy_getinfo(r->easy, CURLINFO_NUM_CONNECTS, &connects);
	enum err e = connects > 0 ? look_again(r, &words) : OK;
	if (e)
		return diag_set(why, e, "%s: %s", r->url, words.text);
	return diag_set(why, ERR_UNREACHABLE, "the connection to %s was cut: %s", r->url, r->error);
}

enum err request_failure(struct requester *r, int code, struct diag *why)
{
	long connect_status = 0;

	curl_easy_getinfo(r->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
	if (connect_status >= 300)
		return say_proxy(r, connect_status, why);
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return diag_set(why, ERR_UNREACHABLE, "cannot reach %s: no such host name here; is DNS working?",
		                r->url);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return diag_set(why, ERR_UNREACHABLE, "cannot reach %s: the proxy's host name is unknown here", r->url);
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		return say_connect(r, why);
	case CURLE_OPERATION_TIMEDOUT:
		return diag_set(why, ERR_UNREACHABLE, "no answer from %s in time: %s", r->url, r->error);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		return say_broken(r, why);
	case CURLE_PARTIAL_FILE:
		return diag_set(why, ERR_UNREACHABLE, "the connection to %s was cut: %s", r->url, r->error);
	case CURLE_OUT_OF_MEMORY:
		return diag_set(why, ERR_MEMORY, "out of memory while talking to %s", r->url);
	default:
		return diag_set(why, ERR_PROTOCOL, "%s does not answer as a coordinator does: %s", r->url,
		                r->error[0] ? r->error : curl_easy_strerror((CURLcode)code));
	}
}
