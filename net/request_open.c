/* A requester's beginning and end: the coordinator's address, the proxy, our credentials. */
#include "net/request_inside.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PASSWORD_MAX 1024

static void start_curl(void)
{
	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static enum err read_url(struct requester *r, const char *url, struct diag *why)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL, *user = NULL;
	enum err e = OK;

	CHECK(u);
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK || strcmp(scheme, "https") != 0 ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK || strcmp(path, "/") != 0 ||
	    curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
	    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
		e = diag_set(why, ERR_CONFIG, "\"%s\" is no coordinator's address; write https://host:port", url);
	} else {
		size_t len = strlen(host);
		bool bracketed = len > 2 && host[0] == '[';
		r->host = mem_copy_text(host + (bracketed ? 1 : 0));
		r->host[len - (bracketed ? 2 : 0)] = '\0';
		r->port = (unsigned)strtoul(port, NULL, 10);
		struct buf text;
		buf_init(&text, strlen(host) + 32);
		buf_printf(&text, "https://%s:%u", host, r->port);
		r->url = mem_copy_text(buf_text(&text));
		buf_free(&text);
	}
	curl_free(scheme), curl_free(host), curl_free(port);
	curl_free(path), curl_free(query), curl_free(user);
	curl_url_cleanup(u);
	return e;
}

static enum err read_proxy(struct requester *r, const struct request_config *config, struct diag *why)
{
	struct secret raw;

	if (!config->proxy)
		return OK;
	if (config->proxy[0] && strncmp(config->proxy, "http://", 7) != 0)
		return diag_set(why, ERR_CONFIG, "proxy \"%s\": only http://host:port is supported", config->proxy);
	r->proxy = mem_copy_text(config->proxy);
	if (!config->proxy_user)
		return OK;
	r->proxy_user = mem_copy_text(config->proxy_user);
	if (!config->proxy_password_file)
		return diag_set(why, ERR_CONFIG, "proxy user %s needs a password_file", config->proxy_user);
	enum err e = secret_read(&raw, config->proxy_password_file, PASSWORD_MAX, why);
	if (e)
		return e;
	size_t len = raw.len;
	while (len && (raw.ptr[len - 1] == '\n' || raw.ptr[len - 1] == '\r'))
		len--;
	secret_new(&r->proxy_password, len + 1);
	memcpy(r->proxy_password.ptr, raw.ptr, len);
	secret_free(&raw);
	return OK;
}

enum err request_open(struct requester **out, const struct request_config *config, struct diag *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct requester *r = mem_alloc(sizeof *r);

	*out = NULL;
	pthread_once(&once, start_curl);
	atomic_init(&r->cancelled, false);
	r->entropy = entropy_system();
	enum err e = read_url(r, config->url, why);
	if (!e)
		e = read_proxy(r, config, why);
	if (!e)
		e = tls_new(&r->tls, TLS_CLIENT, &config->tls, why);
	if (!e) {
		r->multi = curl_multi_init();
		r->easy = curl_easy_init();
		CHECK(r->multi && r->easy);
	} else {
		request_close(r);
		r = NULL;
	}
	*out = r;
	return e;
}

void request_close(struct requester *r)
{
	if (!r)
		return;
	curl_easy_cleanup(r->easy);
	curl_multi_cleanup(r->multi);
	tls_free(r->tls); /* after the connections that use it */
	secret_free(&r->proxy_password);
	for (size_t i = 0; i < REQUEST_HEADERS_MAX; i++) {
		free(r->names[i]);
		free(r->values[i]);
	}
	free(r->url);
	free(r->host);
	free(r->proxy);
	free(r->proxy_user);
	free(r);
}

const struct identity *request_self(const struct requester *r)
{
	return tls_self(r->tls);
}

void request_set_header(struct requester *r, const char *name, const char *value)
{
	size_t i = 0;

	while (i < REQUEST_HEADERS_MAX && r->names[i] && strcasecmp(r->names[i], name) != 0)
		i++;
	CHECK(i < REQUEST_HEADERS_MAX);
	free(r->names[i]);
	free(r->values[i]);
	r->names[i] = mem_copy_text(name);
	r->values[i] = mem_copy_text(value);
}

void request_cancel(struct requester *r)
{
	atomic_store(&r->cancelled, true);
	curl_multi_wakeup(r->multi);
}

void request_resume(struct requester *r)
{
	atomic_store(&r->cancelled, false);
}
