/* simulator/private_draws: the same for the same seed, round and site; another stream for every other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "simulator/private_draws.h"

static void draw(uint8_t out[64], uint8_t seed, uint64_t round, uint32_t site)
{
	struct private_draws d;
	struct hash draws;

	memset(draws.b, seed, HASH_SIZE);
	private_draws_begin(&d, &draws, round, site);
	struct entropy entropy = private_draws_entropy(&d);
	entropy_fill(&entropy, out, 40);
	entropy_fill(&entropy, out + 40, 24);
}

static void a_run_can_be_repeated(void **state)
{
	(void)state;
	uint8_t first[64], again[64];

	draw(first, 1, 5, 7);
	draw(again, 1, 5, 7);
	assert_memory_equal(first, again, sizeof first);
	assert_memory_not_equal(first, first + 32, 32); /* the stream goes on */
}

static void rounds_and_sites_share_no_draws(void **state)
{
	(void)state;
	uint8_t first[64], other[64];

	draw(first, 1, 5, 7);
	draw(other, 2, 5, 7);
	assert_memory_not_equal(first, other, 16);
	draw(other, 1, 6, 7);
	assert_memory_not_equal(first, other, 16);
	draw(other, 1, 5, 8);
	assert_memory_not_equal(first, other, 16);
	draw(other, 1, 7, 5);
	assert_memory_not_equal(first, other, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_can_be_repeated),
		cmocka_unit_test(rounds_and_sites_share_no_draws),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
