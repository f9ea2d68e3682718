/*
 * Fates fall at the rates asked for, site by site and attempt by attempt independently, and the same again for the same study.
 */
#include "simulator/fates.h"
#include "tests/support/chi_square.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 1000
#define ROUNDS 60

static const struct hash draws = {"the draws of some study, 32 oct"};

static void draw(enum fate fates[SITES], uint64_t round, uint32_t attempt, const struct hash *seed, double dropout,
                 double slow)
{
	struct round_plan plan = {.round = round, .attempt = attempt, .site_count = SITES};

	fates_draw(fates, &plan, seed, dropout, slow);
}

/* Observed against expected counts of the three fates; a fate that cannot be must not be. */
static void assert_rates(double dropout, double slow)
{
	const double share[3] = {
		[FATE_CONTRIBUTES] = (1 - dropout) * (1 - slow),
		[FATE_DROPS] = dropout,
		[FATE_SLOW] = (1 - dropout) * slow,
	};
	enum fate fates[SITES];
	uint32_t counts[3] = {0};
	double sum = 0;

	for (uint64_t round = 1; round <= ROUNDS; round++) {
		draw(fates, round, 1, &draws, dropout, slow);
		for (uint32_t i = 0; i < SITES; i++)
			counts[fates[i]]++;
	}
	for (int k = 0; k < 3; k++) {
		double expected = share[k] * SITES * ROUNDS;

		if (expected == 0)
			assert_int_equal(counts[k], 0);
		else
			sum += (counts[k] - expected) * (counts[k] - expected) / expected;
	}
	if (sum > chi_square_limit(2))
		fail_msg("dropout %g, slow %g: %u %u %u", dropout, slow, counts[0], counts[1], counts[2]);
}

static void test_rates(void **state)
{
	(void)state;
	assert_rates(0, 0);
	assert_rates(1, 0);
	assert_rates(0, 1);
	assert_rates(1, 1);
	assert_rates(0.5, 0.5);
	assert_rates(0.2, 0.1);
	assert_rates(0.01, 0);
	assert_rates(0, 0.003);
	assert_rates(0.9, 0.95);
}

static void test_the_same_again(void **state)
{
	enum fate a[SITES], b[SITES];
	struct hash other = draws;

	(void)state;
	draw(a, 7, 2, &draws, 0.3, 0.2);
	draw(b, 7, 2, &draws, 0.3, 0.2);
	assert_memory_equal(a, b, sizeof a);
	other.b[31] ^= 1;
	draw(b, 7, 2, &other, 0.3, 0.2);
	assert_memory_not_equal(a, b, sizeof a);
}

/* Who is in more trouble than --slow alone: a site's fate under a higher rate is no better. What differs between two settings is
 * then the settings, and not the luck of the draw. */
static void test_a_higher_rate_only_adds(void **state)
{
	enum fate few[SITES], more[SITES];

	(void)state;
	draw(few, 3, 1, &draws, 0.1, 0);
	draw(more, 3, 1, &draws, 0.3, 0);
	for (uint32_t i = 0; i < SITES; i++)
		assert_true(few[i] != FATE_DROPS || more[i] == FATE_DROPS);
}

/* Of two draws with P = 1/2 each of the four pairs falls equally often. */
static void assert_independent(const enum fate *a, const enum fate *b)
{
	uint32_t pairs[4] = {0};

	for (uint32_t i = 0; i < SITES; i++)
		pairs[(a[i] == FATE_DROPS) * 2 + (b[i] == FATE_DROPS)]++;
	assert_true(chi_square(pairs, 4, SITES / 4.0) < chi_square_limit(3));
}

static void test_attempts_and_rounds_are_independent(void **state)
{
	enum fate base[SITES], other[SITES], next[SITES];

	(void)state;
	draw(base, 5, 1, &draws, 0.5, 0);
	for (uint32_t attempt = 2; attempt <= 16; attempt++) {
		draw(other, 5, attempt, &draws, 0.5, 0);
		assert_independent(base, other);
	}
	for (uint64_t round = 6; round < 20; round++) {
		draw(other, round, 1, &draws, 0.5, 0);
		assert_independent(base, other);
	}
	draw(other, 1ull << 32 | 5, 1, &draws, 0.5, 0); /* no half of the number is lost */
	assert_independent(base, other);
	memcpy(next, base + 1, sizeof next - sizeof next[0]); /* neighbours */
	next[SITES - 1] = base[0];
	assert_independent(base, next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_the_same_again),
		cmocka_unit_test(test_a_higher_rate_only_adds),
		cmocka_unit_test(test_attempts_and_rounds_are_independent),
	};

	return cmocka_run_group_tests_name("fates", tests, NULL, NULL);
}
