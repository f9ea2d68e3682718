#include "net/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96, RFC 4291, 2.5.5.2 */

void connections_init(struct connections *all, unsigned max, struct entropy entropy)
{
	*all = (struct connections){.max = max < CONNECTIONS_MAX ? max : CONNECTIONS_MAX, .entropy = entropy};
}

static void leave_half_open(struct connections *all, struct connection *c)
{
	if (c->phase != CONNECTION_HANDSHAKE || all->half_open[c->half_open_at] != c)
		return;
	struct connection *last = all->half_open[--all->half_open_count];
	all->half_open[c->half_open_at] = last;
	last->half_open_at = c->half_open_at;
	all->half_open[all->half_open_count] = NULL;
}

void connections_cut(struct connections *all, struct connection *c)
{
	if (c->cut)
		return;
	c->cut = true;
	leave_half_open(all, c);
	if (c->socket >= 0)
		shutdown(c->socket, SHUT_RDWR);
}

static void drop_random_half_open(struct connections *all)
{
	uint32_t draw; /* the bias of a remainder over 256 is nothing an attacker could use */

	entropy_fill(&all->entropy, (uint8_t *)&draw, sizeof draw);
	connections_cut(all, all->half_open[draw % all->half_open_count]);
	all->dropped_half_open++;
}

void connections_add(struct connections *all, struct connection *c, int64_t now_ms)
{
	*c = (struct connection){.socket = -1, .next = all->first};
	if (c->next)
		c->next->previous = c;
	all->first = c;
	all->count++;
	all->accepted++;
	if (all->half_open_count == HALF_OPEN_MAX)
		drop_random_half_open(all);
	connection_enter(c, CONNECTION_HANDSHAKE, now_ms);
	c->half_open_at = all->half_open_count;
	all->half_open[all->half_open_count++] = c;
}

void connections_remove(struct connections *all, struct connection *c)
{
	leave_half_open(all, c);
	if (c->next)
		c->next->previous = c->previous;
	if (c->previous)
		c->previous->next = c->next;
	else
		all->first = c->next;
	all->count--;
}

static void learn_address(struct connection *c)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	/* A peer that has left already keeps the zero address; it will be gone in a moment. */
	if (getpeername(c->socket, (struct sockaddr *)&peer, &len) != 0)
		return;
	if (peer.ss_family == AF_INET6) {
		memcpy(c->address, &((const struct sockaddr_in6 *)&peer)->sin6_addr, sizeof c->address);
	} else if (peer.ss_family == AF_INET) {
		memcpy(c->address, mapped_prefix, sizeof mapped_prefix);
		memcpy(c->address + sizeof mapped_prefix, &((const struct sockaddr_in *)&peer)->sin_addr, 4);
	}
	bool mapped = memcmp(c->address, mapped_prefix, sizeof mapped_prefix) == 0;
	c->loopback = mapped ? c->address[12] == 127 : memcmp(c->address, &in6addr_loopback, sizeof c->address) == 0;
}

static unsigned count_address(const struct connections *all, const struct connection *like)
{
	unsigned n = 0;
	for (const struct connection *c = all->first; c; c = c->next)
		if (!c->cut && c->socket >= 0 && memcmp(c->address, like->address, sizeof c->address) == 0)
			n++;
	return n;
}

void connections_adopt(struct connections *all, struct connection *c, int socket)
{
	const int on = 1;

	c->socket = socket;
	if (c->cut) { /* while it had no socket yet */
		shutdown(socket, SHUT_RDWR);
		return;
	}
	/* Answers are written in several pieces; with Nagle's algorithm each waits for an acknowledgement. */
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	learn_address(c);
	if (all->count > all->max) {
		all->dropped_full++;
		connections_cut(all, c);
	} else if (!c->loopback && count_address(all, c) > CONNECTIONS_PER_ADDRESS_MAX) {
		all->dropped_address++;
		connections_cut(all, c);
	}
}

/* The site's connection that is worth least: idle before busy, then the one that has been so longest. */
static struct connection *least_useful(const struct connections *all, const struct connection *newest)
{
	struct connection *worst = NULL;

	for (struct connection *c = all->first; c; c = c->next) {
		if (c == newest || c->cut || strcmp(c->name, newest->name) != 0)
			continue;
		bool idle = c->phase == CONNECTION_IDLE, worst_idle = worst && worst->phase == CONNECTION_IDLE;
		if (!worst || (idle && !worst_idle) || (idle == worst_idle && c->since_ms < worst->since_ms))
			worst = c;
	}
	return worst;
}

void connections_establish(struct connections *all, struct connection *c, const char *name, int64_t now_ms)
{
	unsigned n = 0;

	leave_half_open(all, c);
	connection_enter(c, CONNECTION_IDLE, now_ms);
	strncpy(c->name, name, sizeof c->name - 1);
	for (const struct connection *other = all->first; other; other = other->next)
		if (!other->cut && strcmp(other->name, c->name) == 0)
			n++;
	if (n > CONNECTIONS_PER_SITE_MAX) {
		all->dropped_identity++;
		connections_cut(all, least_useful(all, c));
	}
}

void connection_enter(struct connection *c, enum connection_phase phase, int64_t now_ms)
{
	c->phase = phase;
	c->since_ms = now_ms;
	c->octets = 0;
}

int64_t connection_deadline_ms(const struct connection *c)
{
	switch (c->phase) {
	case CONNECTION_HANDSHAKE:
		return c->since_ms + HANDSHAKE_DEADLINE_MS;
	case CONNECTION_IDLE:
		return c->since_ms + IDLE_DEADLINE_MS;
	case CONNECTION_HEADERS:
		return c->since_ms + HEADERS_DEADLINE_MS;
	case CONNECTION_LINGER:
		return c->since_ms + CONNECTION_LINGER_MS;
	case CONNECTION_BODY:
	case CONNECTION_ANSWER: /* each octet that moved earns its share of the time */
		return c->since_ms + BODY_DEADLINE_MS + (int64_t)(c->octets * 1000 / BODY_RATE_MIN);
	case CONNECTION_SERVED:
	default:
		return INT64_MAX;
	}
}

void connections_sweep(struct connections *all, int64_t now_ms)
{
	for (struct connection *c = all->first; c; c = c->next) {
		if (c->cut || now_ms < connection_deadline_ms(c))
			continue;
		all->dropped_deadline++;
		connections_cut(all, c);
	}
}

void connection_address(char out[CONNECTION_ADDRESS_SIZE], const struct connection *c)
{
	bool mapped = memcmp(c->address, mapped_prefix, sizeof mapped_prefix) == 0;
	const void *from = mapped ? c->address + sizeof mapped_prefix : c->address;

	if (!inet_ntop(mapped ? AF_INET : AF_INET6, from, out, CONNECTION_ADDRESS_SIZE))
		out[0] = '\0';
}
