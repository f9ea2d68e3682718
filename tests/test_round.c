/* The round core against its own table: every state, every event, deadlines, restarts. */
#include "coordinator/round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define OCTETS 100

static const uint32_t five[] = {11, 18, 25, 32, 39};

static struct round *open_five(uint32_t quorum)
{
	struct round_config config = {.sites = five,
	                              .site_count = 5,
	                              .quorum = quorum,
	                              .octets = OCTETS,
	                              .join_ms = 1000,
	                              .deadline_ms = 10000};

	return round_open(&config, 0);
}

static struct hash content(uint8_t byte)
{
	struct hash h = {{byte, 1}};

	return h;
}

/* Drains the round as a shell that never fails; counts what it was asked. */
struct seen {
	unsigned persist, add, close;
};

static struct seen drain(struct round *r, int64_t now_ms)
{
	struct seen seen = {0};
	struct round_action a;

	while (round_next(r, &a)) {
		if (a.kind == ROUND_PERSIST) {
			seen.persist++;
			round_persisted(r, a.site, now_ms);
		} else if (a.kind == ROUND_ADD) {
			seen.add++;
			round_added(r, a.site, now_ms);
		} else {
			seen.close++;
		}
	}
	return seen;
}

static enum upload_verdict upload(struct round *r, uint32_t site, int64_t now_ms)
{
	struct hash h = content((uint8_t)site);

	return round_upload(r, site, OCTETS, &h, now_ms);
}

static void contribute(struct round *r, uint32_t site, int64_t now_ms)
{
	round_joined(r, site, now_ms);
	assert_int_equal(upload(r, site, now_ms), UPLOAD_WANTED);
	drain(r, now_ms);
}

static void test_closes_when_all_have_contributed(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	for (int i = 0; i < 4; i++)
		contribute(r, five[i], 10);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS); /* the fifth may still come */
	contribute(r, five[4], 20);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_contributions(r), 5);
	assert_true(round_deadline_ms(r) == INT64_MAX);
	round_free(r);
}

static void test_does_not_wait_for_the_absent_after_joining(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	for (int i = 0; i < 3; i++)
		contribute(r, five[i], 10);
	assert_int_equal(round_deadline_ms(r), 1000);
	round_tick(r, 999);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	round_tick(r, 1000);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_true(round_site(r, 32)->absent && round_site(r, 39)->absent);
	assert_false(round_site(r, 11)->absent);
	round_free(r);
}

static void test_waits_for_one_that_joined(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	for (int i = 0; i < 4; i++)
		contribute(r, five[i], 10);
	round_joined(r, 39, 20);
	round_tick(r, 5000);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	assert_int_equal(round_deadline_ms(r), 10000);
	round_tick(r, 10000);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_contributions(r), 4);
	assert_int_equal(round_site(r, 39)->state, SITE_EXPECT_CONTRIBUTION);
	round_free(r);
}

static void test_fails_at_the_deadline_below_the_quorum(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	contribute(r, 11, 10);
	contribute(r, 18, 10);
	round_tick(r, 9999);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	round_tick(r, 10000);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_true(round_contributions(r) < round_quorum(r));
	assert_int_equal(drain(r, 10000).close, 1);
	round_free(r);
}

static void test_takes_an_absent_site_that_comes_while_others_are_awaited(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	round_joined(r, 11, 10);
	round_tick(r, 2000); /* joining is over, 11 is still training */
	assert_true(round_site(r, 25)->absent);
	contribute(r, 25, 3000);
	assert_false(round_site(r, 25)->absent);
	assert_int_equal(round_site(r, 25)->state, SITE_CONTRIBUTED);
	round_free(r);
}

static void test_refusals_that_break_the_quorum_end_it_at_once(void **state)
{
	struct round *r = open_five(4);

	(void)state;
	round_refused(r, 11, REFUSAL_BUDGET, 10);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	round_refused(r, 18, REFUSAL_EXPIRED, 20);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_site(r, 18)->refusal, REFUSAL_EXPIRED);
	assert_int_equal(drain(r, 20).persist, 2);
	round_free(r);
}

static void test_every_state_answers_every_upload(void **state)
{
	static const struct {
		enum site_state in;
		enum upload_verdict same, other;
	} table[] = {
		{SITE_EXPECT_JOIN, UPLOAD_WANTED, UPLOAD_WANTED},
		{SITE_EXPECT_CONTRIBUTION, UPLOAD_WANTED, UPLOAD_WANTED},
		{SITE_EXPECT_PERSISTED, UPLOAD_PENDING, UPLOAD_CONFLICT},
		{SITE_EXPECT_ADDED, UPLOAD_ACCEPTED, UPLOAD_CONFLICT},
		{SITE_CONTRIBUTED, UPLOAD_ACCEPTED, UPLOAD_CONFLICT},
		{SITE_REFUSED, UPLOAD_UNINVITED, UPLOAD_UNINVITED},
		{SITE_DROPPED, UPLOAD_UNINVITED, UPLOAD_UNINVITED},
	};
	struct hash same = content(11), other = content(99);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct round *r = open_five(3);
		struct round_action a;

		if (table[i].in == SITE_EXPECT_CONTRIBUTION)
			round_joined(r, 11, 1);
		if (table[i].in >= SITE_EXPECT_PERSISTED && table[i].in <= SITE_CONTRIBUTED)
			upload(r, 11, 1);
		if (table[i].in >= SITE_EXPECT_ADDED && table[i].in <= SITE_CONTRIBUTED) {
			assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST);
			round_persisted(r, 11, 1);
		}
		if (table[i].in == SITE_CONTRIBUTED)
			drain(r, 1);
		if (table[i].in == SITE_REFUSED)
			round_refused(r, 11, REFUSAL_BUDGET, 1);
		if (table[i].in == SITE_DROPPED)
			round_dropped(r, 11, DROP_REVOKED, 1);
		assert_int_equal(round_site(r, 11)->state, table[i].in);
		assert_int_equal(round_wants(r, 11, OCTETS, &same), table[i].same);
		assert_int_equal(round_wants(r, 11, OCTETS, &other), table[i].other);
		if (table[i].in < SITE_REFUSED)
			assert_int_equal(round_wants(r, 11, OCTETS + 1, &same), UPLOAD_LENGTH);
		assert_int_equal(round_wants(r, 12, OCTETS, &same), UPLOAD_UNINVITED);
		round_free(r);
	}
}

static void test_no_site_is_added_twice(void **state)
{
	struct round *r = open_five(3);
	struct seen seen;

	(void)state;
	for (int i = 0; i < 3; i++) {
		upload(r, 11, i);
		upload(r, 11, i);
	}
	seen = drain(r, 5);
	assert_int_equal(seen.persist, 1);
	assert_int_equal(seen.add, 1);
	upload(r, 11, 6);
	seen = drain(r, 6);
	assert_int_equal(seen.persist + seen.add, 0);
	round_free(r);
}

static void test_acknowledges_only_what_is_durable(void **state)
{
	struct round *r = open_five(3);
	struct hash h = content(11);
	struct round_action a;

	(void)state;
	upload(r, 11, 1);
	assert_int_equal(round_wants(r, 11, OCTETS, &h), UPLOAD_PENDING);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST && a.site == 11);
	assert_false(round_next(r, &a)); /* no ADD before the row is there */
	round_not_persisted(r, 11, 2); /* disk full */
	assert_int_equal(round_wants(r, 11, OCTETS, &h), UPLOAD_WANTED);
	upload(r, 11, 3);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST);
	round_persisted(r, 11, 4);
	assert_int_equal(round_wants(r, 11, OCTETS, &h), UPLOAD_ACCEPTED);
	assert_true(round_next(r, &a) && a.kind == ROUND_ADD);
	round_free(r);
}

static void test_an_upload_lost_to_the_disk_reopens_the_quorum(void **state)
{
	struct round_config config = {
		.sites = five, .site_count = 3, .quorum = 3, .octets = OCTETS, .join_ms = 1000, .deadline_ms = 10000};
	struct round *r = round_open(&config, 0);
	struct round_action a;

	(void)state;
	contribute(r, 11, 1);
	contribute(r, 18, 1);
	upload(r, 25, 2);
	assert_int_equal(round_state(r), ROUND_EXPECT_SUM);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST);
	round_not_persisted(r, 25, 3);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	contribute(r, 25, 4);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_contributions(r), 3);
	round_free(r);
}

/* The quorum is there without it, but it was in time: the round waits for it as it would have. */
static void test_an_upload_lost_to_the_disk_is_waited_for(void **state)
{
	struct round_config config = {
		.sites = five, .site_count = 4, .quorum = 3, .octets = OCTETS, .join_ms = 1000, .deadline_ms = 10000};
	struct round *r = round_open(&config, 0);
	struct round_action a;
	struct hash h = content(32);

	(void)state;
	for (int i = 0; i < 3; i++)
		contribute(r, five[i], 1);
	upload(r, 32, 2);
	assert_int_equal(round_state(r), ROUND_EXPECT_SUM);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST);
	round_not_persisted(r, 32, 3);
	assert_int_equal(round_wants(r, 32, OCTETS, &h), UPLOAD_WANTED);
	assert_int_equal(round_deadline_ms(r), 1000);
	round_tick(r, 9999);
	assert_int_equal(round_state(r), ROUND_EXPECT_CONTRIBUTIONS);
	round_tick(r, 10000); /* but not for ever */
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_contributions(r), 3);
	round_free(r);
}

static void test_dropping(void **state)
{
	struct round *r = open_five(3);

	(void)state;
	contribute(r, 11, 1);
	round_dropped(r, 11, DROP_REVOKED, 2); /* what was acknowledged counts */
	assert_int_equal(round_site(r, 11)->state, SITE_CONTRIBUTED);
	round_joined(r, 18, 3);
	round_dropped(r, 18, DROP_WITHDRAWN, 3);
	assert_int_equal(round_site(r, 18)->state, SITE_DROPPED);
	assert_int_equal(round_site(r, 18)->dropped, DROP_WITHDRAWN);
	assert_int_equal(drain(r, 4).persist, 1);
	assert_int_equal(round_contributions(r), 1);
	round_free(r);
}

/* Its row is being written while it leaves: one row, and it counts; or none, and it has left. */
static void test_dropping_while_the_upload_becomes_durable(void **state)
{
	struct round *r = open_five(3);
	struct round_action a;
	struct seen seen;

	(void)state;
	upload(r, 18, 3);
	round_dropped(r, 18, DROP_REVOKED, 3);
	assert_int_equal(round_site(r, 18)->state, SITE_EXPECT_PERSISTED);
	seen = drain(r, 4);
	assert_int_equal(seen.persist, 1);
	assert_int_equal(seen.add, 1);
	assert_int_equal(round_site(r, 18)->state, SITE_CONTRIBUTED);
	assert_int_equal(round_site(r, 18)->dropped, DROP_NONE);
	upload(r, 25, 5);
	round_dropped(r, 25, DROP_REVOKED, 5);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST && a.site == 25);
	round_not_persisted(r, 25, 6);
	assert_int_equal(round_site(r, 25)->state, SITE_DROPPED);
	assert_int_equal(round_site(r, 25)->dropped, DROP_REVOKED);
	seen = drain(r, 7);
	assert_int_equal(seen.persist, 1);
	assert_int_equal(seen.add, 0);
	round_free(r);
}

static void test_a_refusal_is_noted_until_the_end(void **state)
{
	struct round *r = open_five(3);
	struct round_action a;

	(void)state;
	for (int i = 0; i < 3; i++)
		upload(r, five[i], 1);
	round_tick(r, 1000);
	assert_int_equal(round_state(r), ROUND_EXPECT_SUM);
	round_refused(r, 39, REFUSAL_BUDGET, 1001);
	assert_int_equal(round_site(r, 39)->state, SITE_REFUSED);
	for (int i = 0; i < 3; i++)
		assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST);
	assert_true(round_next(r, &a) && a.kind == ROUND_PERSIST && a.site == 39);
	assert_int_equal(round_state(r), ROUND_EXPECT_SUM);
	round_free(r);
}

static void test_late_and_repeated_after_closing(void **state)
{
	struct round *r = open_five(3);
	struct hash h = content(11), late = content(39);

	(void)state;
	for (int i = 0; i < 3; i++)
		contribute(r, five[i], 1);
	round_tick(r, 1000);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	assert_int_equal(round_wants(r, 39, OCTETS, &late), UPLOAD_LATE);
	assert_int_equal(round_upload(r, 39, OCTETS, &late, 1001), UPLOAD_LATE);
	assert_int_equal(round_wants(r, 11, OCTETS, &h), UPLOAD_ACCEPTED);
	assert_int_equal(drain(r, 1001).close, 1);
	round_refused(r, 39, REFUSAL_BUDGET, 1002);
	assert_int_equal(round_site(r, 39)->state, SITE_EXPECT_JOIN);
	round_free(r);
}

static void test_restore(void **state)
{
	struct round *r = open_five(3);
	struct round_site rows[] = {
		{.number = 11, .state = SITE_CONTRIBUTED, .content = content(11)},
		{.number = 25, .state = SITE_REFUSED, .refusal = REFUSAL_EXPIRED},
		{.number = 32, .state = SITE_DROPPED, .dropped = DROP_WITHDRAWN},
	};
	struct hash h = content(11);
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		round_restore(r, &rows[i]);
	assert_int_equal(round_wants(r, 11, OCTETS, &h), UPLOAD_ACCEPTED);
	seen = drain(r, 1);
	assert_int_equal(seen.persist, 0);
	assert_int_equal(seen.add, 1);
	assert_int_equal(round_contributions(r), 1);
	contribute(r, 18, 2);
	contribute(r, 39, 2);
	assert_int_equal(round_state(r), ROUND_CLOSED);
	round_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closes_when_all_have_contributed),
		cmocka_unit_test(test_does_not_wait_for_the_absent_after_joining),
		cmocka_unit_test(test_waits_for_one_that_joined),
		cmocka_unit_test(test_fails_at_the_deadline_below_the_quorum),
		cmocka_unit_test(test_takes_an_absent_site_that_comes_while_others_are_awaited),
		cmocka_unit_test(test_refusals_that_break_the_quorum_end_it_at_once),
		cmocka_unit_test(test_every_state_answers_every_upload),
		cmocka_unit_test(test_no_site_is_added_twice),
		cmocka_unit_test(test_acknowledges_only_what_is_durable),
		cmocka_unit_test(test_an_upload_lost_to_the_disk_reopens_the_quorum),
		cmocka_unit_test(test_an_upload_lost_to_the_disk_is_waited_for),
		cmocka_unit_test(test_dropping),
		cmocka_unit_test(test_dropping_while_the_upload_becomes_durable),
		cmocka_unit_test(test_a_refusal_is_noted_until_the_end),
		cmocka_unit_test(test_late_and_repeated_after_closing),
		cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests_name("round", tests, NULL, NULL);
}
