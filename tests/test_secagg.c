/* The numbers of an attempt: thresholds by hand, and every plan that cannot be is refused with its number named. */
#include "crypto/secagg.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define SITES 9

static struct secagg_site sites[SITES];

static struct secagg_plan plan_of_nine(void)
{
	for (uint32_t i = 0; i < SITES; i++)
		sites[i].number = 11 + 7 * i;
	return (struct secagg_plan){
		.sites = sites, .n = SITES, .max_colluders = 2, .quorum = 7, .words = 100, .bits = 20};
}

/* t = floor((n + n_C) / 2) + 1: two sets of t among n, of which n_C sign anything, have an honest site in common. */
static void test_thresholds(void **state)
{
	static const uint32_t cases[][3] = {{3, 0, 2}, {4, 0, 3},  {4, 1, 3},    {5, 1, 4},     {6, 0, 4},
	                                    {9, 2, 6}, {10, 3, 7}, {50, 10, 31}, {1000, 0, 501}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct secagg_plan p = {.n = cases[i][0], .max_colluders = cases[i][1], .degree = 0};
		assert_int_equal(secagg_threshold(&p), cases[i][2]);
		assert_int_equal(secagg_share_threshold(&p), cases[i][2]);
		assert_true(2 * cases[i][2] > cases[i][0] + cases[i][1]);
		p.degree = 8;
		p.share_threshold = 5;
		assert_int_equal(secagg_share_threshold(&p), 5);
		assert_int_equal(secagg_threshold(&p), cases[i][2]);
	}
}

static void refused(const struct secagg_plan *p, const char *words)
{
	struct diag why = {{0}};

	assert_int_equal(secagg_plan_check(p, &why), ERR_REFUSED);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, words);
}

static void test_plans_that_cannot_be(void **state)
{
	(void)state;
	struct secagg_plan p = plan_of_nine();
	struct diag why;

	assert_int_equal(secagg_plan_check(&p, &why), OK);
	p.quorum = 6; /* t */
	assert_int_equal(secagg_plan_check(&p, &why), OK);
	p.quorum = 5;
	refused(&p, "quorum 5 is below the threshold 6 of 9 sites with 2 colluders");
	p.quorum = 10;
	refused(&p, "quorum 10 is more than the 9 invited");
	p = plan_of_nine();
	p.n = 3;
	p.quorum = 3;
	refused(&p, "quorum 3 with 2 colluders leaves fewer than 2 honest sites");
	p = plan_of_nine();
	p.n = 1;
	refused(&p, "1 sites are invited");
	p = plan_of_nine();
	sites[3].number = sites[2].number;
	refused(&p, "not ascending at site 25");
	p = plan_of_nine();
	sites[0].number = 0;
	refused(&p, "not ascending at site 0");
	p = plan_of_nine();
	p.bits = 33;
	refused(&p, "100 words of 33 bits");
	p.bits = 0;
	refused(&p, "100 words of 0 bits");
	p.bits = 1;
	p.words = 0;
	refused(&p, "0 words of 1 bits");
}

static void test_graphs_that_cannot_be(void **state)
{
	(void)state;
	struct secagg_plan p = plan_of_nine();
	struct diag why;

	p.degree = 6;
	p.share_threshold = 4;
	assert_int_equal(secagg_plan_check(&p, &why), OK);
	p.degree = 5;
	refused(&p, "has 5 neighbours");
	p.degree = 8;
	refused(&p, "has 8 neighbours"); /* the quorum of 7 has 6 others */
	p.degree = 6;
	p.share_threshold = 7;
	refused(&p, "7 shares are to open a secret that 6 neighbours share");
	p.share_threshold = 0;
	refused(&p, "0 shares");
	p.degree = 0;
	p.share_threshold = 4;
	refused(&p, "4 shares");
}

static void test_sizes(void **state)
{
	(void)state;
	struct secagg_plan p = plan_of_nine();

	assert_int_equal(secagg_input_octets(&p), 250);
	p.words = 3;
	p.bits = 3;
	assert_int_equal(secagg_input_octets(&p), 2);
	p.words = UINT32_MAX;
	p.bits = 32;
	assert_true(secagg_input_octets(&p) == 4ull * UINT32_MAX);
	for (uint32_t n = 2; n < 5000; n = n * 3 / 2 + 1) {
		assert_true(secagg_message_max(n, SECAGG_SHARES) >= SECAGG_SHARES_HEAD + (n - 1) * SECAGG_CT_ITEM);
		assert_true(secagg_message_max(n, SECAGG_SHARES) >= n * SECAGG_KEYS_SIZE);
		assert_true(secagg_message_max(n, SECAGG_INPUT) >= (n + 7) / 8 + (n - 1) * SECAGG_CT_ITEM);
		assert_true(secagg_message_max(n, SECAGG_OPENING) <= n * 176);
	}
	for (uint32_t number = 0; number < 80; number++)
		assert_int_equal(secagg_invited(&p, number), number >= 11 && (number - 11) % 7 == 0 && number <= 67
		                                                     ? (number - 11) / 7
		                                                     : UINT32_MAX);
	assert_string_equal(secagg_phase_name(SECAGG_OPENING), "opening");
	assert_string_equal(secagg_phase_name(SECAGG_PHASE_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_plans_that_cannot_be),
		cmocka_unit_test(test_graphs_that_cannot_be),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
