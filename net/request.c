/*
 * One requester is one libcurl multi handle, which keeps the connections, and one easy handle, set up anew for each
 * exchange. Everything waits in curl_multi_poll, which curl_multi_wakeup ends from any thread: that is how a held poll
 * is cancelled in less than a millisecond.
 *
 * libcurl does proxies, names, HTTP; who is believed is decided by net/tls.c in the SSL context that libcurl hands us.
 * The system's authorities are never loaded.
 */
#include "net/request_inside.h"

#include "base/limits.h"
#include "base/version.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 1000 /* libcurl's own timers may ask for less */
#define STALL_S 30 /* a transfer that moves less than STALL_OCTETS per second so long is cut and tried again */
#define STALL_OCTETS 64
#define KEEPALIVE_S 30L /* below the minute after which firewalls forget a silent connection */

/* A transfer under way. */
struct transfer {
	struct requester *requester;
	const struct request_sink *sink;
	struct buf part; /* of a body from a file */
	struct curl_slist *headers;
	enum err failed; /* of the sink */
	struct diag *why;
};

static CURLcode on_context(CURL *easy, void *ctx, void *context)
{
	struct requester *r = context;
	(void)easy;
	return tls_connect_context(r->tls, ctx) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static size_t on_body(char *octets, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	long status = 0;

	curl_easy_getinfo(t->requester->easy, CURLINFO_RESPONSE_CODE, &status);
	t->failed = t->sink->take(t->sink->context, (unsigned)status, bytes_of(octets, size * count), t->why);
	return t->failed ? 0 : size * count;
}

static void set(CURL *easy, CURLoption option, const char *value)
{
	CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

void request_set_connection(struct requester *r, void *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* we are a thread */
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)REQUEST_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (!r->proxy)
		return; /* libcurl looks at $https_proxy and $no_proxy */
	set(easy, CURLOPT_PROXY, r->proxy);
	set(easy, CURLOPT_NOPROXY, ""); /* what the hospital configured wins over the environment */
	if (r->proxy_user) {
		set(easy, CURLOPT_PROXYUSERNAME, r->proxy_user);
		set(easy, CURLOPT_PROXYPASSWORD, (const char *)r->proxy_password.ptr);
		curl_easy_setopt(easy, CURLOPT_PROXYAUTH, CURLAUTH_ANY);
	}
}

static void set_security(struct requester *r)
{
	CURL *easy = r->easy;

	set(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L); /* the name called; net/tls.c adds authority and identity */
	set(easy, CURLOPT_CAINFO, NULL);
	set(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, r);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static void add_header(struct transfer *t, const char *name, const char *value)
{
	struct buf line;

	buf_init(&line, HEADERS_MAX);
	buf_printf(&line, value ? "%s: %s" : "%s:", name, value);
	CHECK(!line.failed);
	t->headers = curl_slist_append(t->headers, buf_text(&line));
	CHECK(t->headers);
	buf_free(&line);
}

static enum err read_part(struct buf *out, const struct request *q, struct diag *why)
{
	if (q->body_size > PART_MAX)
		return diag_set(why, ERR_LIMIT, "%s: a part of %zu octets; at most %u are sent at once", q->body_path,
		                q->body_size, PART_MAX);
	int fd = open(q->body_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(why, errno, "%s: cannot be opened", q->body_path);
	buf_init(out, PART_MAX);
	uint8_t *to = buf_extend(out, q->body_size);
	size_t have = 0;
	ssize_t n = 1;
	while (have < q->body_size && n > 0) {
		n = pread(fd, to + have, q->body_size - have, (off_t)(q->body_offset + have));
		have += n > 0 ? (size_t)n : 0;
	}
	int errnum = errno;
	close(fd);
	if (n < 0)
		return diag_errno(why, errnum, "%s: cannot be read", q->body_path);
	return have == q->body_size ? OK
	                            : diag_set(why, ERR_IO, "%s: is shorter than what was to be sent", q->body_path);
}

static void set_body(struct transfer *t, const struct request *q)
{
	CURL *easy = t->requester->easy;
	struct bytes body = q->body_path ? buf_bytes(&t->part) : q->body;

	if (!q->content_type) {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.len ? (const char *)body.ptr : "");
		add_header(t, "Content-Type", q->content_type);
		add_header(t, "Expect", NULL); /* no asking first: it costs a round trip, and parts are small */
	}
	set(easy, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_request(struct transfer *t, const struct request *q, const struct request_range *range)
{
	struct requester *r = t->requester;
	struct buf url;
	char from[32];
	int64_t body = (int64_t)(q->body_path ? q->body_size : q->body.len);
	int64_t timeout_ms = q->timeout_ms ? q->timeout_ms : REQUEST_TIMEOUT_MS + body * 1000 / BODY_RATE_MIN;

	buf_init(&url, HEADERS_MAX);
	buf_printf(&url, "%s%s", r->url, q->target);
	CHECK(!url.failed);
	set(r->easy, CURLOPT_URL, buf_text(&url));
	buf_free(&url);
	curl_easy_setopt(r->easy, CURLOPT_PATH_AS_IS, 1L);
	set(r->easy, CURLOPT_USERAGENT, "cohort/" COHORT_VERSION);
	set_body(t, q);
	for (size_t i = 0; i < REQUEST_HEADERS_MAX && r->names[i]; i++)
		add_header(t, r->names[i], r->values[i]);
	if (q->header.name != NULL)
		add_header(t, q->header.name, q->header.value);
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, t->headers);
	if (range && range->from) {
		snprintf(from, sizeof from, "%llu-", (unsigned long long)range->from);
		set(r->easy, CURLOPT_RANGE, from);
	}
	curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	if (range) { /* a file: as long as it moves, it may take its time */
		curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_OCTETS);
		curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	}
	curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, t);
}

int request_drive(struct requester *r, void *easy)
{
	int running = 1, left, code = -1;

	CHECK(curl_multi_add_handle(r->multi, easy) == CURLM_OK);
	while (running && !atomic_load(&r->cancelled)) {
		CHECK(curl_multi_perform(r->multi, &running) == CURLM_OK);
		if (running && !atomic_load(&r->cancelled))
			CHECK(curl_multi_poll(r->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
	}
	for (CURLMsg *m; !running && (m = curl_multi_info_read(r->multi, &left)) != NULL;)
		if (m->msg == CURLMSG_DONE && m->easy_handle == easy)
			code = (int)m->data.result;
	return code;
}

void request_drop(struct requester *r, void *easy)
{
	curl_multi_remove_handle(r->multi, easy);
}

static const char *answer_header(struct requester *r, const char *name)
{
	struct curl_header *h;
	return curl_easy_header(r->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

static void read_wanted(struct requester *r, const struct request *q, struct response *out)
{
	const char *value = q->wanted != NULL ? answer_header(r, q->wanted) : NULL;

	if (value != NULL && strlen(value) < sizeof out->wanted)
		snprintf(out->wanted, sizeof out->wanted, "%s", value);
}

static void read_answer(struct requester *r, struct response *out, struct request_range *range)
{
	long status = 0;
	curl_off_t wait_s = 0;
	unsigned long long from;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &wait_s);
	const char *tag = answer_header(r, "ETag");
	size_t len = tag ? strlen(tag) : 0;
	out->status = (unsigned)status;
	out->retry_after_ms = wait_s > 0 ? (wait_s < INT32_MAX ? wait_s * 1000 : INT32_MAX) : -1;
	if (len >= 2 && len - 2 < sizeof out->tag && tag[0] == '"' && tag[len - 1] == '"')
		memcpy(out->tag, tag + 1, len - 2);
	const char *where = answer_header(r, "Content-Range");
	if (range && where && sscanf(where, "bytes %llu-", &from) == 1)
		range->answered_from = from;
}

enum err request_run(struct requester *r, const struct request *q, struct request_range *range,
                     const struct request_sink *sink, struct response *out, struct diag *why)
{
	struct transfer t = {.requester = r, .sink = sink, .why = why};
	enum err e = OK;

	*out = (struct response){.retry_after_ms = -1};
	if (atomic_load(&r->cancelled))
		return diag_set(why, ERR_CANCELLED, "cancelled");
	if (q->body_path)
		e = read_part(&t.part, q, why);
	if (!e) {
		curl_easy_reset(r->easy); /* keeps the connections */
		r->error[0] = '\0';
		request_set_connection(r, r->easy);
		set_security(r);
		set_request(&t, q, range);
		int code = request_drive(r, r->easy);
		request_drop(r, r->easy);
		if (code == CURLE_OK) {
			read_answer(r, out, range);
			read_wanted(r, q, out);
		} else if (code < 0)
			e = diag_set(why, ERR_CANCELLED, "cancelled");
		else
			e = t.failed ? t.failed : request_failure(r, code, why);
	}
	curl_slist_free_all(t.headers);
	buf_free(&t.part);
	return e;
}

static enum err take_into_buf(void *context, unsigned status, struct bytes octets, struct diag *why)
{
	struct buf *body = context;

	(void)status;
	if (!body)
		return OK;
	buf_put(body, octets);
	return body->failed ? diag_set(why, ERR_LIMIT, "the answer is longer than the %zu octets expected", body->max)
	                    : OK;
}

enum err request_send(struct requester *r, const struct request *q, struct response *out, struct buf *body,
                      struct diag *why)
{
	const struct request_sink sink = {take_into_buf, body};

	if (body)
		buf_clear(body);
	return request_run(r, q, NULL, &sink, out, why);
}
