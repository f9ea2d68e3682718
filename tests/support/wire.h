/*
 * A client made of OpenSSL and patience, for what a well-behaved library would never send. Blocking, each read for at
 * most WIRE_LIMIT_MS. It does not look at the server's certificate.
 */
#ifndef COHORT_TESTS_SUPPORT_WIRE_H
#define COHORT_TESTS_SUPPORT_WIRE_H

#include "net/tls.h"

#include <stdbool.h>
#include <stddef.h>

#define WIRE_LIMIT_MS 10000
#define WIRE_ANSWER_MAX (3 << 20)

struct wire {
	int fd;
	struct ssl_st *ssl; /* NULL: plain */
	char *head; /* of the last answer: status line and headers */
	char *body; /* NUL-terminated */
	size_t body_len;
	char value[512]; /* wire_header's */
};

/* Connects to 127.0.0.1; -1 never: it fails the test. */
int wire_socket(unsigned port);
void wire_plain(struct wire *w, unsigned port);

/* With TLS. `files` NULL: without a certificate; `version` 0: what the library likes, or TLS1_2_VERSION. False when
 * the handshake fails on this side. */
bool wire_open(struct wire *w, unsigned port, const struct tls_files *files, int version);
void wire_close(struct wire *w); /* accepts a closed one */

bool wire_write(struct wire *w, const void *data, size_t len);
bool wire_printf(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads one answer by its Content-Length: its status, or -1 when the connection ended instead. */
int wire_answer(struct wire *w);
bool wire_ended(struct wire *w, int limit_ms); /* the other end closes, within the limit, with nothing more sent */
const char *wire_header(struct wire *w, const char *name); /* of the last answer, "" without; until the next call */

/* GET in one line: status. */
int wire_get(struct wire *w, const char *target);

#endif
