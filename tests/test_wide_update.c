/*
 * VEC_WIDE (base/vec.h) promises the same bits from every version of a function: what one site's update is made of, compiled
 * here without it, against the versions in the archive that the loader takes on this machine. tests/test_wide_update_avx2.c
 * is this file compiled for AVX2, for machines on which the loader takes the one for AVX-512.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/vec.h"

#undef VEC_WIDE
#ifdef WIDE_TARGET
#define VEC_WIDE __attribute__((target(WIDE_TARGET)))
#define RUNS_HERE __builtin_cpu_supports(WIDE_TARGET)
#else
#define VEC_WIDE
#define RUNS_HERE true
#endif

#define loss_row other_loss_row
#define loss_rows other_loss_rows
#define loss_forward other_loss_forward
#define loss_backward other_loss_backward
#define loss_smooth other_loss_smooth
#include "model/loss.c"
#undef loss_row
#undef loss_rows
#undef loss_forward
#undef loss_backward
#undef loss_smooth

#define layout_begin other_layout_begin
#define layout_add other_layout_add
#define layout_add_noised other_layout_add_noised
#define layout_find other_layout_find
#define layout_octets other_layout_octets
#define segment_name other_segment_name
#define segment_encode other_segment_encode
#define segment_encode_update other_segment_encode_update
#define segment_decode other_segment_decode
#define layout_check_words other_layout_check_words
#include "protocol/vector.c"
#undef layout_begin
#undef layout_add
#undef layout_add_noised
#undef layout_find
#undef layout_octets
#undef segment_name
#undef segment_encode
#undef segment_encode_update
#undef segment_decode
#undef layout_check_words

double loss_backward(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                     uint32_t rows);
enum err segment_encode_update(uint8_t *octets, const struct segment *s, const struct layout *l, const float *local,
                               const float *global, double scale, uint64_t *saturated, struct diag *why);

#include "tests/support/models.h"

static void losses(void **state)
{
	(void)state;
	enum { ROWS = 1003 };
	struct rng r;
	float z[ROWS], dz[ROWS], other_dz[ROWS];
	union label_value labels[ROWS];
	rng_seeded(&r, 1, "wide");
	for (int run = 0; run < 50; run++) {
		models_normal(z, ROWS, 10, &r);
		models_labels(labels, ROWS, 2, &r);
		double loss = loss_backward(dz, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, ROWS);
		double other = other_loss_backward(other_dz, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, ROWS);
		assert_memory_equal(&loss, &other, sizeof loss);
		assert_memory_equal(dz, other_dz, sizeof dz);
	}
}

static void updates(void **state)
{
	(void)state;
	enum { ITEMS = 1003 };
	static float local[ITEMS], global[ITEMS];
	static uint8_t octets[4 * ITEMS], other_octets[4 * ITEMS];
	struct rng r;
	struct layout l;
	rng_seeded(&r, 2, "wide");
	other_layout_begin(&l, 7);
	assert_int_equal(other_layout_add(&l, SEGMENT_UPDATE, CODING_NARROW, ITEMS, 0.3, NULL), OK);
	for (int run = 0; run < 50; run++) {
		uint64_t saturated = 0, other_saturated = 0;
		models_normal(local, ITEMS, 0.1, &r);
		models_normal(global, ITEMS, 0.1, &r);
		assert_int_equal(
			segment_encode_update(octets, &l.segments[0], &l, local, global, 0.57, &saturated, NULL), OK);
		assert_int_equal(other_segment_encode_update(other_octets, &l.segments[0], &l, local, global, 0.57,
		                                             &other_saturated, NULL),
		                 OK);
		assert_memory_equal(octets, other_octets, sizeof octets);
		assert_true(saturated == other_saturated && saturated > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(losses),
		cmocka_unit_test(updates),
	};
	if (!RUNS_HERE) {
		print_message("skipped: this machine cannot run it\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
