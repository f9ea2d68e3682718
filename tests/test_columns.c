/* Columns side by side against the library's qsort and plain loops, one column at a time. */
#include "base/columns.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double *column_of(struct columns c, size_t k)
{
	double *x = mem_array(c.rows, sizeof *x);

	for (size_t r = 0; r < c.rows; r++)
		x[r] = c.x[r * c.stride + k];
	return x;
}

/* A network sorts everything when it sorts every column of zeros and ones (Knuth, section 5.3.4, theorem Z). */
static void test_every_column_of_zeros_and_ones(void **state)
{
	(void)state;
	for (size_t rows = 1; rows <= 13; rows++) {
		size_t width = (size_t)1 << rows;
		struct columns c = {mem_array(rows * width, sizeof(double)), rows, width, width};

		for (size_t k = 0; k < width; k++)
			for (size_t r = 0; r < rows; r++)
				c.x[r * width + k] = (double)(k >> r & 1);
		columns_sort(c);
		for (size_t k = 0; k < width; k++) {
			size_t ones = (size_t)__builtin_popcountll(k);

			for (size_t r = 0; r < rows; r++)
				assert_true(c.x[r * width + k] == (r >= rows - ones));
		}
		free(c.x);
	}
}

/* Lengths around strips and lanes; what lies between the rows is left alone. */
static void test_sorting_as_qsort_does(void **state)
{
	static const size_t shapes[][2] = {{2, 1}, {3, 700}, {16, 9}, {17, 2100}, {64, 515}, {100, 333}, {600, 67}};
	struct rng r;

	(void)state;
	rng_seeded(&r, 3, "columns");
	for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
		size_t rows = shapes[s][0], width = shapes[s][1], stride = width + 3;
		struct columns c = {mem_array(rows * stride, sizeof(double)), rows, width, stride};
		double *before = mem_array(rows * stride, sizeof *before);

		for (size_t i = 0; i < rows * stride; i++)
			before[i] = c.x[i] = (double)rng_below(&r, 40) - 20 + (i % 7 == 0 ? rng_normal(&r) : 0);
		columns_sort(c);
		for (size_t k = 0; k < width; k++) {
			double *expected = column_of((struct columns){before, rows, width, stride}, k);
			double *found = column_of(c, k);

			qsort(expected, rows, sizeof *expected, ascending);
			assert_memory_equal(found, expected, rows * sizeof *found);
			free(expected);
			free(found);
		}
		for (size_t row = 0; row < rows; row++)
			assert_memory_equal(c.x + row * stride + width, before + row * stride + width,
			                    3 * sizeof(double));
		free(before);
		free(c.x);
	}
}

static void test_means_of_some_rows(void **state)
{
	double x[] = {9, 9, 9, -1, 1, 2, 3, -1, 3, 5, 8, -1, 9, 9, 9, -1};
	double out[4] = {0, 0, 0, 77};
	struct columns c = {x, 4, 3, 4};

	(void)state;
	columns_mean(out, c, 1, 3);
	assert_true(out[0] == 2 && out[1] == 3.5 && out[2] == 5.5 && out[3] == 77);
	columns_mean(out, c, 2, 3);
	assert_true(out[0] == 3 && out[1] == 5 && out[2] == 8);
}

static void test_distances_by_hand(void **state)
{
	double x[] = {0, 0, 3, 4, 3, 0};
	double pairs[3] = {100, 0, 0};

	(void)state;
	columns_distances(pairs, (struct columns){x, 3, 2, 2});
	assert_true(pairs[0] == 125 && pairs[1] == 9 && pairs[2] == 16);
}

/* Against long double, over several strips; and rows in reverse have the same distances, bit for bit. */
static void test_distances_against_a_plain_loop(void **state)
{
	enum { ROWS = 40, WIDTH = 2 * 819 + 5 };
	double *x = mem_array(ROWS * WIDTH, sizeof *x), *back = mem_array(ROWS * WIDTH, sizeof *back);
	double *pairs = mem_array(ROWS * (ROWS - 1) / 2, sizeof *pairs), *again = mem_array(ROWS * ROWS, sizeof *again);
	struct rng r;

	(void)state;
	rng_seeded(&r, 4, "distances");
	for (size_t i = 0; i < ROWS * WIDTH; i++)
		x[i] = rng_normal(&r);
	for (size_t i = 0; i < ROWS; i++)
		memcpy(back + i * WIDTH, x + (ROWS - 1 - i) * WIDTH, WIDTH * sizeof *x);
	columns_distances(pairs, (struct columns){x, ROWS, WIDTH, WIDTH});
	columns_distances(again, (struct columns){back, ROWS, WIDTH, WIDTH});
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < i; j++) {
			size_t a = ROWS - 1 - j, b = ROWS - 1 - i;
			long double sum = 0;

			for (size_t k = 0; k < WIDTH; k++) {
				long double d = (long double)x[i * WIDTH + k] - (long double)x[j * WIDTH + k];

				sum += d * d;
			}
			assert_true(fabsl((long double)pairs[i * (i - 1) / 2 + j] / sum - 1) < 1e-13L);
			assert_true(pairs[i * (i - 1) / 2 + j] == again[a * (a - 1) / 2 + b]);
		}
	free(x);
	free(back);
	free(pairs);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_column_of_zeros_and_ones),
		cmocka_unit_test(test_sorting_as_qsort_does),
		cmocka_unit_test(test_means_of_some_rows),
		cmocka_unit_test(test_distances_by_hand),
		cmocka_unit_test(test_distances_against_a_plain_loop),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
