/*
 * Connections and listeners on libevent: evhttp over OpenSSL bufferevents, through its public interface alone.
 *
 * What evhttp does not offer is watched from beside it. The bufferevent that it asks us for (new_connection) carries
 * our table entry; a callback on its input buffer sees octets arrive before evhttp parses them, one on its output sees
 * them leave, and TLS reports the end of the handshake and of the connection. So each phase has its deadline, and
 * cutting is shutdown(2): evhttp then sees the end and frees what is its own.
 *
 * Two of its traps: when the callback for a bufferevent returns NULL, evhttp serves that socket in plaintext, so that
 * callback cannot fail; and it answers over-long headers with 400, so we answer 431 before it notices.
 */
#include "net/server_inside.h"

#include "base/log.h"
#include "net/listen.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SWEEP_MS 1000 /* deadlines are seconds */
#define REFUSALS_LOGGED_MAX 5 /* per sweep: an attacker must not fill the disk */
#define REFUSED_BODY_MAX (4ull * PART_MAX) /* read and dropped, so that its sender gets to read the 413 */
#define FILES_FOR_OTHERS 64 /* database, staged uploads, models, logs */
#define KEEP_MEMORY (64 << 20) /* malloc returns less than this to the system only to ask for it again */
#define PEEK_MAX 8 /* pieces of a buffer looked at in one go */

static const char refusal_431[] = "HTTP/1.1 431 Request Header Fields Too Large\r\n"
				  "Content-Length: 0\r\nConnection: close\r\n\r\n";

static int64_t now_ms(const struct server_connection *c)
{
	return loop_now_ms(c->server->loop);
}

/* ---- one connection, octet by octet */

/* Answers over evhttp's head and takes it off the input: what comes now is dropped until the linger is over. */
static void refuse_headers(struct server_connection *c)
{
	bufferevent_event_cb on_event;
	void *context;

	connection_enter(&c->base, CONNECTION_LINGER, now_ms(c));
	bufferevent_getcb(c->bev, NULL, NULL, &on_event, &context);
	bufferevent_setcb(c->bev, NULL, NULL, on_event, context);
	CHECK(evbuffer_add(bufferevent_get_output(c->bev), refusal_431, strlen(refusal_431)) == 0);
	bufferevent_enable(c->bev, EV_WRITE);
}

/* Feeds the last `n` octets of the buffer to the scan. */
static void scan_tail(struct http_scan *scan, struct evbuffer *input, size_t n)
{
	struct evbuffer_ptr at;
	struct evbuffer_iovec pieces[PEEK_MAX];

	while (n && !scan->ended) {
		CHECK(evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - n, EVBUFFER_PTR_SET) == 0);
		int count = evbuffer_peek(input, (ev_ssize_t)n, &at, pieces, PEEK_MAX);
		for (int i = 0; i < count && i < PEEK_MAX; i++) {
			http_scan_feed(scan, bytes_of(pieces[i].iov_base, pieces[i].iov_len));
			n -= pieces[i].iov_len;
		}
	}
	scan->body += n;
}

static void octets_arrived(struct server_connection *c, struct evbuffer *input, size_t n)
{
	if (c->base.phase == CONNECTION_IDLE)
		connection_enter(&c->base, CONNECTION_HEADERS, now_ms(c));
	scan_tail(&c->scan, input, n);
	if (c->scan.headers > HEADERS_MAX && c->base.phase == CONNECTION_HEADERS) {
		refuse_headers(c);
		return;
	}
	if (c->scan.ended && c->base.phase == CONNECTION_HEADERS)
		connection_enter(&c->base, CONNECTION_BODY, now_ms(c));
	if (c->base.phase == CONNECTION_BODY)
		c->base.octets = c->scan.body;
	if (c->scan.body > REFUSED_BODY_MAX)
		connections_cut(&c->server->all, &c->base);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
	struct server_connection *c = context;

	if (!info->n_added || !c->server)
		return;
	if (c->base.phase == CONNECTION_LINGER)
		evbuffer_drain(input, evbuffer_get_length(input));
	else
		octets_arrived(c, input, info->n_added);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
	struct server_connection *c = context;

	(void)output;
	if (c->base.phase == CONNECTION_ANSWER)
		c->base.octets += info->n_deleted;
}

void connection_answered(struct server_connection *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);

	c->scan = (struct http_scan){0};
	connection_enter(&c->base, CONNECTION_IDLE, now_ms(c));
	if (evbuffer_get_length(input)) /* the next request came with this one */
		octets_arrived(c, input, evbuffer_get_length(input));
}

/* ---- what TLS reports */

static void on_established(void *context)
{
	struct server_connection *c = context;

	if (!c->server)
		return;
	if (tls_peer(&c->peer, bufferevent_openssl_get_ssl(c->bev)))
		connections_establish(&c->server->all, &c->base, c->peer.name, now_ms(c));
	else
		connections_cut(&c->server->all, &c->base);
}

static void on_refused(void *context, const char *words)
{
	struct server_connection *c = context;
	char address[CONNECTION_ADDRESS_SIZE];

	if (!c->server || c->server->refusals_logged++ >= REFUSALS_LOGGED_MAX)
		return;
	connection_address(address, &c->base);
	log_notice("refused a connection from %s: %s", address, words);
}

static void on_closed(void *context)
{
	struct server_connection *c = context;

	if (c->server) {
		if (c->base.phase == CONNECTION_HANDSHAKE && !c->base.cut)
			c->server->refused_handshakes++;
		connections_remove(&c->server->all, &c->base);
	}
	free(c);
}

/* ---- what evhttp asks */

static struct bufferevent *new_connection(struct event_base *base, void *context)
{
	static const struct tls_events events = {on_established, on_refused, on_closed};
	struct server *s = context;
	struct server_connection *c = mem_alloc(sizeof *c);

	c->server = s;
	struct ssl_st *ssl = tls_accept(s->tls, &events, c);
	CHECK(ssl); /* memory is out. NULL from here would make evhttp serve the socket in plaintext. */
	c->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	CHECK(c->bev);
	connections_add(&s->all, &c->base, loop_now_ms(s->loop));
	evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
	event_active(s->tidy, EV_TIMEOUT, 0); /* evhttp gives it its socket when we return */
	return c->bev;
}

static void on_request(struct evhttp_request *request, void *context)
{
	struct server *s = context;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
	struct ssl_st *ssl = bufferevent_openssl_get_ssl(bev);
	struct server_connection *c = ssl ? tls_context(ssl) : NULL;

	/* Cannot happen, and would be the worst that could: a request without a verified peer. */
	if (!c || !c->base.name[0])
		evhttp_send_error(request, 403, NULL);
	else
		exchange_begin(s, request, c);
}

static void on_local_request(struct evhttp_request *request, void *context)
{
	exchange_begin(context, request, NULL);
}

static void on_accept_error(struct evconnlistener *listener, void *context)
{
	struct server *s = context;

	/* A listener that cannot accept stays readable and would spin. */
	if (!s->paused)
		log_warning("cannot accept connections for a moment: %s", strerror(errno));
	s->paused = true;
	evconnlistener_disable(listener);
}

/* ---- soon, and each second */

static void on_tidy(evutil_socket_t fd, short what, void *context)
{
	struct server *s = context;

	(void)fd;
	(void)what;
	for (struct connection *c = s->all.first; c && c->socket < 0; c = c->next)
		connections_adopt(&s->all, c,
		                  tls_socket(bufferevent_openssl_get_ssl(((struct server_connection *)c)->bev)));
	exchange_tidy(s);
}

static void on_sweep(void *context)
{
	struct server *s = context;

	connections_sweep(&s->all, loop_now_ms(s->loop));
	if (s->refusals_logged > REFUSALS_LOGGED_MAX)
		log_notice("refused %u more connections", s->refusals_logged - REFUSALS_LOGGED_MAX);
	s->refusals_logged = 0;
	if (s->paused && s->bound)
		evconnlistener_enable(evhttp_bound_socket_get_listener(s->bound));
	s->paused = false;
	loop_timer_set(s->sweep, loop_now_ms(s->loop) + SWEEP_MS);
}

/* ---- life */

/* As many connections as files can be open, once others have had theirs. */
static unsigned raise_files(void)
{
	const rlim_t wanted = CONNECTIONS_MAX + 4 * FILES_FOR_OTHERS;
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return CONNECTIONS_MAX;
	return limit.rlim_cur > 2 * FILES_FOR_OTHERS ? (unsigned)limit.rlim_cur - FILES_FOR_OTHERS : FILES_FOR_OTHERS;
}

static struct evhttp *new_http(struct server *s, void (*on)(struct evhttp_request *, void *))
{
	struct evhttp *http = evhttp_new(loop_base(s->loop));

	CHECK(http);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE);
	evhttp_set_default_content_type(http, NULL);
	evhttp_set_max_headers_size(http, 2 * HEADERS_MAX); /* ours answers 431 at the half of it */
	evhttp_set_max_body_size(http, PART_MAX);
	evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_gencb(http, on, s);
	return http;
}

enum err server_new(struct server **out, struct loop *l, const struct server_handler *handler, struct diag *why)
{
	struct server *s = mem_alloc(sizeof *s);

	(void)why;
	CHECK(handler->request);
	s->loop = l;
	s->handler = *handler;
	/* Bodies of a part each come and go: without this, each is a mmap, a munmap and 256 page faults. */
	mallopt(M_MMAP_THRESHOLD, 4 * PART_MAX);
	mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
	connections_init(&s->all, raise_files(), entropy_system());
	s->tidy = event_new(loop_base(l), -1, EV_PERSIST, on_tidy, s);
	CHECK(s->tidy);
	s->sweep = loop_timer_new(l, on_sweep, s);
	loop_timer_set(s->sweep, loop_now_ms(l) + SWEEP_MS);
	*out = s;
	return OK;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	if (s->https)
		evhttp_free(s->https);
	if (s->local)
		evhttp_free(s->local);
	exchange_tidy(s);
	/* libevent frees the connections' SSL objects in a later turn. */
	for (struct connection *c = s->all.first; c; c = c->next)
		((struct server_connection *)c)->server = NULL;
	event_free(s->tidy);
	loop_timer_free(s->sweep);
	tls_free(s->tls);
	if (s->local_path)
		unlink(s->local_path);
	free(s->local_path);
	free(s);
}

enum err server_listen(struct server *s, const char *address, struct tls *t, struct diag *why)
{
	int fd;

	CHECK(!s->https);
	enum err e = listen_tcp(&fd, &s->port, address, why);
	if (e)
		return e;
	s->tls = tls_retain(t);
	s->https = new_http(s, on_request);
	evhttp_set_bevcb(s->https, new_connection, s);
	s->bound = evhttp_accept_socket_with_handle(s->https, fd);
	CHECK(s->bound);
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(s->bound), on_accept_error);
	return OK;
}

unsigned server_port(const struct server *s)
{
	return s->port;
}

enum err server_listen_local(struct server *s, const char *path, struct diag *why)
{
	int fd;

	CHECK(!s->local);
	enum err e = listen_local(&fd, path, why);
	if (e)
		return e;
	s->local_path = mem_copy_text(path);
	s->local = new_http(s, on_local_request);
	evhttp_set_timeout(s->local, IDLE_DEADLINE_MS / 1000);
	CHECK(evhttp_accept_socket(s->local, fd) == 0);
	return OK;
}

unsigned server_reload(struct server *s, struct tls *t)
{
	unsigned cut = 0;
	struct diag why = {0};

	tls_free(s->tls);
	s->tls = tls_retain(t);
	for (struct connection *c = s->all.first; c; c = c->next) {
		struct server_connection *live = (struct server_connection *)c;
		if (c->cut)
			continue;
		bool half_open = c->phase == CONNECTION_HANDSHAKE; /* it would still be judged by the old credentials */
		if (!half_open && !tls_verify_again(t, bufferevent_openssl_get_ssl(live->bev), &why))
			continue;
		if (!half_open)
			log_notice("ended the connection of %s: %s", c->name, why.text);
		connections_cut(&s->all, c);
		cut += !half_open;
	}
	return cut;
}

struct server_figures server_figures(const struct server *s)
{
	struct server_figures f = {.connections = s->all.count,
	                           .half_open = s->all.half_open_count,
	                           .accepted = s->all.accepted,
	                           .requests = s->requests,
	                           .refused_handshakes = s->refused_handshakes,
	                           .dropped_half_open = s->all.dropped_half_open,
	                           .dropped_address = s->all.dropped_address,
	                           .dropped_identity = s->all.dropped_identity,
	                           .dropped_full = s->all.dropped_full,
	                           .dropped_deadline = s->all.dropped_deadline};

	for (const struct pending *p = s->open; p; p = p->next)
		f.exchanges++;
	return f;
}
