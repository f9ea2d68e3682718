/* base/queue: first in, first out, against a plain array, while the ring grows and wraps. */
#include "base/queue.h"
#include "base/random.h"
#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 5000

struct item {
	uint64_t number;
	char text[5]; /* an odd size inside */
};

static void test_against_array(void **state)
{
	struct queue q;
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "queue");
	for (uint64_t favour = 1; favour < 10; favour++) { /* of ten steps so many push: short queues and long ones */
		uint64_t pushed = 0, popped = 0;
		struct item item = {0};
		queue_init(&q, sizeof item);
		for (int step = 0; step < STEPS; step++) {
			if (rng_below(&r, 10) < favour) {
				item = (struct item){.number = pushed++, .text = "act"};
				queue_push(&q, &item);
				memset(&item, 0xff, sizeof item); /* the queue has its own copy */
			} else if (popped == pushed) {
				assert_false(queue_pop(&q, &item));
				assert_null(queue_first(&q));
			} else {
				assert_true(((const struct item *)queue_first(&q))->number == popped);
				assert_true(queue_pop(&q, &item));
				assert_true(item.number == popped++);
				assert_string_equal(item.text, "act");
			}
			assert_int_equal(q.count, pushed - popped);
			assert_true(q.room >= q.count);
		}
		queue_free(&q);
	}
}

static void test_empty(void **state)
{
	struct queue q = {0};
	int value = 7;

	(void)state;
	queue_free(&q);
	queue_init(&q, sizeof value);
	assert_false(queue_pop(&q, &value));
	assert_int_equal(value, 7);
	queue_push(&q, &value);
	value = 0;
	assert_true(queue_pop(&q, &value));
	assert_int_equal(value, 7);
	assert_false(queue_pop(&q, &value));
	queue_free(&q);
	queue_free(&q);
}

/* Its memory is that of the longest queue so far, and then no more. */
static void test_room_is_kept(void **state)
{
	struct queue q;
	int value = 0;

	(void)state;
	queue_init(&q, sizeof value);
	for (int i = 0; i < 100; i++)
		queue_push(&q, &i);
	size_t room = q.room;
	assert_true(room < 256);
	for (int i = 0; i < 10000; i++) {
		assert_true(queue_pop(&q, &value));
		queue_push(&q, &value);
	}
	assert_int_equal(q.room, room);
	queue_free(&q);
}

static void push_without_size(void *context)
{
	struct queue q = {0};

	queue_push(&q, context);
}

static void test_misuse(void **state)
{
	int value = 0;

	(void)state;
	child_expect_check("item_size > 0", push_without_size, &value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_array),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_room_is_kept),
		cmocka_unit_test(test_misuse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
