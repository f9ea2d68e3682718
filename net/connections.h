/*
 * The table of a server's TLS connections: who they are, what each is waiting for, until when, and whom to cut when
 * there are too many. No library and no clock inside: sockets are cut with shutdown(2), and whoever reads from them
 * then sees their end and removes them.
 *
 *     HANDSHAKE --5 s--> IDLE --60 s--> HEADERS --5 s--> BODY --10 s + size at 16 KiB/s--> SERVED --> ANSWER --+
 *       half open         ^                                                           no deadline, same as   |
 *                         |                                                           held by    a body's    |
 *                         +-----------------------------------------------------------the handler------------+
 *
 * When a bound is passed: half open, a random one goes (an attacker's, most likely, and it cannot aim); per address,
 * the newest; in all, the newest; per identity, the one that has been idle longest, so that a site that lost its line
 * is never locked out.
 */
#ifndef COHORT_NET_CONNECTIONS_H
#define COHORT_NET_CONNECTIONS_H

#include "base/limits.h"
#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum connection_phase {
	CONNECTION_HANDSHAKE,
	CONNECTION_IDLE,
	CONNECTION_HEADERS,
	CONNECTION_BODY,
	CONNECTION_SERVED,
	CONNECTION_ANSWER,
	CONNECTION_LINGER /* refused; its peer may read why */
};

#define CONNECTION_LINGER_MS 2000 /* a round trip to the far side of the world, six times */
#define CONNECTION_ADDRESS_SIZE 46 /* INET6_ADDRSTRLEN */

struct connection {
	struct connection *previous, *next;
	int socket; /* -1 until connections_adopt */
	enum connection_phase phase;
	int64_t since_ms; /* when the phase began */
	uint64_t octets; /* of body or answer, moved in this phase */
	bool cut;
	unsigned half_open_at; /* index into half_open while it is one */
	uint8_t address[16]; /* IPv6, IPv4 mapped */
	bool loopback;
	char name[NAME_SIZE]; /* of the peer; "" until established */
};

struct connections {
	struct connection *first;
	struct connection *half_open[HALF_OPEN_MAX];
	unsigned count, half_open_count, max; /* max: CONNECTIONS_MAX, less where the system allows fewer files */
	struct entropy entropy;
	uint64_t accepted, dropped_half_open, dropped_address, dropped_identity, dropped_full, dropped_deadline;
};

void connections_init(struct connections *all, unsigned max, struct entropy entropy);

/* A connection begins, in HANDSHAKE; its socket is not known yet. The caller owns `c` and removes it before freeing
 * it. */
void connections_add(struct connections *all, struct connection *c, int64_t now_ms);
void connections_remove(struct connections *all, struct connection *c);

/* Its socket is known: learns the address, turns Nagle off, applies the bounds per address and in all. */
void connections_adopt(struct connections *all, struct connection *c, int socket);

/* The handshake is over and the peer is `name`: IDLE. Applies the bound per identity. */
void connections_establish(struct connections *all, struct connection *c, const char *name, int64_t now_ms);

void connection_enter(struct connection *c, enum connection_phase phase, int64_t now_ms);

/* When it will be cut unless something happens; INT64_MAX: never. */
int64_t connection_deadline_ms(const struct connection *c);

/* Ends both directions. The connection stays in the table until it is removed. */
void connections_cut(struct connections *all, struct connection *c);

/* Cuts what has passed its deadline. */
void connections_sweep(struct connections *all, int64_t now_ms);

/* The address in words, "192.0.2.7" or "2001:db8::7". */
void connection_address(char out[CONNECTION_ADDRESS_SIZE], const struct connection *c);

#endif
