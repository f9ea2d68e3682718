/* The table of connections on a clock of the test's own: deadlines, bounds, and who goes when there are too many. */
#include "net/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct rng rng;
static struct connections all;

static void fill(void *context, uint8_t *out, size_t len)
{
	(void)context;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)rng_u32(&rng);
}

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 7, "connections");
	connections_init(&all, CONNECTIONS_MAX, (struct entropy){fill, NULL});
	return 0;
}

static void address_is(struct connection *c, const char *text)
{
	assert_int_equal(inet_pton(AF_INET6, text, c->address), 1);
}

/* As connections_adopt, for an address of the test's choice: the table counts those with a socket. */
static void pretend(struct connection *c, const char *address)
{
	connections_add(&all, c, 0);
	address_is(c, address);
	c->socket = 1000000; /* no file: shutdown(2) of it fails and changes nothing */
}

static void each_phase_has_its_deadline(void **state)
{
	struct connection c;

	(void)state;
	connections_add(&all, &c, 1000);
	assert_int_equal(connection_deadline_ms(&c), 1000 + HANDSHAKE_DEADLINE_MS);
	connections_establish(&all, &c, "st-mary", 2000);
	assert_int_equal(connection_deadline_ms(&c), 2000 + IDLE_DEADLINE_MS);
	connection_enter(&c, CONNECTION_HEADERS, 3000);
	assert_int_equal(connection_deadline_ms(&c), 3000 + HEADERS_DEADLINE_MS);
	connection_enter(&c, CONNECTION_BODY, 4000);
	assert_int_equal(connection_deadline_ms(&c), 4000 + BODY_DEADLINE_MS);
	c.octets = PART_MAX; /* 1 MiB at 16 KiB/s: 64 s more */
	assert_int_equal(connection_deadline_ms(&c), 4000 + BODY_DEADLINE_MS + 64000);
	connection_enter(&c, CONNECTION_SERVED, 5000);
	assert_true(connection_deadline_ms(&c) == INT64_MAX);
	connection_enter(&c, CONNECTION_ANSWER, 6000);
	assert_int_equal(connection_deadline_ms(&c), 6000 + BODY_DEADLINE_MS);
	connection_enter(&c, CONNECTION_LINGER, 7000);
	assert_int_equal(connection_deadline_ms(&c), 7000 + CONNECTION_LINGER_MS);
	connections_remove(&all, &c);
	assert_int_equal(all.count, 0);
}

static void the_sweep_cuts_what_is_late_and_nothing_else(void **state)
{
	struct connection c[3];

	(void)state;
	connections_add(&all, &c[0], 1000);
	connections_add(&all, &c[1], 2000);
	connections_add(&all, &c[2], 1000);
	connections_establish(&all, &c[2], "st-mary", 1000);
	connections_sweep(&all, 1000 + HANDSHAKE_DEADLINE_MS - 1);
	assert_false(c[0].cut || c[1].cut || c[2].cut);
	connections_sweep(&all, 1000 + HANDSHAKE_DEADLINE_MS);
	assert_true(c[0].cut);
	assert_false(c[1].cut || c[2].cut);
	connections_sweep(&all, 1000 + IDLE_DEADLINE_MS);
	assert_true(c[1].cut && c[2].cut);
	assert_int_equal(all.dropped_deadline, 3);
	assert_int_equal(all.half_open_count, 0);
}

/* 10 half-open connections of hospitals among attackers' that never stop coming: a random victim each time means that
 * a hospital's handshake of 20 arrivals survives with probability (1 - 1/256)^20 = 0.92. The oldest first would always
 * be the hospital's turn after 256 arrivals; the newest first would lock everyone out for good. */
static void beyond_the_half_open_bound_a_random_one_goes(void **state)
{
	enum { ATTACKERS = 5000, HOSPITALS = 400, PATIENCE = 20 };
	struct connection *attackers = calloc(ATTACKERS + HOSPITALS * PATIENCE, sizeof *attackers);
	struct connection hospital;
	unsigned next = 0, survived = 0;

	(void)state;
	while (next < ATTACKERS)
		connections_add(&all, &attackers[next++], 0);
	assert_int_equal(all.half_open_count, HALF_OPEN_MAX);
	assert_int_equal(all.dropped_half_open, ATTACKERS - HALF_OPEN_MAX);
	for (unsigned i = 0; i < HOSPITALS; i++) {
		connections_add(&all, &hospital, 0);
		for (unsigned k = 0; k < PATIENCE; k++)
			connections_add(&all, &attackers[next++], 0);
		survived += !hospital.cut;
		connections_remove(&all, &hospital);
	}
	assert_in_range(survived, HOSPITALS * 86 / 100, HOSPITALS * 98 / 100);
	unsigned alive = 0;
	for (unsigned i = 0; i < next; i++)
		alive += !attackers[i].cut;
	assert_int_equal(alive, all.half_open_count);
	free(attackers);
}

static void a_handshake_that_ends_makes_room(void **state)
{
	struct connection c[HALF_OPEN_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < HALF_OPEN_MAX; i++)
		connections_add(&all, &c[i], 0);
	connections_establish(&all, &c[100], "st-mary", 0);
	assert_int_equal(all.half_open_count, HALF_OPEN_MAX - 1);
	connections_add(&all, &c[HALF_OPEN_MAX], 0);
	for (unsigned i = 0; i <= HALF_OPEN_MAX; i++)
		assert_false(c[i].cut);
}

static void one_that_is_cut_before_it_has_a_socket_is_cut_then(void **state)
{
	struct connection c;
	int fds[2];
	char octet;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	connections_add(&all, &c, 0);
	connections_cut(&all, &c);
	connections_adopt(&all, &c, fds[0]);
	assert_int_equal(recv(fds[1], &octet, 1, MSG_DONTWAIT), 0); /* the other end sees the end */
	close(fds[0]);
	close(fds[1]);
}

static int open_pair(int *other, int listener)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	getsockname(listener, (struct sockaddr *)&at, &len);
	*other = socket(at.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(*other, (struct sockaddr *)&at, len), 0);
	return accept(listener, NULL, NULL);
}

static void loopback_is_exempt_from_the_bound_per_address(void **state)
{
	enum { MANY = CONNECTIONS_PER_ADDRESS_MAX + 5 };
	struct connection c[MANY];
	int fds[MANY], others[MANY];
	char address[CONNECTION_ADDRESS_SIZE];
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(listener, (const struct sockaddr *)&any, sizeof any), 0);
	assert_int_equal(listen(listener, 8), 0);
	for (int i = 0; i < MANY; i++) {
		fds[i] = open_pair(&others[i], listener);
		connections_add(&all, &c[i], 0);
		connections_adopt(&all, &c[i], fds[i]);
		assert_true(c[i].loopback);
		assert_false(c[i].cut);
	}
	connection_address(address, &c[0]);
	assert_string_equal(address, "127.0.0.1");
	for (int i = 0; i < MANY; i++) {
		close(fds[i]);
		close(others[i]);
	}
	close(listener);
}

/* Addresses that a test machine does not have are written into the table; the adopting itself then sees one more of
 * them. */
static void an_address_has_a_bound(void **state)
{
	struct connection c[CONNECTIONS_PER_ADDRESS_MAX + 2];
	int fds[2];

	(void)state;
	/* A socket pair has no IP address: it is adopted as "::", which is not loopback. */
	for (unsigned i = 0; i < CONNECTIONS_PER_ADDRESS_MAX - 1; i++)
		pretend(&c[i], "::");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	struct connection *last = &c[CONNECTIONS_PER_ADDRESS_MAX - 1], *over = last + 1, *elsewhere = last + 2;
	connections_add(&all, last, 0);
	connections_adopt(&all, last, fds[0]);
	assert_false(last->cut);
	connections_add(&all, over, 0);
	connections_adopt(&all, over, fds[1]);
	assert_true(over->cut);
	assert_int_equal(all.dropped_address, 1);
	pretend(elsewhere, "::ffff:192.0.2.7");
	char address[CONNECTION_ADDRESS_SIZE];
	connection_address(address, elsewhere);
	assert_string_equal(address, "192.0.2.7");
	address_is(elsewhere, "2001:db8::7");
	connection_address(address, elsewhere);
	assert_string_equal(address, "2001:db8::7");
	close(fds[0]);
	close(fds[1]);
}

static void the_whole_has_a_bound(void **state)
{
	struct connection c[11];
	int fds[2];

	(void)state;
	connections_init(&all, 10, (struct entropy){fill, NULL});
	for (unsigned i = 0; i < 10; i++)
		pretend(&c[i], "2001:db8::1");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	connections_add(&all, &c[10], 0);
	connections_adopt(&all, &c[10], fds[0]);
	assert_true(c[10].cut);
	assert_int_equal(all.dropped_full, 1);
	close(fds[0]);
	close(fds[1]);
}

static void the_idlest_of_a_site_makes_room(void **state)
{
	struct connection c[CONNECTIONS_PER_SITE_MAX + 2], other;

	(void)state;
	connections_add(&all, &other, 0);
	connections_establish(&all, &other, "st-john", 0); /* older and idler, but another site's */
	for (int i = 0; i < CONNECTIONS_PER_SITE_MAX; i++) {
		connections_add(&all, &c[i], 10);
		connections_establish(&all, &c[i], "st-mary", 10 + i);
	}
	connection_enter(&c[0], CONNECTION_SERVED, 20); /* busy since long */
	connection_enter(&c[1], CONNECTION_IDLE, 30);
	connection_enter(&c[3], CONNECTION_SERVED, 5);
	connections_add(&all, &c[4], 40);
	connections_establish(&all, &c[4], "st-mary", 40);
	assert_true(c[2].cut); /* idle since 12 */
	assert_int_equal(all.dropped_identity, 1);
	/* When none is idle, the one that has been busy longest goes; never the newest. */
	connection_enter(&c[1], CONNECTION_SERVED, 50);
	connection_enter(&c[3], CONNECTION_BODY, 60);
	connection_enter(&c[4], CONNECTION_SERVED, 70);
	connections_add(&all, &c[5], 80);
	connections_establish(&all, &c[5], "st-mary", 80);
	assert_true(c[0].cut);
	assert_false(c[1].cut || c[3].cut || c[4].cut || c[5].cut || other.cut);
}

static bool is_listed(const struct connection *c)
{
	for (const struct connection *k = all.first; k; k = k->next)
		if (k == c)
			return true;
	return false;
}

static void check_table(void)
{
	unsigned n = 0, half_open = 0;

	for (const struct connection *c = all.first; c; c = c->next, n++) {
		assert_true(!c->next || c->next->previous == c);
		if (c->phase == CONNECTION_HANDSHAKE && !c->cut) {
			assert_ptr_equal(all.half_open[c->half_open_at], c);
			half_open++;
		}
	}
	assert_int_equal(n, all.count);
	assert_int_equal(half_open, all.half_open_count);
}

/* Adding, establishing, cutting and removing in any order. */
static void the_table_stays_whole(void **state)
{
	enum { MANY = 300, STEPS = 5000 };
	struct connection c[MANY];

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		struct connection *one = &c[rng_below(&rng, MANY)];
		uint64_t what = rng_below(&rng, 4);
		if (!is_listed(one))
			connections_add(&all, one, step);
		else if (what == 0 && one->phase == CONNECTION_HANDSHAKE && !one->cut)
			connections_establish(&all, one, step % 2 ? "st-mary" : "st-john", step);
		else if (what == 1)
			connections_cut(&all, one);
		else if (what == 2)
			connections_remove(&all, one);
		check_table();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_phase_has_its_deadline, setup),
		cmocka_unit_test_setup(the_sweep_cuts_what_is_late_and_nothing_else, setup),
		cmocka_unit_test_setup(beyond_the_half_open_bound_a_random_one_goes, setup),
		cmocka_unit_test_setup(a_handshake_that_ends_makes_room, setup),
		cmocka_unit_test_setup(one_that_is_cut_before_it_has_a_socket_is_cut_then, setup),
		cmocka_unit_test_setup(loopback_is_exempt_from_the_bound_per_address, setup),
		cmocka_unit_test_setup(an_address_has_a_bound, setup),
		cmocka_unit_test_setup(the_whole_has_a_bound, setup),
		cmocka_unit_test_setup(the_idlest_of_a_site_makes_room, setup),
		cmocka_unit_test_setup(the_table_stays_whole, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
