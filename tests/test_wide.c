/*
 * VEC_WIDE (base/vec.h) promises the same bits from a function compiled for AVX2 and for any x86-64: the optimizer
 * and the layers compiled here without it against the ones in the archive. Where the machine or the build has one
 * version only, this compares a thing with itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/vec.h"

#undef VEC_WIDE
#define VEC_WIDE
#define optimizer_init plain_optimizer_init
#define optimizer_step plain_optimizer_step
#define optimizer_begin plain_optimizer_begin
#define optimizer_free plain_optimizer_free
#define optimizer_adds plain_optimizer_adds
#include "model/optimizer.c"
#undef optimizer_init
#undef optimizer_step
#undef optimizer_begin
#undef optimizer_free
#undef optimizer_adds

#define layers_init plain_layers_init
#define layers_dense_forward plain_layers_dense_forward
#define layers_dense_relu_forward plain_layers_dense_relu_forward
#define layers_dense_backward plain_layers_dense_backward
#define layers_dense_gradient plain_layers_dense_gradient
#define layers_dense_gradient_double plain_layers_dense_gradient_double
#define layers_relu_forward plain_layers_relu_forward
#define layers_relu_backward plain_layers_relu_backward
#define layers_sigmoid_forward plain_layers_sigmoid_forward
#define layers_sigmoid_backward plain_layers_sigmoid_backward
#define layers_tanh_forward plain_layers_tanh_forward
#define layers_tanh_backward plain_layers_tanh_backward
#define layers_dropout plain_layers_dropout
#include "model/layers.c"
#undef layers_init
#undef layers_dense_forward
#undef layers_dense_relu_forward
#undef layers_dense_backward
#undef layers_dense_gradient
#undef layers_dense_gradient_double
#undef layers_relu_forward
#undef layers_relu_backward
#undef layers_sigmoid_forward
#undef layers_sigmoid_backward
#undef layers_tanh_forward
#undef layers_tanh_backward
#undef layers_dropout

#include "tests/support/models.h"

void optimizer_init(struct optimizer *o, const struct local_training *settings, size_t n);
void optimizer_begin(struct optimizer *o, double factor, const float *anchor);
void optimizer_step(struct optimizer *o, float *parameters, float *gradient, float scale);
void optimizer_free(struct optimizer *o);
void layers_dense_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s);
void layers_dense_relu_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s);
void layers_dense_gradient(real *dw, real *db, const real *dy, const real *x, struct dense_shape s, real alpha,
                           real beta);
void layers_relu_forward(real *y, const real *x, size_t n);
void layers_relu_backward(real *dx, const real *dy, const real *y, size_t n);
void layers_sigmoid_forward(real *y, const real *x, size_t n);
void layers_sigmoid_backward(real *dx, const real *dy, const real *y, size_t n);
void layers_tanh_forward(real *y, const real *x, size_t n);
void layers_tanh_backward(real *dx, const real *dy, const real *y, size_t n);
void layers_dropout(real *y, const real *x, const uint16_t *draws, double share, size_t n);

#define N 1003 /* no multiple of a vector's width */

static void optimizers(void **state)
{
	(void)state;
	struct local_training kinds[] = {
		{.optimizer = OPTIMIZER_SGD, .learning_rate = 0.1, .weight_decay = 0.01},
		{.optimizer = OPTIMIZER_MOMENTUM, .learning_rate = 0.1, .momentum = 0.9},
		{.optimizer = OPTIMIZER_NESTEROV, .learning_rate = 0.1, .momentum = 0.9, .l1 = 0.01},
		{.optimizer = OPTIMIZER_ADAM, .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8},
		{.optimizer = OPTIMIZER_ADAMW,
	         .learning_rate = 0.01,
	         .beta1 = 0.9,
	         .beta2 = 0.99,
	         .epsilon = 1e-8,
	         .weight_decay = 0.1,
	         .proximal = 0.3},
	};
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		struct optimizer o, plain;
		struct rng r;
		float w[N], plain_w[N], g[N], plain_g[N], anchor[N];
		rng_seeded(&r, 1, "wide");
		models_normal(w, N, 1, &r);
		memcpy(plain_w, w, sizeof w);
		optimizer_init(&o, &kinds[k], N);
		plain_optimizer_init(&plain, &kinds[k], N);
		models_normal(anchor, N, 1, &r);
		optimizer_begin(&o, 0.7, anchor);
		plain_optimizer_begin(&plain, 0.7, anchor);
		for (int t = 0; t < 50; t++) {
			models_normal(g, N, 1, &r);
			memcpy(plain_g, g, sizeof g);
			optimizer_step(&o, w, g, 0.03f);
			plain_optimizer_step(&plain, plain_w, plain_g, 0.03f);
		}
		assert_memory_equal(w, plain_w, sizeof w);
		optimizer_free(&o);
		plain_optimizer_free(&plain);
	}
}

static void activations(void **state)
{
	(void)state;
	struct rng r;
	float x[N], dy[N], y[N], plain_y[N], dx[N], plain_dx[N];
	rng_seeded(&r, 2, "wide");
	models_normal(x, N, 5, &r);
	models_normal(dy, N, 1, &r);
	layers_sigmoid_forward(y, x, N);
	plain_layers_sigmoid_forward(plain_y, x, N);
	layers_sigmoid_backward(dx, dy, y, N);
	plain_layers_sigmoid_backward(plain_dx, dy, y, N);
	assert_memory_equal(y, plain_y, sizeof y);
	assert_memory_equal(dx, plain_dx, sizeof dx);
	layers_tanh_forward(y, x, N);
	plain_layers_tanh_forward(plain_y, x, N);
	layers_tanh_backward(dx, dy, y, N);
	plain_layers_tanh_backward(plain_dx, dy, y, N);
	assert_memory_equal(y, plain_y, sizeof y);
	assert_memory_equal(dx, plain_dx, sizeof dx);
	uint16_t draws[N];
	rng_octets(&r, (uint8_t *)draws, sizeof draws);
	layers_dropout(y, x, draws, 0.3, N);
	plain_layers_dropout(plain_y, x, draws, 0.3, N);
	assert_memory_equal(y, plain_y, sizeof y);
	layers_relu_forward(y, x, N);
	plain_layers_relu_forward(plain_y, x, N);
	layers_relu_backward(dx, dy, y, N);
	plain_layers_relu_backward(plain_dx, dy, y, N);
	assert_memory_equal(y, plain_y, sizeof y);
	assert_memory_equal(dx, plain_dx, sizeof dx);
}

static void dense(void **state)
{
	(void)state;
	struct dense_shape s = {.rows = 13, .inputs = 19, .outputs = 37};
	struct rng r;
	float x[13 * 19], w[37 * 19], b[37], y[13 * 37], plain_y[13 * 37], dw[37 * 19], plain_dw[37 * 19], db[37],
		plain_db[37];
	rng_seeded(&r, 3, "wide");
	models_normal(x, 13 * 19, 1, &r);
	models_normal(w, 37 * 19, 1, &r);
	models_normal(b, 37, 1, &r);
	layers_dense_forward(y, x, w, b, s);
	plain_layers_dense_forward(plain_y, x, w, b, s);
	assert_memory_equal(y, plain_y, sizeof y);
	layers_dense_relu_forward(y, x, w, b, s);
	plain_layers_dense_relu_forward(plain_y, x, w, b, s);
	assert_memory_equal(y, plain_y, sizeof y);
	layers_dense_gradient(dw, db, y, x, s, 0.3f, 0);
	plain_layers_dense_gradient(plain_dw, plain_db, y, x, s, 0.3f, 0);
	assert_memory_equal(dw, plain_dw, sizeof dw);
	assert_memory_equal(db, plain_db, sizeof db);
}

int main(void)
{
	plain_layers_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(optimizers),
		cmocka_unit_test(activations),
		cmocka_unit_test(dense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
