/*
 * Both ends of a TLS connection without manners: they check nothing, offer what no careful program would (security
 * level 0, any certificate with any key) and report what the other end made of it.
 */
#ifndef COHORT_TESTS_SUPPORT_HOSTILE_H
#define COHORT_TESTS_SUPPORT_HOSTILE_H

#include "tests/support/certificates.h"

#include <pthread.h>
#include <stdbool.h>

#define HOSTILE_CHAIN_MAX 4

struct hostile {
	const struct made *leaf; /* NULL: no certificate */
	const struct made *chain[HOSTILE_CHAIN_MAX]; /* sent behind it */
	int max_version; /* TLS1_2_VERSION; 0: any */
};

/* What the other end did. */
struct hostile_verdict {
	bool served; /* an HTTP answer came */
	int alert; /* RFC 8446, 6; -1: none came */
	char answer[512]; /* the beginning of what came */
};

/* Connects to 127.0.0.1 and asks for /hello. */
struct hostile_verdict hostile_connect(const struct hostile *h, unsigned port);

/* A server on 127.0.0.1 that answers every request with 200 "trapped", each connection once, until it is stopped. */
struct hostile_server {
	struct hostile h;
	int listener;
	unsigned port;
	pthread_t thread;
	int served; /* requests that a client sent it; read after hostile_stop */
};
void hostile_start(struct hostile_server *s, const struct hostile *h);
void hostile_stop(struct hostile_server *s);

/* A key pair whose public half is that of `certificate`, so that libraries take it for its key, with another private
 * half. */
EVP_PKEY *hostile_wrong_key(const EVP_PKEY *certificate_key);

#endif
