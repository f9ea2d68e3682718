/* model/transpose: every element in its place, for all small shapes, at any alignment, and none beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "model/transpose.h"

#define MOST 40

static void check(size_t rows, size_t columns, size_t shift)
{
	size_t n = rows * columns;
	float *memory = vec_f32(2 * n + 32), *w = memory + shift, *t = memory + n + 16 + shift;
	for (size_t i = 0; i < n; i++)
		w[i] = (float)i + 1;
	t[-1] = t[n] = -1;
	transpose(t, w, rows, columns);
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < columns; c++)
			if (t[c * rows + r] != w[r * columns + c])
				fail_msg("%zu x %zu: row %zu, column %zu", rows, columns, r, c);
	assert_true(t[-1] == -1 && t[n] == -1);
	free(memory);
}

static void all_shapes(void **state)
{
	(void)state;
	for (size_t rows = 1; rows <= MOST; rows++)
		for (size_t columns = 1; columns <= MOST; columns++)
			check(rows, columns, (rows + columns) % 8 + 1);
	check(128, 30, 1);
	check(64, 128, 3);
	check(10, 1000, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_shapes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
