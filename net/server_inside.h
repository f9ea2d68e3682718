/* What the two halves of the server share: net/server.c (connections) and net/server_exchange.c (requests and
 * answers). */
#ifndef COHORT_NET_SERVER_INSIDE_H
#define COHORT_NET_SERVER_INSIDE_H

#include "net/connections.h"
#include "net/server.h"

struct event;
struct evbuffer;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_connection;
struct evhttp_request;
struct bufferevent;

/* One TLS connection. It lives as long as its SSL, which may outlive the server by a turn of the loop. */
struct server_connection {
	struct connection base; /* first: the table hands this out */
	struct server *server; /* NULL once the server is freed */
	struct bufferevent *bev;
	struct http_scan scan; /* of the request that is arriving */
	struct identity peer;
};

/* One exchange, behind what the handler sees. It is in exactly one of the server's lists. */
struct pending {
	struct exchange x; /* first: the handler hands this back */
	struct server *server;
	struct server_connection *connection; /* NULL on the local socket */
	struct evhttp_request *request;
	struct http_target target;
	struct evbuffer *out; /* the answer's body */
	unsigned status; /* 0: not answered */
	struct loop_timer *timer; /* of server_hold */
	struct event *watch; /* of server_hold: the peer closes its end */
	struct pending **list, *previous, *next;
};

struct server {
	struct loop *loop;
	struct server_handler handler;
	struct tls *tls;
	struct evhttp *https, *local;
	struct evhttp_bound_socket *bound; /* of https */
	unsigned port;
	char *local_path;
	struct connections all;
	struct event *tidy; /* soon after: adopts new sockets, frees what is gone */
	struct loop_timer *sweep;
	bool paused; /* accepting stopped until the next sweep: out of file descriptors */
	unsigned refusals_logged; /* since the last sweep */
	uint64_t requests, refused_handshakes;
	struct pending *open, *answered, *sent, *gone;
};

/* A whole request has arrived. `connection` NULL: on the local socket. */
void exchange_begin(struct server *s, struct evhttp_request *request, struct server_connection *connection);

/* Frees what is gone. */
void exchange_tidy(struct server *s);

/* The answer to a connection's request is out; what has come since then is looked at (server.c). */
void connection_answered(struct server_connection *c);

#endif
