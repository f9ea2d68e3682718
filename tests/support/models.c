#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/models.h"

struct model_spec models_spec(const char *layers, uint32_t inputs, uint32_t outputs)
{
	struct model_spec s;
	struct diag why = {0};
	char *copy = strdup(layers), *rest = copy;
	spec_begin(&s, inputs);
	for (char *text; (text = strsep(&rest, ",")) != NULL;)
		if (spec_add_layer(&s, text + strspn(text, " "), &why))
			fail_msg("%s", why.text);
	if (spec_end(&s, outputs == 1 ? LOSS_BINARY_CROSS_ENTROPY : LOSS_SOFTMAX_CROSS_ENTROPY, outputs, &why))
		fail_msg("%s", why.text);
	free(copy);
	return s;
}

void models_normal(float *x, size_t n, double deviation, struct rng *r)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(deviation * rng_normal(r));
}

void models_labels(union label_value *labels, size_t n, uint32_t classes, struct rng *r)
{
	for (size_t i = 0; i < n; i++)
		labels[i].class = (uint32_t)rng_below(r, classes);
}

static uint32_t begin(void *context)
{
	struct memory_rows *m = context;
	if (m->batches == 0 && m->at == m->rows)
		return 0;
	if (m->batches != 0 && m->given == m->batches)
		return 0;
	m->at %= m->rows;
	m->now = m->rows - m->at < m->batch ? m->rows - m->at : m->batch;
	m->given++;
	m->at += m->now;
	return m->now;
}

static void fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct memory_rows *m = context;
	size_t from = m->at - m->now + first;
	memcpy(x, m->x + from * m->inputs, (size_t)rows * m->inputs * sizeof *x);
	memcpy(labels, m->labels + from, rows * sizeof *labels);
}

struct row_source memory_rows_source(struct memory_rows *m)
{
	m->at = m->now = m->given = 0;
	return (struct row_source){.begin = begin, .fill = fill, .context = m};
}

/* ---- the second implementation: one row at a time, textbook formulas */

static double logistic(double z)
{
	return 1 / (1 + exp(-z));
}

static void reference_layer(double *y, const double *x, const struct layer *l, const float *w)
{
	for (uint32_t o = 0; o < l->outputs; o++) {
		double sum = l->kind == LAYER_DENSE ? w[l->bias + o] : x[o];
		for (uint32_t i = 0; l->kind == LAYER_DENSE && i < l->inputs; i++)
			sum += (double)w[l->weight + (size_t)o * l->inputs + i] * x[i];
		y[o] = l->kind == LAYER_RELU      ? (sum > 0 ? sum : 0)
		       : l->kind == LAYER_SIGMOID ? logistic(sum)
		       : l->kind == LAYER_TANH    ? tanh(sum)
		                                  : sum;
	}
}

static void reference_layer_back(double *dx, double *gradient, const double *dy, const double *x, const double *y,
                                 const struct layer *l, const float *w)
{
	for (uint32_t i = 0; i < l->inputs; i++)
		dx[i] = l->kind == LAYER_RELU      ? (y[i] > 0 ? dy[i] : 0)
		        : l->kind == LAYER_SIGMOID ? dy[i] * y[i] * (1 - y[i])
		        : l->kind == LAYER_TANH    ? dy[i] * (1 - y[i] * y[i])
		        : l->kind == LAYER_DROPOUT ? dy[i]
		                                   : 0;
	if (l->kind != LAYER_DENSE)
		return;
	for (uint32_t o = 0; o < l->outputs; o++) {
		gradient[l->bias + o] += dy[o];
		for (uint32_t i = 0; i < l->inputs; i++) {
			size_t k = l->weight + (size_t)o * l->inputs + i;
			gradient[k] += dy[o] * x[i];
			dx[i] += dy[o] * w[k];
		}
	}
}

static double reference_loss(double *dz, const double *z, const struct model_spec *s, union label_value label)
{
	double sum = 0;
	if (s->loss == LOSS_SQUARED_ERROR) {
		dz[0] = 2 * (z[0] - label.value);
		return (z[0] - label.value) * (z[0] - label.value);
	}
	if (s->outputs == 1) {
		double p = logistic(z[0]);
		dz[0] = p - label.class;
		return -log(label.class ? p : 1 - p);
	}
	for (uint32_t k = 0; k < s->outputs; k++)
		sum += exp(z[k]);
	for (uint32_t k = 0; k < s->outputs; k++)
		dz[k] = exp(z[k]) / sum - (k == label.class);
	return -log(exp(z[label.class]) / sum);
}

void models_reference(double *logits, double *loss, double *gradient, const struct model_spec *s,
                      const float *parameters, const float *x, const union label_value *labels, uint32_t rows)
{
	double *a[MODEL_LAYERS_MAX + 1], *d = calloc(s->width_max, sizeof *d), *d2 = calloc(s->width_max, sizeof *d2);
	for (uint32_t l = 0; l <= s->layer_count; l++)
		a[l] = calloc(s->width_max, sizeof **a);
	*loss = 0;
	memset(gradient, 0, s->parameters * sizeof *gradient);
	for (uint32_t r = 0; r < rows; r++) {
		for (uint32_t i = 0; i < s->inputs; i++)
			a[0][i] = x[(size_t)r * s->inputs + i];
		for (uint32_t l = 0; l < s->layer_count; l++)
			reference_layer(a[l + 1], a[l], &s->layers[l], parameters);
		memcpy(logits + (size_t)r * s->outputs, a[s->layer_count], s->outputs * sizeof *logits);
		*loss += reference_loss(d, a[s->layer_count], s, labels[r]);
		for (uint32_t l = s->layer_count; l-- > 0;) {
			reference_layer_back(d2, gradient, d, a[l], a[l + 1], &s->layers[l], parameters);
			double *swap = d;
			d = d2;
			d2 = swap;
		}
	}
	for (uint32_t l = 0; l <= s->layer_count; l++)
		free(a[l]);
	free(d);
	free(d2);
}

/* ---- real data */

static void standardise(float *x)
{
	for (uint32_t i = 0; i < WDBC_INPUTS; i++) {
		double sum = 0, squares = 0;
		for (uint32_t r = 0; r < WDBC_ROWS; r++)
			sum += x[r * WDBC_INPUTS + i];
		double mean = sum / WDBC_ROWS;
		for (uint32_t r = 0; r < WDBC_ROWS; r++)
			squares += (x[r * WDBC_INPUTS + i] - mean) * (x[r * WDBC_INPUTS + i] - mean);
		for (uint32_t r = 0; r < WDBC_ROWS; r++)
			x[r * WDBC_INPUTS + i] = (float)((x[r * WDBC_INPUTS + i] - mean) / sqrt(squares / WDBC_ROWS));
	}
}

bool models_wdbc(float *x, union label_value *labels, uint64_t seed)
{
	FILE *f = fopen("../shared/data/wdbc_sklearn.csv", "r");
	uint32_t order[WDBC_ROWS];
	struct rng r;
	char head[256];
	if (!f)
		return false;
	for (uint32_t i = 0; i < WDBC_ROWS; i++)
		order[i] = i;
	rng_seeded(&r, seed, "rows");
	rng_shuffle(&r, order, WDBC_ROWS);
	bool good = fgets(head, sizeof head, f) != NULL;
	for (uint32_t i = 0; i < WDBC_ROWS; i++) {
		uint32_t benign = 0;
		for (uint32_t k = 0; k < WDBC_INPUTS; k++)
			good = good && fscanf(f, "%f,", &x[order[i] * WDBC_INPUTS + k]) == 1;
		good = good && fscanf(f, "%u", &benign) == 1;
		labels[order[i]].class = !benign;
	}
	fclose(f);
	assert_true(good);
	standardise(x);
	return true;
}
