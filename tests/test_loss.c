/* model/loss in float: known values, extremes, and the relations between the two losses. Derivatives:
 * test_gradients.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "model/loss.h"
#include "tests/support/models.h"

static double binary(float z, uint32_t label)
{
	return loss_row(LOSS_BINARY_CROSS_ENTROPY, &z, 1, (union label_value){label});
}

/* -log(sigmoid(z)) to 15 digits from Python's decimal: (1 + (-z).exp()).ln() at 40 digits. */
static void binary_known_values(void **state)
{
	(void)state;
	assert_true(fabs(binary(0, 0) - 0.693147180559945) < 1e-15);
	assert_true(fabs(binary(0, 1) - 0.693147180559945) < 1e-15);
	assert_true(fabs(binary(1, 1) - 0.313261687518223) < 1e-15);
	assert_true(fabs(binary(-1, 0) - 0.313261687518223) < 1e-15);
	assert_true(fabs(binary(1, 0) - 1.313261687518223) < 1e-14);
	assert_true(fabs(binary(20, 1) / 2.061153620314381e-9 - 1) < 1e-12);
}

static void extremes_stay_finite(void **state)
{
	(void)state;
	assert_true(binary(1000, 0) == 1000 && binary(-1000, 1) == 1000);
	assert_true(binary(1000, 1) == 0 && binary(-1000, 0) == 0);
	assert_true(binary(3e38f, 0) == (double)3e38f);
	const float z[] = {1000, -1000, 3e38f};
	assert_true(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z, 2, (union label_value){0}) == 0);
	assert_true(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z, 2, (union label_value){1}) == 2000);
	assert_true(isfinite(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z, 3, (union label_value){1})));
	float dz[3];
	loss_backward(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z, 3, &(union label_value){1}, 1);
	assert_true(dz[0] == 0 && dz[1] == -1 && dz[2] == 1);
}

static void nan_fails_closed(void **state)
{
	(void)state;
	float dz[2];
	const float z[] = {NAN, 0}, z2[] = {0, NAN};
	for (union label_value label = {0}; label.class < 2; label.class ++) {
		assert_true(isnan(binary(NAN, label.class)));
		assert_true(isnan(loss_backward(dz, LOSS_BINARY_CROSS_ENTROPY, z, 1, &label, 1)) && isnan(dz[0]));
		assert_true(isnan(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z, 2, label)));
		assert_true(isnan(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z2, 2, label)));
		loss_backward(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z2, 2, &label, 1);
		assert_true(isnan(dz[0]) && isnan(dz[1]));
	}
}

/* Softmax over the logits 0 and z is the binary loss of z. */
static void two_classes_are_binary(void **state)
{
	(void)state;
	for (float z = -30; z <= 30; z += 0.37f)
		for (union label_value label = {0}; label.class < 2; label.class ++) {
			const float pair[] = {0, z};
			float dz, dpair[2];
			double one = loss_backward(&dz, LOSS_BINARY_CROSS_ENTROPY, &z, 1, &label, 1);
			double two = loss_backward(dpair, LOSS_SOFTMAX_CROSS_ENTROPY, pair, 2, &label, 1);
			assert_true(fabs(one - two) <= 1e-12 * fmax(1, one));
			assert_true(fabs(dz - dpair[1]) <= 1e-7 && fabs(dpair[0] + dpair[1]) <= 1e-7);
		}
}

static void rows_add_up(void **state)
{
	(void)state;
	enum { ROWS = 200, CLASSES = 7 };
	static float z[ROWS * CLASSES], dz[ROWS * CLASSES];
	union label_value labels[ROWS];
	struct rng r;
	rng_seeded(&r, 3, "loss");
	models_normal(z, ROWS * CLASSES, 5, &r);
	models_labels(labels, ROWS, CLASSES, &r);
	double sum = 0;
	for (size_t i = 0; i < ROWS; i++) {
		sum += loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z + i * CLASSES, CLASSES, labels[i]);
		assert_true(loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z + i * CLASSES, CLASSES, labels[i]) >= 0);
	}
	assert_true(loss_forward(LOSS_SOFTMAX_CROSS_ENTROPY, z, CLASSES, labels, ROWS) == sum);
	assert_true(fabs(loss_backward(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z, CLASSES, labels, ROWS) - sum) < 1e-9);
	for (size_t i = 0; i < ROWS; i++) {
		double total = 0;
		for (size_t k = 0; k < CLASSES; k++)
			total += dz[i * CLASSES + k];
		assert_true(fabs(total) < 1e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_known_values), cmocka_unit_test(extremes_stay_finite),
		cmocka_unit_test(nan_fails_closed),    cmocka_unit_test(two_classes_are_binary),
		cmocka_unit_test(rows_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
