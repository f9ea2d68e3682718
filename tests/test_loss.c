/* model/loss in float: known values, extremes, and the relations between the two losses. Derivatives:
 * test_gradients.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "model/loss.h"
#include "tests/support/child.h"
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

/* torch.nn.MSELoss(reduction='none') is (z - t)^2, its derivative 2 (z - t). */
static void squared_error(void **state)
{
	(void)state;
	static const struct {
		float z, t;
		double loss, dz;
	} cases[] = {
		{0, 0, 0, 0}, {1.5f, -0.5f, 4, 4}, {-2, 1, 9, -6}, {0.25f, 0.5f, 0.0625, -0.5}, {3e38f, 0, 9e76, 6e38}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const union label_value label = {.value = cases[i].t};
		float dz;
		double loss = loss_row(LOSS_SQUARED_ERROR, &cases[i].z, 1, label);
		assert_true(fabs(loss - cases[i].loss) <= 1e-6 * loss);
		assert_true(loss_backward(&dz, LOSS_SQUARED_ERROR, &cases[i].z, 1, &label, 1) == loss);
		assert_true(dz == (float)cases[i].dz || (i == 4 && isinf(dz)));
	}
	const union label_value label = {.value = 1};
	float dz, z = NAN;
	assert_true(isnan(loss_backward(&dz, LOSS_SQUARED_ERROR, &z, 1, &label, 1)) && isnan(dz));
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

/* PyTorch 1.13 in float64: cross_entropy(label_smoothing=s, reduction="sum") of two rows, and
 * binary_cross_entropy_with_logits with the target y (1 - s) + s / 2. */
static void smoothing_as_pytorch(void **state)
{
	(void)state;
	const float z[6] = {0.5f, -1, 2, 3, 0.25f, -0.5f};
	const union label_value labels[2] = {{2}, {1}};
	static const struct {
		double smoothing, loss, dz[6];
	} softmax[] = {
		{0.1,
	         3.1645998106451,
	         {0.141957058806703, 0.00577923993735412, -0.147736298744057, 0.880638814653308, -0.874905048710047,
	          -0.00573376594326071}},
		{0.9,
	         3.83126647731176,
	         {-0.124709607859963, -0.260887426729313, 0.385597034589276, 0.613972147986641, -0.341571715376714,
	          -0.272400432609927}},
	};
	for (size_t c = 0; c < 2; c++) {
		float dz[6];
		double loss = loss_backward(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z, 3, labels, 2);
		loss += loss_smooth(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z, 3, labels, 2, softmax[c].smoothing);
		assert_true(fabs(loss - softmax[c].loss) < 1e-6);
		for (int i = 0; i < 6; i++)
			assert_true(fabs(dz[i] - softmax[c].dz[i]) < 2e-7);
	}
	static const struct {
		float z;
		uint32_t label;
		double loss, dz;
	} rows[] = {{-2, 0, 0.226928011042973, 0.0692029220221175},
	            {-2, 1, 2.02692801104297, -0.830797077977882},
	            {0.75f, 0, 1.0993710061149, 0.629178699175393},
	            {0.75f, 1, 0.4243710061149, -0.270821300824607}};
	for (size_t i = 0; i < 4; i++) {
		const union label_value label = {rows[i].label};
		float dz;
		double loss = loss_backward(&dz, LOSS_BINARY_CROSS_ENTROPY, &rows[i].z, 1, &label, 1);
		loss += loss_smooth(&dz, LOSS_BINARY_CROSS_ENTROPY, &rows[i].z, 1, &label, 1, 0.1);
		assert_true(fabs(loss - rows[i].loss) < 1e-6 && fabs(dz - rows[i].dz) < 2e-7);
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
	double losses[ROWS];
	loss_rows(losses, LOSS_SOFTMAX_CROSS_ENTROPY, z, CLASSES, labels, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		assert_true(losses[i] == loss_row(LOSS_SOFTMAX_CROSS_ENTROPY, z + i * CLASSES, CLASSES, labels[i]));
	assert_true(fabs(loss_backward(dz, LOSS_SOFTMAX_CROSS_ENTROPY, z, CLASSES, labels, ROWS) - sum) < 1e-9);
	for (size_t i = 0; i < ROWS; i++) {
		double total = 0;
		for (size_t k = 0; k < CLASSES; k++)
			total += dz[i * CLASSES + k];
		assert_true(fabs(total) < 1e-6);
	}
}

/* The binary loss as it reads in the header, by the C library in double. */
static double slow_binary(double *dz, double z, uint32_t label)
{
	*dz = 1 / (1 + exp(-z)) - label;
	return (label ? fmax(-z, 0) : fmax(z, 0)) + log1p(exp(-fabs(z)));
}

/* Every number of rows up to several blocks, at every place in a vector, in place too: a gradient within one unit in float's
 * last place of the slow one, the loss within 1e-14 of itself per row, and nothing written beyond the rows. */
static void binary_against_slow(void **state)
{
	(void)state;
	enum { MOST = 150 };
	float z[MOST + 16], dz[MOST + 17];
	union label_value labels[MOST + 16];
	struct rng r;
	rng_seeded(&r, 4, "loss");
	for (uint32_t rows = 0; rows <= MOST; rows++)
		for (uint32_t shift = 0; shift < 16; shift++) {
			double sum = 0, expected[MOST];
			models_normal(z, MOST + 16, rows % 3 == 0 ? 30 : 3, &r);
			models_labels(labels, MOST + 16, 2, &r);
			for (uint32_t i = 0; i < rows; i++)
				sum += slow_binary(&expected[i], z[shift + i], labels[shift + i].class);
			double losses[MOST + 1];
			losses[rows] = 78;
			loss_rows(losses, LOSS_BINARY_CROSS_ENTROPY, z + shift, 1, labels + shift, rows);
			for (uint32_t i = 0; i < rows; i++)
				assert_true(losses[i] ==
				            loss_row(LOSS_BINARY_CROSS_ENTROPY, z + shift + i, 1, labels[shift + i]));
			assert_true(losses[rows] == 78);
			dz[shift + rows] = 77;
			double loss = loss_backward(dz + shift, LOSS_BINARY_CROSS_ENTROPY, z + shift, 1, labels + shift,
			                            rows);
			assert_true(fabs(loss - sum) <= 1e-14 * sum);
			assert_true(loss ==
			            loss_forward(LOSS_BINARY_CROSS_ENTROPY, z + shift, 1, labels + shift, rows));
			assert_true(dz[shift + rows] == 77);
			for (uint32_t i = 0; i < rows; i++) {
				float exact = (float)expected[i], ulp = nextafterf(fabsf(exact), 2) - fabsf(exact);
				if (!(fabs(dz[shift + i] - expected[i]) <= ulp))
					fail_msg("%.9g is not %.17g", dz[shift + i], expected[i]);
			}
			assert_true(loss == loss_backward(z + shift, LOSS_BINARY_CROSS_ENTROPY, z + shift, 1,
			                                  labels + shift, rows));
			assert_memory_equal(z + shift, dz + shift, rows * sizeof *z);
		}
}

/* A NaN or an infinity spoils its own row's gradient and the sum, wherever it stands. */
static void binary_specials_stay_in_their_rows(void **state)
{
	(void)state;
	enum { ROWS = 70 };
	float z[ROWS], dz[ROWS], clean[ROWS];
	union label_value labels[ROWS];
	struct rng r;
	rng_seeded(&r, 5, "loss");
	models_normal(z, ROWS, 3, &r);
	models_labels(labels, ROWS, 2, &r);
	loss_backward(clean, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, ROWS);
	for (size_t at = 0; at < ROWS; at++) {
		const float kept = z[at];
		z[at] = NAN;
		assert_true(isnan(loss_backward(dz, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, ROWS)));
		assert_true(isnan(dz[at]));
		dz[at] = clean[at];
		assert_memory_equal(dz, clean, sizeof dz);
		for (int sign = -1; sign <= 1; sign += 2) {
			z[at] = sign * HUGE_VALF;
			double loss = loss_backward(dz, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, ROWS);
			bool wrong = (sign > 0) != (labels[at].class == 1);
			assert_true(!wrong || (isinf(loss) && loss > 0));
			assert_true(dz[at] == (wrong ? (float)sign : 0));
		}
		z[at] = kept;
	}
}

struct wrong_label {
	uint32_t at, class;
};

static void train_with_wrong_label(void *context)
{
	const struct wrong_label *wrong = context;
	union label_value labels[40] = {{0}};
	float z[40] = {0};
	labels[wrong->at].class = wrong->class;
	loss_backward(z, LOSS_BINARY_CROSS_ENTROPY, z, 1, labels, 40);
}

static void binary_labels_are_checked(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 40; at += 13) {
		child_expect_check("<= 1", train_with_wrong_label, &(struct wrong_label){at, 2});
		child_expect_check("<= 1", train_with_wrong_label, &(struct wrong_label){at, UINT32_MAX});
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_against_slow),
		cmocka_unit_test(binary_specials_stay_in_their_rows),
		cmocka_unit_test(binary_labels_are_checked),
		cmocka_unit_test(binary_known_values),
		cmocka_unit_test(extremes_stay_finite),
		cmocka_unit_test(nan_fails_closed),
		cmocka_unit_test(two_classes_are_binary),
		cmocka_unit_test(smoothing_as_pytorch),
		cmocka_unit_test(rows_add_up),
		cmocka_unit_test(squared_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
