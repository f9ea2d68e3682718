/*
 * A server in a thread of its own, with a handler that tests can ask for things, and the certificates to reach it:
 *
 *     GET /hello                200 "hello NAME"
 *     PUT|POST /echo            200 with the body that was sent, and X-Octets
 *     GET /hold?ms=N            held; 200 "held" after N ms
 *     GET /file?name=N          the file N of the folder, ETag "tag-N"
 *     GET /octets?n=N           200 with N octets 'x'
 *     GET /busy?name=N&times=T  503 with "Retry-After: 1" T times, then 200
 *     GET /askew                206 that says it starts at octet 7, whatever was asked for
 *     GET /values?...           the parameters, "name=value;" each
 */
#ifndef COHORT_TESTS_SUPPORT_SERVED_H
#define COHORT_TESTS_SUPPORT_SERVED_H

#include "net/server.h"
#include "tests/support/credentials.h"

#include <pthread.h>
#include <stdatomic.h>

struct served {
	struct tempdir dir; /* ca, coordinator and the site st-mary are in it */
	struct made ca;
	struct loop *loop;
	struct server *server;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t done;
	void (*call)(struct served *); /* to be run in the loop */
	bool stop;
	atomic_int held, gone, requests;
	char busy_name[64];
	int busy_count;
};

/* Starts it on 127.0.0.1, a free port, and on the local socket "admin.sock" of the folder. */
void served_start(struct served *s);
void served_stop(struct served *s); /* and removes the folder */

/* Runs `call` in the loop's thread and waits for its end. */
void served_call(struct served *s, void (*call)(struct served *));

struct server_figures served_figures(struct served *s);

/* Waits up to 10 s until `n` becomes `value`; fails the test otherwise. */
void served_wait(const atomic_int *n, int value);

#endif
