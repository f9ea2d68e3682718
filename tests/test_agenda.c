/* The agenda: what is noted down in any order comes out by time, and at one moment in the order of noting. */
#include "base/random.h"
#include "simulator/agenda.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define ITEMS 500
#define ROUNDS 40

static void test_empty(void **state)
{
	struct agenda a = {0};
	struct event e;

	(void)state;
	assert_false(agenda_take(&a, &e));
	agenda_free(&a);
}

/* `number` counts the notes, so among equal times it must ascend. */
static void test_order(void **state)
{
	struct agenda a = {0};
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "agenda");
	for (int round = 0; round < ROUNDS; round++) {
		int64_t last_ms = -1;
		uint64_t last = 0;
		struct event e;
		uint32_t count = 0;

		for (uint32_t i = 0; i < ITEMS; i++)
			agenda_add(&a, &(struct event){.at_ms = (int64_t)rng_below(&r, 1 + 50 * (uint64_t)round),
			                               .number = i});
		while (agenda_take(&a, &e)) {
			assert_true(e.at_ms > last_ms || (e.at_ms == last_ms && e.number > last));
			last_ms = e.at_ms;
			last = e.number;
			count++;
		}
		assert_int_equal(count, ITEMS);
	}
	agenda_free(&a);
}

/* Taking and adding by turns: never earlier than what was taken, when nothing earlier is added. */
static void test_by_turns(void **state)
{
	struct agenda a = {0};
	struct event e;
	struct rng r;
	int64_t now_ms = 0;

	(void)state;
	rng_seeded(&r, 2, "agenda");
	agenda_add(&a, &(struct event){.at_ms = 1});
	for (int i = 0; i < 20000; i++) {
		assert_true(agenda_take(&a, &e));
		assert_true(e.at_ms >= now_ms);
		now_ms = e.at_ms;
		for (uint64_t k = a.count < 300 ? 1 + rng_below(&r, 2) : 0; k > 0; k--)
			agenda_add(&a, &(struct event){.at_ms = now_ms + (int64_t)rng_below(&r, 100)});
	}
	agenda_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_by_turns),
	};

	return cmocka_run_group_tests_name("agenda", tests, NULL, NULL);
}
