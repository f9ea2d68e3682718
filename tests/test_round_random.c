/* Random events against the round core: its counters never drift, and what is closed stays closed. */
#include "coordinator/round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define OCTETS 100
#define DEADLINE_MS 10000

static const uint32_t five[] = {11, 18, 25, 32, 39};

static struct round *open_five(uint32_t quorum)
{
	struct round_config config = {.sites = five,
	                              .site_count = 5,
	                              .quorum = quorum,
	                              .octets = OCTETS,
	                              .join_ms = 1000,
	                              .deadline_ms = DEADLINE_MS};

	return round_open(&config, 0);
}

static void upload(struct round *r, uint32_t site, int64_t now_ms)
{
	struct hash content = {{(uint8_t)site, 1}};

	(void)round_upload(r, site, OCTETS, &content, now_ms);
}

/* One event drawn from x, or one action answered. */
static void random_event(struct round *r, uint32_t x, int64_t now)
{
	uint32_t site = five[(x >> 8) % 5];
	bool rarely = (x >> 16) % 8 == 0;
	struct round_action a;

	switch ((x >> 12) % 7) {
	case 0:
		round_joined(r, site, now);
		break;
	case 1:
	case 2:
		upload(r, site, now);
		break;
	case 3:
		if (rarely)
			round_refused(r, site, REFUSAL_BUDGET, now);
		break;
	case 4:
		if (rarely)
			round_dropped(r, site, DROP_REVOKED, now);
		break;
	case 5:
		round_tick(r, now);
		break;
	default:
		if (!round_next(r, &a))
			break;
		if (a.kind == ROUND_PERSIST && (x >> 24) % 4 == 0)
			round_not_persisted(r, a.site, now);
		else if (a.kind == ROUND_PERSIST)
			round_persisted(r, a.site, now);
		else if (a.kind == ROUND_ADD)
			round_added(r, a.site, now);
		else
			assert_int_equal(round_state(r), ROUND_CLOSED);
	}
}

static void check_books(const struct round *r, int64_t now)
{
	uint32_t contributed = 0, pending = 0;

	for (uint32_t i = 0; i < 5; i++) {
		enum site_state s = round_site_at(r, i)->state;

		contributed += s == SITE_CONTRIBUTED;
		pending += s == SITE_EXPECT_PERSISTED || s == SITE_EXPECT_ADDED;
	}
	assert_int_equal(round_contributions(r), contributed);
	if (round_state(r) == ROUND_CLOSED && contributed >= round_quorum(r))
		assert_true(pending == 0 || now >= DEADLINE_MS);
}

/* Against a slow model that recounts everything. */
static void test_random_events_keep_the_books(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (int run = 0; run < 2000; run++) {
		struct round *r = open_five(1 + (uint32_t)run % 5);
		int64_t now = 0;

		for (int k = 0; k < 60; k++) {
			bool closed = round_state(r) == ROUND_CLOSED;

			x = x * 1664525u +
			    1013904223u; /* Numerical Recipes' generator: its high bits are good enough */
			now += (x >> 20) % 400;
			random_event(r, x, now);
			assert_true(!closed || round_state(r) == ROUND_CLOSED);
			check_books(r, now);
		}
		round_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_events_keep_the_books),
	};

	return cmocka_run_group_tests_name("round_random", tests, NULL, NULL);
}
