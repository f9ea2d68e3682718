/*
 * Exchanges: from evhttp's request to the handler and back. A request object of evhttp is ours from its arrival on
 * (evhttp_request_own) until its answer is out, when evhttp frees it, or until its connection ends, when we do, one
 * turn later, because evhttp still looks at it on its way out.
 *
 *     open --server_answer--> answered --server_flush--> sent --written--> freed
 *        \                          \                        \
 *         +--------------------------+-----connection ends----+--> gone --tidy--> freed
 */
#include "net/server_inside.h"

#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG_HEADER_SIZE 160 /* a hash in hexadecimal with quotes, and room */

static struct pending *pending_of(const struct exchange *x)
{
	return (struct pending *)(uintptr_t)x; /* x is its first member */
}

static void unlist(struct pending *p)
{
	if (p->next)
		p->next->previous = p->previous;
	if (p->previous)
		p->previous->next = p->next;
	else
		*p->list = p->next;
}

static void enlist(struct pending *p, struct pending **list)
{
	p->list = list;
	p->previous = NULL;
	p->next = *list;
	if (p->next)
		p->next->previous = p;
	*list = p;
}

static void stop_holding(struct pending *p)
{
	loop_timer_free(p->timer);
	p->timer = NULL;
	if (p->watch) {
		evutil_socket_t twin = event_get_fd(p->watch);

		event_free(p->watch);
		close(twin);
	}
	p->watch = NULL;
}

static void free_pending(struct pending *p)
{
	unlist(p);
	stop_holding(p);
	http_target_free(&p->target);
	evbuffer_free(p->out);
	free(p);
}

void exchange_tidy(struct server *s)
{
	while (s->gone) {
		evhttp_request_free(s->gone->request);
		free_pending(s->gone);
	}
}

/* The connection ends, for whatever reason, before the answer is out. */
static void on_connection_end(struct evhttp_connection *evcon, void *context)
{
	struct pending *p = context;
	struct server *s = p->server;

	(void)evcon;
	stop_holding(p);
	if (!p->status && s->handler.gone)
		s->handler.gone(s->handler.context, &p->x);
	unlist(p);
	enlist(p, &s->gone);
	event_active(s->tidy, EV_TIMEOUT, 0);
}

static void on_written(struct evhttp_request *request, void *context)
{
	struct pending *p = context;
	struct server_connection *c = p->connection;

	evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
	free_pending(p); /* evhttp frees the request itself now */
	if (c)
		connection_answered(c);
}

/* ---- arrival */

static void refuse(struct pending *p, unsigned status, const char *words)
{
	const struct answer a = {.status = status, .content_type = "text/plain", .body = bytes_text(words)};
	server_answer(&p->x, &a);
}

static bool read_method(struct pending *p)
{
	switch (evhttp_request_get_command(p->request)) {
	case EVHTTP_REQ_GET:
		p->x.method = HTTP_GET;
		return true;
	case EVHTTP_REQ_PUT:
		p->x.method = HTTP_PUT;
		return true;
	case EVHTTP_REQ_POST:
		p->x.method = HTTP_POST;
		return true;
	case EVHTTP_REQ_DELETE:
		p->x.method = HTTP_DELETE;
		return true;
	default:
		return false;
	}
}

/* NULL, or why not. */
static const char *read_request(struct pending *p)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(p->request);

	if (!read_method(p))
		return "method not allowed";
	if (server_header(&p->x, "Content-Length") && server_header(&p->x, "Transfer-Encoding"))
		return "a body has one length";
	if (!http_target_parse(&p->target, evhttp_request_get_uri(p->request)))
		return "malformed target";
	p->x.path = p->target.path;
	p->x.parameters = p->target.parameters;
	p->x.parameter_count = p->target.parameter_count;
	p->x.body_len = evbuffer_get_length(body);
	return NULL;
}

struct bytes server_body(struct exchange *x)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(pending_of(x)->request);

	return bytes_of(x->body_len ? evbuffer_pullup(body, -1) : NULL, x->body_len);
}

size_t server_body_pieces(struct exchange *x, struct bytes pieces[SERVER_PIECES_MAX])
{
	struct evbuffer *body = evhttp_request_get_input_buffer(pending_of(x)->request);
	struct evbuffer_iovec v[SERVER_PIECES_MAX];
	int n = evbuffer_peek(body, -1, NULL, v, SERVER_PIECES_MAX);

	if (n > SERVER_PIECES_MAX) { /* somebody who sends it crumb by crumb */
		pieces[0] = server_body(x);
		return 1;
	}
	for (int i = 0; i < n; i++)
		pieces[i] = bytes_of(v[i].iov_base, v[i].iov_len);
	return n > 0 ? (size_t)n : 0;
}

void exchange_begin(struct server *s, struct evhttp_request *request, struct server_connection *connection)
{
	struct pending *p = mem_alloc(sizeof *p);

	p->server = s;
	p->connection = connection;
	p->request = request;
	p->x.peer = connection ? &connection->peer : NULL;
	p->out = evbuffer_new();
	CHECK(p->out);
	enlist(p, &s->open);
	evhttp_request_own(request);
	evhttp_request_set_on_complete_cb(request, on_written, p);
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_connection_end, p);
	if (connection)
		connection_enter(&connection->base, CONNECTION_SERVED, loop_now_ms(s->loop));
	s->requests++;
	const char *wrong = read_request(p);
	if (wrong)
		refuse(p, 400, wrong);
	else
		s->handler.request(s->handler.context, &p->x);
}

const char *server_header(const struct exchange *x, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(pending_of(x)->request), name);
}

const char *server_parameter(const struct exchange *x, const char *name)
{
	return http_target_value(&pending_of(x)->target, name);
}

/* ---- holding */

static void on_hold_expired(void *context)
{
	struct pending *p = context;
	if (p->server->handler.expired)
		p->server->handler.expired(p->server->handler.context, &p->x);
}

/* Is the peer gone for good, with an end or a reset? Octets that wait to be read mean that it is there. */
static bool has_left(int socket)
{
	char octet;
	ssize_t n = recv(socket, &octet, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void on_watch(evutil_socket_t twin, short what, void *context)
{
	struct pending *p = context;

	if ((what & EV_CLOSED) || has_left(twin))
		evhttp_connection_free(evhttp_request_get_connection(p->request)); /* calls on_connection_end */
}

/*
 * evhttp does not read while a request is served, so it would learn of the peer's end only when it answers. The watch is on a twin
 * of the socket, edge-triggered, and for reading too: libevent's epoll tells a reset (EPOLLERR) to readers and writers only, and a
 * level-triggered event for the end alone would not be called and make the loop spin until the hold expires.
 */
static void watch_peer(struct pending *p)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(p->request));
	int twin = fcntl(bufferevent_getfd(bev), F_DUPFD_CLOEXEC, 0);

	if (twin < 0)
		return; /* out of descriptors: the deadline ends the hold */
	p->watch = event_new(loop_base(p->server->loop), twin, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_watch, p);
	CHECK(p->watch && event_add(p->watch, NULL) == 0);
}

void server_hold(struct exchange *x, int64_t deadline_ms)
{
	struct pending *p = pending_of(x);

	CHECK(!p->status);
	if (!p->timer)
		p->timer = loop_timer_new(p->server->loop, on_hold_expired, p);
	loop_timer_set(p->timer, deadline_ms);
	if (!p->watch)
		watch_peer(p);
}

/* ---- answering */

static void add_header(struct pending *p, const char *name, const char *value)
{
	/* It fails for line breaks in a name or value: ours never have any. */
	CHECK(evhttp_add_header(evhttp_request_get_output_headers(p->request), name, value) == 0);
}

static void finish(struct pending *p, unsigned status, const char *content_type)
{
	CHECK(!p->status && status >= 200 && status <= 599);
	if (content_type)
		add_header(p, "Content-Type", content_type);
	p->status = status;
	stop_holding(p);
	unlist(p);
	enlist(p, &p->server->answered);
}

void server_answer(struct exchange *x, const struct answer *a)
{
	struct pending *p = pending_of(x);

	for (size_t i = 0; i < SERVER_HEADERS_MAX && a->headers[i].name; i++)
		add_header(p, a->headers[i].name, a->headers[i].value);
	if (a->body.len)
		CHECK(evbuffer_add(p->out, a->body.ptr, a->body.len) == 0);
	finish(p, a->status, a->content_type);
}

static bool names_tag(const char *header, const char *quoted)
{
	return header && (strcmp(header, "*") == 0 || strstr(header, quoted) != NULL);
}

/* Puts `length` octets of `fd` from `offset` into the answer; takes `fd`. */
static enum err add_file(struct pending *p, int fd, uint64_t offset, uint64_t length, const char *path,
                         struct diag *why)
{
	if (length == 0) {
		close(fd);
		return OK;
	}
	if (evbuffer_add_file(p->out, fd, (ev_off_t)offset, (ev_off_t)length) == 0)
		return OK;
	close(fd);
	return diag_set(why, ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
}

static enum err answer_range(struct pending *p, int fd, uint64_t size, const char *content_type, const char *path,
                             struct diag *why)
{
	uint64_t offset, length;
	char text[96];
	enum err e = OK;

	enum http_range range = http_range_parse(server_header(&p->x, "Range"), size, &offset, &length);
	if (range == HTTP_RANGE_OUTSIDE) {
		close(fd);
		snprintf(text, sizeof text, "bytes */%" PRIu64, size);
		content_type = NULL;
	} else {
		e = add_file(p, fd, offset, length, path, why);
		snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, offset, offset + length - 1,
		         size);
	}
	if (e)
		return e;
	if (range != HTTP_RANGE_WHOLE)
		add_header(p, "Content-Range", text);
	finish(p, range == HTTP_RANGE_WHOLE ? 200 : range == HTTP_RANGE_PART ? 206 : 416, content_type);
	return OK;
}

enum err server_answer_file(struct exchange *x, const char *path, const char *content_type, const char *tag,
                            struct diag *why)
{
	struct pending *p = pending_of(x);
	char quoted[TAG_HEADER_SIZE] = "";
	struct stat st;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return diag_set(why, ERR_NO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return diag_set(why, ERR_NO_INPUT, "%s: is not a regular file", path);
	}
	if (tag) {
		snprintf(quoted, sizeof quoted, "\"%s\"", tag);
		if (names_tag(server_header(x, "If-None-Match"), quoted)) {
			close(fd);
			add_header(p, "ETag", quoted);
			finish(p, 304, NULL);
			return OK;
		}
	}
	enum err e = answer_range(p, fd, (uint64_t)st.st_size, content_type, path, why);
	if (!e && tag)
		add_header(p, "ETag", quoted);
	return e;
}

void server_flush(struct server *s)
{
	while (s->answered) {
		struct pending *p = s->answered;
		unlist(p);
		enlist(p, &s->sent);
		if (p->connection)
			connection_enter(&p->connection->base, CONNECTION_ANSWER, loop_now_ms(s->loop));
		evhttp_send_reply(p->request, (int)p->status, NULL, p->out);
	}
}
