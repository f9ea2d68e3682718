/*
 * Every gradient against central finite differences of what it claims to be the derivative of, in float64. The
 * sources below are the product's own, compiled in double: the formulas that are proven here are the ones that run.
 *
 *   (f(x + h) - f(x - h)) / 2h with h = 1e-5 max(1, |x|) differs from f'(x) by about 1e-10: a wrong term cannot hide.
 */
#define MODEL_FLOAT64

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/layers.c"
#include "model/loss.c"
#include "model/network.c"
#include "model/row_products.c"
#include "model/row_tile.c"

#include "tests/support/models.h"

#define TOLERANCE 2e-8 /* relative to max(1, |derivative|) */

_Static_assert(sizeof(real) == sizeof(double), "the gradient check runs in float64");

/* A scalar function of everything that may be varied. */
struct probe {
	double (*value)(void *context);
	void *context;
	const char *name;
};

static void check_derivative(const struct probe *p, double *x, size_t n, const double *claimed, const char *by)
{
	for (size_t i = 0; i < n; i++) {
		double at = x[i], h = 1e-5 * fmax(1, fabs(at));
		x[i] = at + h;
		double above = p->value(p->context);
		x[i] = at - h;
		double below = p->value(p->context);
		x[i] = at;
		double measured = (above - below) / (2 * h);
		if (!(fabs(measured - claimed[i]) <= TOLERANCE * fmax(1, fabs(measured))))
			fail_msg("%s by %s[%zu]: claimed %.12g, measured %.12g", p->name, by, i, claimed[i], measured);
	}
}

static double *normals(size_t n, struct rng *r)
{
	double *x = calloc(n + 1, sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = rng_normal(r);
	return x;
}

/* ---- layers: f = sum of c y, with random c, so dy = c */

struct layer_case {
	double *x, *w, *b, *y, *c;
	struct dense_shape shape;
	void (*forward)(struct layer_case *);
	size_t outputs; /* length of y */
};

static double layer_value(void *context)
{
	struct layer_case *k = context;
	double sum = 0;
	k->forward(k);
	for (size_t i = 0; i < k->outputs; i++)
		sum += k->c[i] * k->y[i];
	return sum;
}

static void forward_dense(struct layer_case *k)
{
	layers_dense_forward(k->y, k->x, k->w, k->b, k->shape);
}

static void forward_dense_relu(struct layer_case *k)
{
	layers_dense_relu_forward(k->y, k->x, k->w, k->b, k->shape);
}

static void forward_relu(struct layer_case *k)
{
	layers_relu_forward(k->y, k->x, k->outputs);
}

static void forward_sigmoid(struct layer_case *k)
{
	layers_sigmoid_forward(k->y, k->x, k->outputs);
}

static void forward_tanh(struct layer_case *k)
{
	layers_tanh_forward(k->y, k->x, k->outputs);
}

static void free_case(struct layer_case *k)
{
	double *all[] = {k->x, k->w, k->b, k->y, k->c};
	for (size_t i = 0; i < 5; i++)
		free(all[i]);
}

static void check_dense(struct dense_shape s, bool with_relu)
{
	struct rng r;
	rng_seeded(&r, s.rows * 1000 + s.inputs * 100 + s.outputs, "dense");
	size_t nx = (size_t)s.rows * s.inputs, nw = (size_t)s.outputs * s.inputs, ny = (size_t)s.rows * s.outputs;
	struct layer_case k = {.x = normals(nx, &r),
	                       .w = normals(nw, &r),
	                       .b = normals(s.outputs, &r),
	                       .y = normals(ny, &r),
	                       .c = normals(ny, &r),
	                       .shape = s,
	                       .forward = with_relu ? forward_dense_relu : forward_dense,
	                       .outputs = ny};
	double *dx = normals(nx, &r), *dw = normals(nw, &r), *db = normals(s.outputs, &r), *dy = normals(ny, &r);
	struct probe p = {layer_value, &k, with_relu ? "dense+relu" : "dense"};
	layer_value(&k);
	memcpy(dy, k.c, ny * sizeof *dy);
	if (with_relu)
		layers_relu_backward(dy, dy, k.y, ny);
	layers_dense_backward(dx, dy, k.w, s);
	layers_dense_gradient(dw, db, dy, k.x, s, 1, 0);
	check_derivative(&p, k.x, nx, dx, "x");
	check_derivative(&p, k.w, nw, dw, "w");
	check_derivative(&p, k.b, s.outputs, db, "b");
	free_case(&k);
	free(dx);
	free(dw);
	free(db);
	free(dy);
}

static void dense(void **state)
{
	(void)state;
	static const struct dense_shape shapes[] = {{1, 1, 1}, {4, 3, 1}, {1, 5, 2}, {5, 4, 3}, {17, 6, 9}, {3, 1, 8}};
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		check_dense(shapes[i], false);
		check_dense(shapes[i], true);
	}
}

static void check_activation(void (*forward)(struct layer_case *),
                             void (*backward)(real *, const real *, const real *, size_t), const char *name)
{
	enum { N = 101 };
	struct rng r;
	rng_seeded(&r, 5, name);
	struct layer_case k = {
		.x = normals(N, &r), .y = normals(N, &r), .c = normals(N, &r), .forward = forward, .outputs = N};
	double *dx = normals(N, &r);
	struct probe p = {layer_value, &k, name};
	for (size_t i = 0; i < N; i++)
		k.x[i] = 0.06 * ((double)i - 50) + (i == 50 ? 1e-3 : 0); /* -3 .. 3, never at the kink of relu */
	layer_value(&k);
	backward(dx, k.c, k.y, N);
	check_derivative(&p, k.x, N, dx, "x");
	free_case(&k);
	free(dx);
}

static void activations(void **state)
{
	(void)state;
	check_activation(forward_relu, layers_relu_backward, "relu");
	check_activation(forward_sigmoid, layers_sigmoid_backward, "sigmoid");
	check_activation(forward_tanh, layers_tanh_backward, "tanh");
}

/* ---- losses */

struct loss_case {
	enum loss_kind kind;
	double z[24], smoothing; /* 0: none */
	uint32_t outputs, rows;
	union label_value labels[24];
};

static double loss_value(void *context)
{
	struct loss_case *k = context;
	double all = 0;
	uint32_t classes = k->outputs == 1 ? 2 : k->outputs;
	for (uint32_t c = 0; c < classes; c++) { /* as if every row were of class c */
		union label_value of_class[24];
		for (uint32_t r = 0; r < k->rows; r++)
			of_class[r].class = c;
		all += loss_forward(k->kind, k->z, k->outputs, of_class, k->rows) / classes;
	}
	return (1 - k->smoothing) * loss_forward(k->kind, k->z, k->outputs, k->labels, k->rows) + k->smoothing * all;
}

static void check_loss(struct loss_case k, const char *name)
{
	double dz[24], in_place[24];
	struct probe p = {loss_value, &k, name};
	size_t n = (size_t)k.rows * k.outputs;
	double sum = loss_backward(dz, k.kind, k.z, k.outputs, k.labels, k.rows);
	if (k.smoothing > 0)
		sum += loss_smooth(dz, k.kind, k.z, k.outputs, k.labels, k.rows, k.smoothing);
	assert_true(fabs(sum - loss_value(&k)) <= 1e-12 * fmax(1, sum));
	check_derivative(&p, k.z, n, dz, "z");
	if (k.smoothing > 0)
		return;
	memcpy(in_place, k.z, sizeof in_place);
	loss_backward(in_place, k.kind, in_place, k.outputs, k.labels, k.rows);
	assert_memory_equal(in_place, dz, n * sizeof dz[0]);
}

static void losses(void **state)
{
	(void)state;
	struct loss_case binary = {.kind = LOSS_BINARY_CROSS_ENTROPY, .outputs = 1, .rows = 22};
	for (uint32_t i = 0; i < 22; i++) {
		binary.z[i] = ((int)(i / 2) - 5) * 3.7 + 0.01;
		binary.labels[i].class = i % 2;
	}
	check_loss(binary, "binary cross-entropy");
	binary.smoothing = 0.3;
	check_loss(binary, "smoothed binary cross-entropy");

	struct loss_case squared = {.kind = LOSS_SQUARED_ERROR, .outputs = 1, .rows = 22};
	for (uint32_t i = 0; i < 22; i++) {
		squared.z[i] = ((int)i - 11) * 0.37;
		squared.labels[i].value = (float)((int)(i % 7) - 3);
	}
	check_loss(squared, "squared error");

	struct rng r;
	rng_seeded(&r, 9, "loss");
	for (uint32_t classes = 2; classes <= 8; classes++)
		for (double scale = 0.1; scale < 100; scale *= 10) {
			struct loss_case k = {.kind = LOSS_SOFTMAX_CROSS_ENTROPY, .outputs = classes, .rows = 3};
			for (uint32_t i = 0; i < 3 * classes; i++)
				k.z[i] = scale * rng_normal(&r);
			models_labels(k.labels, 3, classes, &r);
			check_loss(k, "softmax cross-entropy");
			k.smoothing = 0.3;
			check_loss(k, "smoothed softmax cross-entropy");
		}
}

/* ---- whole networks: the loss by every parameter */

struct network_case {
	struct network network;
	double *parameters, *x;
	union label_value labels[8];
	uint32_t rows;
};

/* The same draws at every call: what is dropped is a constant of the function that is derived. */
static struct rng *begun(struct rng streams[2])
{
	rng_seeded(&streams[0], 1, "dropout 0");
	rng_seeded(&streams[1], 1, "dropout 1");
	return streams;
}

static double network_value(void *context)
{
	struct network_case *k = context;
	const struct model_spec *s = &k->network.spec;
	struct rng streams[2];
	const double *z = network_forward_training(&k->network, k->parameters, k->x, k->rows, begun(streams));
	return loss_forward(s->loss, z, s->outputs, k->labels, k->rows);
}

static void check_spec(struct model_spec s, const char *layers, uint64_t seed)
{
	uint32_t inputs = s.inputs, outputs = s.outputs;
	struct network_case k = {.rows = 7};
	struct rng r;
	rng_seeded(&r, seed, layers);
	network_init(&k.network, &s, 8);
	k.parameters = normals(s.parameters, &r);
	k.x = normals((size_t)k.rows * inputs, &r);
	models_labels(k.labels, k.rows, outputs == 1 ? 2 : outputs, &r);
	for (uint32_t i = 0; i < k.rows && s.loss == LOSS_SQUARED_ERROR; i++)
		k.labels[i].value = (float)rng_normal(&r);
	double *gradient = normals(s.parameters, &r);
	struct probe p = {network_value, &k, layers};

	struct rng streams[2];
	const double *z = network_forward_training(&k.network, k.parameters, k.x, k.rows, begun(streams));
	loss_backward(network_logit_gradient(&k.network), s.loss, z, outputs, k.labels, k.rows);
	network_backward(&k.network, k.parameters);
	network_gradient(&k.network, gradient, 1, 0);
	check_derivative(&p, k.parameters, s.parameters, gradient, "parameters");

	struct row_products products;
	row_products_init(&products, &s);
	row_products_load(&products, k.parameters);
	k.network.products = &products;
	z = network_forward_training(&k.network, k.parameters, k.x, k.rows, begun(streams));
	loss_backward(network_logit_gradient(&k.network), s.loss, z, outputs, k.labels, k.rows);
	network_backward(&k.network, k.parameters);
	network_gradient(&k.network, gradient, 1, 0);
	k.network.products = NULL; /* they are of these parameters alone */
	check_derivative(&p, k.parameters, s.parameters, gradient, "parameters, row by row");
	row_products_free(&products);
	network_free(&k.network);
	free(k.parameters);
	free(k.x);
	free(gradient);
}

static void check_network(const char *layers, uint32_t inputs, uint32_t outputs, uint64_t seed)
{
	check_spec(models_spec(layers, inputs, outputs), layers, seed);
}

static void networks(void **state)
{
	(void)state;
	struct model_spec number = models_spec("dense 6, sigmoid, dense 1", 5, 1);
	number.loss = LOSS_SQUARED_ERROR;
	check_spec(number, "dense 6, sigmoid, dense 1", 4);
	static const char *const hidden[] = {
		"",
		"dense 6, relu, ",
		"dense 6, sigmoid, ",
		"dense 6, relu, dense 5, relu, ",
		"dense 6, sigmoid, dense 5, relu, dense 4, sigmoid, ",
		"dense 6, dense 5, ",
		"dense 6, relu, sigmoid, ",
		"dense 6, sigmoid, relu, sigmoid, dense 3, ",
		"relu, dense 4, relu, ",
		"sigmoid, sigmoid, dense 1, sigmoid, relu, ",
		"dense 1, dense 6, relu, ",
		"dense 6, tanh, dense 5, tanh, ",
		"tanh, dense 6, relu, tanh, ",
		"dense 6, relu, dropout 0.3, ",
		"dropout 0.2, dense 6, relu, dropout 0.5, ",
		"dense 6, dropout 0.4, dense 5, tanh, dropout 0.25, ",
		"dense 6, dropout 0.4, relu, sigmoid, dropout 0.1, relu, ",
		"dense 6, relu, dropout 0.4, tanh, ",
		"relu, dropout 0.3, dense 5, dropout 0.3, sigmoid, ",
	};
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		for (uint32_t outputs = 1; outputs <= 3; outputs += 2) {
			char layers[128];
			snprintf(layers, sizeof layers, "%sdense %u", hidden[i], outputs);
			check_network(layers, 4, outputs, i);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dense),
		cmocka_unit_test(activations),
		cmocka_unit_test(losses),
		cmocka_unit_test(networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
