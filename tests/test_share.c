/* base/share: shares to the last bit, parts cut toward zero, and sums that are exact in any order. */
#include "base/random.h"
#include "base/share.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_shares(void **state)
{
	(void)state;
	assert_true(share_of(1) == 1);
	assert_true(share_of(2) == 0.5);
	assert_true(share_of(3) == 5592405 * 0x1p-24); /* 2^24 / 3 = 5592405.33 */
	assert_true(share_of(1u << 24) == 0x1p-24);
	assert_true(share_of((1u << 24) + 1) == 0);
	for (uint32_t rows = 1; rows < 100000; rows++) {
		assert_true(rows * share_of(rows) <= 1); /* exact: 49 bits */
		assert_true(share_of(rows) > 1.0 / rows - 0x1p-24);
	}
}

static void test_parts(void **state)
{
	(void)state;
	assert_true(share_part(1, 1) == 1 && share_part(1, -1) == -1);
	assert_true(share_part(1, 0x1.8p-24) == 0x1p-24); /* toward zero, from both sides */
	assert_true(share_part(1, -0x1.8p-24) == -0x1p-24);
	assert_true(share_part(1, 0x1.fp-25) == 0 && share_part(1, -0x1.fp-25) == 0);
	assert_true(share_part(share_of(3), -1) == -share_of(3));
	assert_true(share_part(0.5, NAN) == 0 && share_part(0.5, INFINITY) == 0 && share_part(0.5, -INFINITY) == 0);
	assert_true(share_part(1, nextafter(1, 2)) == 0 && share_part(1, -1e300) == 0);
}

#define COUNT 100000

/* Forward and backward, and from a sum that is as large as any. */
static void test_sums_are_exact(void **state)
{
	static double parts[COUNT];
	double forward = 20000000, backward = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "test: share");
	for (int i = 0; i < COUNT; i++) {
		uint32_t rows = 1 + (uint32_t)rng_below(&r, 70);
		double x = 2 * rng_unit(&r) - 1;

		parts[i] = share_part(share_of(rows), x);
		assert_true(fabs(parts[i]) <= share_of(rows) * fabs(x));
		assert_true(fabs(parts[i]) > fabs(x) / rows - 0x1p-23);
		forward += parts[i];
	}
	for (int i = COUNT; i-- > 0;)
		backward += parts[i];
	assert_true(forward - 20000000 == backward);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_sums_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
