/* Who is a member of a study, against a slow list that is searched from end to end. */
#include "coordinator/members.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

static void test_answers(void **state)
{
	struct members m = {0};

	(void)state;
	assert_null(members_find(&m, 7));
	assert_int_equal(members_approved_count(&m), 0);
	assert_true(members_answer(&m, 7, ANSWER_REJECTED));
	assert_false(members_answer(&m, 7, ANSWER_REJECTED));
	assert_int_equal(members_approved_count(&m), 0);
	assert_true(members_answer(&m, 7, ANSWER_APPROVED));
	assert_int_equal(members_approved_count(&m), 1);
	assert_true(members_answer(&m, 7, ANSWER_WITHDRAWN));
	assert_int_equal(members_approved_count(&m), 0);
	assert_null(members_find(&m, 6));
	assert_int_equal(members_find(&m, 7)->answer, ANSWER_WITHDRAWN);
	members_free(&m);
	members_free(&m);
}

static void test_revocation(void **state)
{
	struct members m = {0};

	(void)state;
	assert_false(members_revoke(&m, 7)); /* nothing is known of it: nothing is lost */
	members_answer(&m, 7, ANSWER_APPROVED);
	assert_true(members_revoke(&m, 7));
	assert_false(members_revoke(&m, 7));
	assert_int_equal(members_approved_count(&m), 0);
	assert_int_equal(members_find(&m, 7)->answer, ANSWER_APPROVED); /* what it said stays said */
	assert_true(members_answer(&m, 7, ANSWER_APPROVED)); /* it speaks again, so its certificate is good */
	assert_int_equal(members_approved_count(&m), 1);
	assert_false(members_answer(&m, 7, ANSWER_APPROVED));
	members_free(&m);
}

static void test_nobody(void **state)
{
	struct members m = {0};
	uint32_t count = 9;

	(void)state;
	members_approved(&m, &count);
	assert_int_equal(count, 0);
	members_free(&m);
}

#define NUMBERS 60 /* more than the first room, so that it grows twice */

static void test_random_events_against_a_slow_list(void **state)
{
	enum site_answer answers[NUMBERS];
	bool revoked[NUMBERS] = {false};
	struct members m = {0};
	struct rng r;

	(void)state;
	rng_seeded(&r, 5, "members");
	for (int i = 0; i < NUMBERS; i++)
		answers[i] = ANSWER_COUNT;
	for (int k = 0; k < 4000; k++) {
		uint32_t i = (uint32_t)rng_below(&r, NUMBERS), site = UINT32_MAX - 3 * i; /* the largest numbers, too */
		enum site_answer answer = (enum site_answer)rng_below(&r, ANSWER_COUNT);
		uint32_t count, expected = 0;
		const uint32_t *sites;

		if (rng_below(&r, 4) == 0) {
			assert_int_equal(members_revoke(&m, site), answers[i] != ANSWER_COUNT && !revoked[i]);
			revoked[i] = answers[i] != ANSWER_COUNT;
		} else {
			assert_int_equal(members_answer(&m, site, answer), answers[i] != answer || revoked[i]);
			answers[i] = answer;
			revoked[i] = false;
		}
		sites = members_approved(&m, &count);
		for (uint32_t j = NUMBERS; j-- > 0;) /* ascending by site */
			if (answers[j] == ANSWER_APPROVED && !revoked[j]) {
				assert_true(expected < count);
				assert_int_equal(sites[expected++], UINT32_MAX - 3 * j);
			}
		assert_int_equal(count, expected);
		assert_int_equal(members_approved_count(&m), expected);
	}
	members_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_revocation),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_random_events_against_a_slow_list),
	};

	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
