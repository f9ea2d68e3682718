/* model/layers in float: against loops in double, at NaN and infinity, in place, and bit for bit the same again. The
 * derivatives are proven in test_gradients.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/layers.h"
#include "tests/support/models.h"

static const struct dense_shape shapes[] = {{1, 1, 1},   {3, 1, 5},    {5, 7, 1},     {32, 30, 128}, {32, 128, 64},
                                            {32, 64, 1}, {25, 30, 17}, {64, 256, 10}, {1, 784, 256}, {100, 33, 2}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

struct dense_case {
	struct dense_shape s;
	float *x, *w, *b, *y, *dy, *dx, *dw, *db;
};

static struct dense_case dense_case_new(struct dense_shape s)
{
	struct rng r;
	struct dense_case c = {.s = s,
	                       .x = vec_f32((size_t)s.rows * s.inputs),
	                       .w = vec_f32((size_t)s.outputs * s.inputs),
	                       .b = vec_f32(s.outputs),
	                       .y = vec_f32((size_t)s.rows * s.outputs),
	                       .dy = vec_f32((size_t)s.rows * s.outputs),
	                       .dx = vec_f32((size_t)s.rows * s.inputs),
	                       .dw = vec_f32((size_t)s.outputs * s.inputs),
	                       .db = vec_f32(s.outputs)};
	rng_seeded(&r, s.rows + 1000 * s.inputs + 1000000 * s.outputs, "dense");
	models_normal(c.x, (size_t)s.rows * s.inputs, 1, &r);
	models_normal(c.w, (size_t)s.outputs * s.inputs, 1, &r);
	models_normal(c.b, s.outputs, 1, &r);
	models_normal(c.dy, (size_t)s.rows * s.outputs, 1, &r);
	return c;
}

static void dense_case_free(struct dense_case *c)
{
	float *all[] = {c->x, c->w, c->b, c->y, c->dy, c->dx, c->dw, c->db};
	for (size_t i = 0; i < 8; i++)
		free(all[i]);
}

/* A sum of n products of standard normals: rounding grows at most as n, typically as sqrt(n). */
static void assert_near(double got, double wanted, size_t n)
{
	if (!(fabs(got - wanted) <= 1e-6 * (double)(n + 4)))
		fail_msg("%.9g is not %.9g (sum of %zu)", got, wanted, n);
}

static void check_forward(struct dense_shape s, bool with_relu)
{
	struct dense_case c = dense_case_new(s);
	(with_relu ? layers_dense_relu_forward : layers_dense_forward)(c.y, c.x, c.w, c.b, s);
	for (size_t r = 0; r < s.rows; r++)
		for (size_t o = 0; o < s.outputs; o++) {
			double sum = c.b[o];
			for (size_t i = 0; i < s.inputs; i++)
				sum += (double)c.x[r * s.inputs + i] * c.w[o * s.inputs + i];
			assert_near(c.y[r * s.outputs + o], with_relu && sum < 0 ? 0 : sum, s.inputs);
		}
	dense_case_free(&c);
}

static void dense_forward(void **state)
{
	(void)state;
	for (size_t k = 0; k < SHAPES; k++) {
		check_forward(shapes[k], false);
		check_forward(shapes[k], true);
	}
}

static void check_backward(struct dense_shape s)
{
	struct dense_case c = dense_case_new(s);
	layers_dense_backward(c.dx, c.dy, c.w, s);
	for (size_t r = 0; r < s.rows; r++)
		for (size_t i = 0; i < s.inputs; i++) {
			double sum = 0;
			for (size_t o = 0; o < s.outputs; o++)
				sum += (double)c.dy[r * s.outputs + o] * c.w[o * s.inputs + i];
			assert_near(c.dx[r * s.inputs + i], sum, s.outputs);
		}
	dense_case_free(&c);
}

static void dense_backward(void **state)
{
	(void)state;
	for (size_t k = 0; k < SHAPES; k++)
		check_backward(shapes[k]);
}

/* dw = beta dw + alpha dy^T x; with beta 0 what was there, even NaN, is not read. */
static void check_gradient(struct dense_shape s, float alpha, float beta)
{
	struct dense_case c = dense_case_new(s);
	float before = beta == 0 ? NAN : 0.75f;
	for (size_t i = 0; i < (size_t)s.outputs * s.inputs; i++)
		c.dw[i] = before;
	for (size_t o = 0; o < s.outputs; o++)
		c.db[o] = before;
	layers_dense_gradient(c.dw, c.db, c.dy, c.x, s, alpha, beta);
	double kept = beta == 0 ? 0 : (double)beta * before;
	for (size_t o = 0; o < s.outputs; o++) {
		double bias = 0;
		for (size_t r = 0; r < s.rows; r++)
			bias += c.dy[r * s.outputs + o];
		assert_near(c.db[o], kept + alpha * bias, s.rows);
		for (size_t i = 0; i < s.inputs; i++) {
			double sum = 0;
			for (size_t r = 0; r < s.rows; r++)
				sum += (double)c.dy[r * s.outputs + o] * c.x[r * s.inputs + i];
			assert_near(c.dw[o * s.inputs + i], kept + alpha * sum, s.rows);
		}
	}
	dense_case_free(&c);
}

static void dense_gradient(void **state)
{
	(void)state;
	for (size_t k = 0; k < SHAPES; k++) {
		check_gradient(shapes[k], 1, 0);
		check_gradient(shapes[k], 1, 1);
		check_gradient(shapes[k], -0.25f, 1);
		check_gradient(shapes[k], 0.5f, -0.5f);
	}
}

/* Few rows and narrow layers, odd ones and such as fill vectors: on both sides of every choice that layers.c makes. The last
 * two lie on the two sides of what is transposed at all. */
static void small_shapes(void **state)
{
	(void)state;
	static const uint32_t widths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 30, 31, 32, 33, 48, 63, 64, 127, 130};
	enum { WIDTHS = sizeof widths / sizeof widths[0] };
	for (uint32_t rows = 1; rows <= 70; rows += rows < 34 ? 1 : 9)
		for (size_t k = 0; k < (size_t)WIDTHS * WIDTHS; k += 1 + rows % 7) {
			struct dense_shape s = {rows, widths[k / WIDTHS], widths[k % WIDTHS]};
			check_forward(s, rows % 2 == 0);
			check_backward(s);
			check_gradient(s, -0.25f, 1);
			check_gradient(s, 1, 0);
		}
	check_forward((struct dense_shape){20, 128, 128}, false);
	check_forward((struct dense_shape){20, 128, 129}, false);
}

/* The same bits again, wherever the arrays lie: slices of the flat vector are aligned to 4 bytes only. */
static void same_bits(void **state)
{
	(void)state;
	for (size_t k = 0; k < SHAPES; k++) {
		struct dense_case c = dense_case_new(shapes[k]);
		struct dense_shape s = c.s;
		size_t ny = (size_t)s.rows * s.outputs, nw = (size_t)s.outputs * s.inputs,
		       nx = (size_t)s.rows * s.inputs;
		layers_dense_forward(c.y, c.x, c.w, c.b, s);
		layers_dense_backward(c.dx, c.dy, c.w, s);
		layers_dense_gradient(c.dw, c.db, c.dy, c.x, s, 1, 0);
		for (size_t shift = 0; shift < 4; shift++) {
			float *memory = vec_f32(2 * (ny + nw + nx) + 16), *w = memory + shift, *x = w + nw, *y = x + nx;
			float *dx = y + ny, *dw = dx + nx;
			memcpy(w, c.w, nw * sizeof *w);
			memcpy(x, c.x, nx * sizeof *x);
			layers_dense_forward(y, x, w, c.b, s);
			layers_dense_backward(dx, c.dy, w, s);
			layers_dense_gradient(dw, c.db, c.dy, x, s, 1, 0);
			assert_memory_equal(y, c.y, ny * sizeof *y);
			assert_memory_equal(dx, c.dx, nx * sizeof *dx);
			assert_memory_equal(dw, c.dw, nw * sizeof *dw);
			free(memory);
		}
		dense_case_free(&c);
	}
}

static void relu(void **state)
{
	(void)state;
	const float x[] = {-2, -1e-38f, -0.0f, 0, 1e-38f, 3, INFINITY, -INFINITY, NAN};
	const float dy[] = {1, 1, 1, 1, 1, 5, 1, 1, 1}, dx_wanted[] = {0, 0, 0, 0, 1, 5, 1, 0};
	const float y_wanted[] = {0, 0, 0, 0, 1e-38f, 3, INFINITY, 0};
	float y[9], dx[9];
	layers_relu_forward(y, x, 9);
	layers_relu_backward(dx, dy, y, 9);
	for (size_t i = 0; i < 8; i++) {
		assert_true(y[i] == y_wanted[i]);
		assert_true(dx[i] == dx_wanted[i]);
	}
	assert_true(isnan(y[8]));
}

/* The fused pass hides no NaN either. */
static void nan_passes_dense(void **state)
{
	(void)state;
	for (size_t k = 0; k < SHAPES; k++) {
		struct dense_case c = dense_case_new(shapes[k]);
		c.x[0] = NAN;
		layers_dense_relu_forward(c.y, c.x, c.w, c.b, c.s);
		for (size_t o = 0; o < c.s.outputs; o++)
			assert_true(isnan(c.y[o]));
		if (c.s.rows > 1)
			assert_true(vec_finite(c.y + c.s.outputs, (size_t)(c.s.rows - 1) * c.s.outputs));
		dense_case_free(&c);
	}
}

static void sigmoid_error_bound(void **state)
{
	(void)state;
	enum { N = 4096 };
	static float x[N], y[N];
	double worst = 0;
	for (int block = -60; block <= 60; block++) {
		for (int i = 0; i < N; i++)
			x[i] = (float)(block * 2 + i * (2.0 / N));
		layers_sigmoid_forward(y, x, N);
		for (int i = 0; i < N; i++)
			worst = fmax(worst, fabs(y[i] - 1 / (1 + exp(-(double)x[i]))));
	}
	if (worst > 1e-7)
		fail_msg("error %g", worst);
}

static void sigmoid_edges(void **state)
{
	(void)state;
	float x[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 100, -100}, y[9];
	layers_sigmoid_forward(y, x, 9);
	assert_true(y[0] == 0.5f && y[1] == 0.5f);
	assert_true(y[2] == 1 && y[5] == 1 && y[7] == 1);
	assert_true(y[3] >= 0 && y[3] < 1e-37f && y[6] == y[3] && y[8] == y[3]);
	assert_true(isnan(y[4]));
}

/* Relative, so that small x keep their digits: from 1e-30 to where tanh is 1, both signs. */
static void tanh_error_bound(void **state)
{
	(void)state;
	enum { N = 200000 };
	static float x[2 * N], y[2 * N];
	double worst = 0;
	for (int i = 0; i < N; i++) {
		x[i] = (float)exp(-69 + 74.0 * i / N);
		x[N + i] = -x[i];
	}
	layers_tanh_forward(y, x, 2 * N);
	for (int i = 0; i < 2 * N; i++)
		worst = fmax(worst, fabs(y[i] / tanh(x[i]) - 1));
	if (worst > 4e-7)
		fail_msg("error %g", worst);
}

static void tanh_edges(void **state)
{
	(void)state;
	float x[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 100, -100}, y[9];
	layers_tanh_forward(y, x, 9);
	assert_true(y[0] == 0 && y[1] == 0);
	assert_true(y[2] == 1 && y[5] == 1 && y[7] == 1);
	assert_true(y[3] == -1 && y[6] == -1 && y[8] == -1);
	assert_true(isnan(y[4]));
}

/* By the definition, draw by draw; what is kept is scaled so that the mean stays. */
static void dropout(void **state)
{
	(void)state;
	enum { N = 65536 };
	static uint16_t draws[N];
	static float x[N], y[N];
	static const double shares[] = {0.0001, 0.2, 0.5, 0.9999};
	for (uint32_t i = 0; i < N; i++) {
		uint8_t octets[2] = {(uint8_t)i, (uint8_t)(i >> 8)}; /* every draw once */
		memcpy(&draws[i], octets, 2);
		x[i] = 1.5f;
	}
	for (size_t k = 0; k < 4; k++) {
		uint32_t dropped = (uint32_t)lround(shares[k] * N), zeros = 0;
		double sum = 0;
		layers_dropout(y, x, draws, shares[k], N);
		for (uint32_t i = 0; i < N; i++) {
			zeros += y[i] == 0;
			sum += y[i];
			assert_true((y[i] == 0) == (i < dropped));
		}
		assert_int_equal(zeros, dropped);
		assert_true(fabs(zeros / (double)N - shares[k]) < 1e-5);
		assert_true(fabs(sum / N / 1.5 - 1) < 1e-6);
	}
	const float odd[] = {NAN, NAN, INFINITY, -3, -3, 0};
	const uint16_t given[] = {0, 0xffff, 0xffff, 0, 0xffff, 0xffff};
	layers_dropout(y, odd, given, 0.5, 6);
	assert_true(isnan(y[0]) && isnan(y[1]) && y[2] == INFINITY && y[3] == 0 && y[4] == -6 && y[5] == 0);
}

static void activations_in_place(void **state)
{
	(void)state;
	enum { N = 100 };
	static const struct {
		void (*forward)(real *, const real *, size_t);
		void (*backward)(real *, const real *, const real *, size_t);
	} kinds[] = {{layers_relu_forward, layers_relu_backward},
	             {layers_sigmoid_forward, layers_sigmoid_backward},
	             {layers_tanh_forward, layers_tanh_backward}};
	uint16_t draws[N];
	struct rng r;
	float x[N], y[N], dy[N], dx[N], xy[N], dxy[N];
	rng_seeded(&r, 1, "in place");
	models_normal(x, N, 2, &r);
	models_normal(dy, N, 2, &r);
	rng_octets(&r, (uint8_t *)draws, sizeof draws);
	for (int kind = 0; kind < 3; kind++) {
		kinds[kind].forward(y, x, N);
		kinds[kind].backward(dx, dy, y, N);
		memcpy(xy, x, sizeof x);
		memcpy(dxy, dy, sizeof dy);
		kinds[kind].forward(xy, xy, N);
		kinds[kind].backward(dxy, dxy, xy, N);
		assert_memory_equal(xy, y, sizeof y);
		assert_memory_equal(dxy, dx, sizeof dx);
	}
	layers_dropout(y, x, draws, 0.3, N);
	layers_dropout(x, x, draws, 0.3, N);
	assert_memory_equal(x, y, sizeof y);
}

int main(void)
{
	layers_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dense_forward),
		cmocka_unit_test(dense_backward),
		cmocka_unit_test(dense_gradient),
		cmocka_unit_test(small_shapes),
		cmocka_unit_test(same_bits),
		cmocka_unit_test(relu),
		cmocka_unit_test(nan_passes_dense),
		cmocka_unit_test(sigmoid_error_bound),
		cmocka_unit_test(sigmoid_edges),
		cmocka_unit_test(tanh_error_bound),
		cmocka_unit_test(tanh_edges),
		cmocka_unit_test(dropout),
		cmocka_unit_test(activations_in_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
