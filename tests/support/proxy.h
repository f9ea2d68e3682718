/*
 * A small HTTP proxy that knows CONNECT, with faults to order: it asks for a password, refuses, cuts lines. Each
 * connection has its thread; all of them end with proxy_stop.
 */
#ifndef COHORT_TESTS_SUPPORT_PROXY_H
#define COHORT_TESTS_SUPPORT_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define PROXY_CONNECTIONS_MAX 64
#define PROXY_CUT_MIN 300000

struct proxy {
	const char *authorization; /* "Basic dXNlcjpwYXNz" is wanted; NULL: none */
	int refuse; /* answers every CONNECT with this status; 0: serves */
	atomic_long
		cut_after; /* octets from the server, then the line is cut; 0: never. Halved at each cut, in the end 0. */
	atomic_int connects; /* tunnels made */
	char head[4096]; /* of the last CONNECT */
	/* inside */
	unsigned port;
	int listener;
	pthread_t acceptor, threads[PROXY_CONNECTIONS_MAX];
	int thread_count;
	atomic_int stop;
};

/* Set the faults first. Listens on 127.0.0.1. */
void proxy_start(struct proxy *p);
void proxy_stop(struct proxy *p);
const char *proxy_url(const struct proxy *p); /* "http://127.0.0.1:PORT", until the next call */

#endif
