/* model/schedule against values worked out by hand, and the edges between warm-up and schedule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "model/schedule.h"

static void expect(struct rate_schedule s, uint32_t rounds, const double *wanted)
{
	for (uint32_t r = 1; r <= rounds; r++)
		if (!(fabs(schedule_factor(&s, r, rounds) - wanted[r - 1]) < 1e-15))
			fail_msg("round %u: %.17g, not %.17g", r, schedule_factor(&s, r, rounds), wanted[r - 1]);
}

static void constant(void **state)
{
	(void)state;
	expect((struct rate_schedule){0}, 3, (const double[]){1, 1, 1});
	expect((struct rate_schedule){.warmup = 3}, 6, (const double[]){0.25, 0.5, 0.75, 1, 1, 1});
	expect((struct rate_schedule){.warmup = 1}, 2, (const double[]){0.5, 1});
}

static void step(void **state)
{
	(void)state;
	struct rate_schedule s = {.kind = SCHEDULE_STEP, .every = 2, .factor = 0.5};
	expect(s, 7, (const double[]){1, 1, 0.5, 0.5, 0.25, 0.25, 0.125});
	s.warmup = 1;
	expect(s, 6, (const double[]){0.5, 1, 1, 0.5, 0.5, 0.25});
	s = (struct rate_schedule){.kind = SCHEDULE_STEP, .every = 1, .factor = 1};
	expect(s, 3, (const double[]){1, 1, 1});
}

/* (1 + cos(pi q / 4)) / 2 is 1, (2 + sqrt 2) / 4, 1/2, (2 - sqrt 2) / 4. */
static void cosine(void **state)
{
	(void)state;
	const double high = (2 + sqrt(2)) / 4, low = (2 - sqrt(2)) / 4;
	struct rate_schedule s = {.kind = SCHEDULE_COSINE};
	expect(s, 4, (const double[]){1, high, 0.5, low});
	s.warmup = 1;
	expect(s, 5, (const double[]){0.5, 1, high, 0.5, low});
	s = (struct rate_schedule){.kind = SCHEDULE_COSINE, .floor = 0.2};
	expect(s, 4, (const double[]){1, 0.2 + 0.8 * high, 0.6, 0.2 + 0.8 * low});
	expect(s, 1, (const double[]){1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant),
		cmocka_unit_test(step),
		cmocka_unit_test(cosine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
