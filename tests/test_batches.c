/* Batches: every epoch visits every row once, any batch can be had without its forerunners, rounds join without a
 * seam. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "data/batches.h"

#include <string.h>

#define ROWS_MAX 64

static const struct hash draws = {{1, 2, 3}};

/* Begins for a site of the study. */
static void begin(struct batches *b, const struct hash *of, const char *site, uint32_t rows, uint32_t batch)
{
	struct hash key;

	batches_key(&key, of, site);
	batches_begin(b, &key, rows, batch);
}

static void assert_epoch_is_a_permutation(struct batches *b, uint64_t epoch)
{
	bool seen[ROWS_MAX] = {false};
	uint64_t per_epoch = batches_per_epoch(b);
	uint32_t total = 0, count;

	for (uint64_t k = 0; k < per_epoch; k++) {
		const uint32_t *rows = batches_rows(b, epoch * per_epoch + k, &count);
		assert_true(count >= 1 && count <= b->batch);
		assert_true(count == b->batch || k + 1 == per_epoch);
		for (uint32_t i = 0; i < count; i++) {
			assert_true(rows[i] < b->rows && !seen[rows[i]]);
			seen[rows[i]] = true;
		}
		total += count;
	}
	assert_int_equal(total, b->rows);
}

static void test_an_epoch_visits_every_row_once(void **state)
{
	(void)state;
	for (uint32_t rows = 1; rows <= ROWS_MAX; rows++) {
		for (uint32_t batch = 1; batch <= rows + 1; batch++) {
			struct batches b = {0};
			begin(&b, &draws, "st-mary", rows, batch);
			for (uint64_t epoch = 0; epoch < 3; epoch++)
				assert_epoch_is_a_permutation(&b, epoch);
			batches_free(&b);
		}
	}
}

static void test_any_batch_without_its_forerunners(void **state)
{
	struct batches all = {0}, one = {0};
	uint32_t expected, count;

	(void)state;
	begin(&all, &draws, "st-mary", 23, 5);
	for (uint64_t k = 0; k < 40; k++) {
		uint32_t kept[5];
		const uint32_t *rows = batches_rows(&all, k, &expected);
		memcpy(kept, rows, expected * sizeof kept[0]);
		begin(&one, &draws, "st-mary", 23, 5);
		rows = batches_rows(&one, k, &count);
		assert_int_equal(count, expected);
		assert_memory_equal(rows, kept, count * sizeof kept[0]);
		batches_free(&one);
	}
	batches_free(&all);
}

static bool same_order(const struct hash *draws_a, const char *site_a, uint64_t epoch_a, const struct hash *draws_b,
                       const char *site_b, uint64_t epoch_b)
{
	struct batches a = {0}, b = {0};
	uint32_t count;

	begin(&a, draws_a, site_a, ROWS_MAX, ROWS_MAX);
	begin(&b, draws_b, site_b, ROWS_MAX, ROWS_MAX);
	bool same = memcmp(batches_rows(&a, epoch_a, &count), batches_rows(&b, epoch_b, &count),
	                   ROWS_MAX * sizeof(uint32_t)) == 0;
	batches_free(&a);
	batches_free(&b);
	return same;
}

static void test_study_site_and_epoch_each_change_the_order(void **state)
{
	const struct hash other = {{1, 2, 4}};

	(void)state;
	assert_true(same_order(&draws, "st-mary", 3, &draws, "st-mary", 3));
	assert_false(same_order(&draws, "st-mary", 3, &other, "st-mary", 3));
	assert_false(same_order(&draws, "st-mary", 3, &draws, "st-marx", 3));
	assert_false(same_order(&draws, "st-mary", 3, &draws, "st-mary", 4));
}

/* The recipe of the header, step by step. */
static void test_the_order_is_that_of_the_recipe(void **state)
{
	const struct bytes fields[] = {bytes_of(draws.b, HASH_SIZE), bytes_text("st-mary")};
	uint32_t expected[10], count;
	struct hash key;
	struct rng rng;
	struct batches b = {0};

	(void)state;
	hash_fields(&key, NULL, "COHRTord", fields, 2);
	rng_numbered(&rng, key.b, 2);
	for (uint32_t i = 0; i < 10; i++)
		expected[i] = i;
	rng_shuffle(&rng, expected, 10);
	begin(&b, &draws, "st-mary", 10, 100);
	assert_memory_equal(batches_rows(&b, 2, &count), expected, sizeof expected);
	assert_int_equal(count, 10);
	batches_free(&b);
}

/* The same from a second implementation: BLAKE2b of Python's hashlib, ChaCha20 written after RFC 8439. */
static void test_a_known_order(void **state)
{
	static const uint32_t expected[10] = {9, 1, 7, 3, 6, 8, 4, 5, 2, 0};
	uint32_t count;
	struct batches b = {0};

	(void)state;
	begin(&b, &draws, "st-mary", 10, 10);
	assert_memory_equal(batches_rows(&b, 2, &count), expected, sizeof expected);
	batches_free(&b);
}

static void test_rounds_of_epochs(void **state)
{
	struct batches b = {0};

	(void)state;
	begin(&b, &draws, "st-mary", 23, 5);
	assert_int_equal(batches_per_epoch(&b), 5);
	struct batch_range r = batches_of_round(&b, 1, 2, 0);
	assert_int_equal(r.first, 0);
	assert_int_equal(r.count, 10);
	r = batches_of_round(&b, 7, 2, 0);
	assert_int_equal(r.first, 60);
	assert_int_equal(r.count, 10);
	batches_free(&b);
}

/* With steps the rounds lie one after another: three rounds of 4 steps are two epochs of 5 batches and 2 more. */
static void test_rounds_of_steps_go_on_where_the_last_ended(void **state)
{
	struct batches b = {0};
	uint64_t next = 0;

	(void)state;
	begin(&b, &draws, "st-mary", 23, 5);
	for (uint32_t round = 1; round <= 3; round++) {
		struct batch_range r = batches_of_round(&b, round, 0, 4);
		assert_int_equal(r.first, next);
		assert_int_equal(r.count, 4);
		next = r.first + r.count;
	}
	struct batch_range last = batches_of_round(&b, UINT32_MAX, 0, UINT32_MAX); /* no overflow */
	assert_true(last.first == (uint64_t)(UINT32_MAX - 1) * UINT32_MAX);
	batches_free(&b);
}

static void test_a_site_without_rows_has_no_batches(void **state)
{
	struct batches b = {0};

	(void)state;
	begin(&b, &draws, "st-mary", 0, 32);
	assert_int_equal(batches_per_epoch(&b), 0);
	assert_int_equal(batches_of_round(&b, 3, 2, 0).count, 0);
	assert_int_equal(batches_of_round(&b, 3, 0, 100).count, 0);
	batches_free(&b);
}

static void test_gathers_rows_and_labels(void **state)
{
	const float from[] = {0, 1, 10, 11, 20, 21};
	const union label_value labels[] = {{5}, {6}, {.value = 0.5f}};
	const uint32_t rows[] = {2, 0, 2};
	float out[6];
	union label_value out_labels[3];

	(void)state;
	batches_gather(out, from, 2, rows, 3);
	batches_gather_labels(out_labels, labels, rows, 3);
	assert_memory_equal(out, ((const float[]){20, 21, 0, 1, 20, 21}), sizeof out);
	assert_true(out_labels[0].value == 0.5f && out_labels[1].class == 5 && out_labels[2].value == 0.5f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_epoch_visits_every_row_once),
		cmocka_unit_test(test_any_batch_without_its_forerunners),
		cmocka_unit_test(test_study_site_and_epoch_each_change_the_order),
		cmocka_unit_test(test_the_order_is_that_of_the_recipe),
		cmocka_unit_test(test_a_known_order),
		cmocka_unit_test(test_rounds_of_epochs),
		cmocka_unit_test(test_rounds_of_steps_go_on_where_the_last_ended),
		cmocka_unit_test(test_a_site_without_rows_has_no_batches),
		cmocka_unit_test(test_gathers_rows_and_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
