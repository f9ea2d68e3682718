/*
 * Every exponential here has an argument <= 0, so nothing overflows: losses are finite for all finite logits. Rows of a binary
 * label go in blocks whose arithmetic is one loop without branches, which becomes vector code; their losses are then
 * summed in order, so that the sum does not depend on the width of a vector.
 */
#include "model/loss.h"

#include "base/err.h"
#include "base/vec.h"
#include "model/elementary.h"

#include <math.h>
#include <string.h>

#define GROUP 8 /* rows: one AVX-512 vector of doubles */
#define BLOCK (4 * GROUP) /* rows at once, on the stack; the batch of most studies */

/* ---- binary cross-entropy */

/* e = exp(-|z|) is the only exponential: the loss is max(z, 0) - y z + log(1 + e), its derivative sigmoid(z) - y. */
static inline double binary_loss(double z, double y, double e)
{
	return (z > 0 ? z : 0) - (y > 0 ? y * z : 0) + elementary_log1p(e); /* 0 times infinity would be NaN */
}

static inline double binary_derivative(double z, double y, double e)
{
	return (z >= 0 ? 1 : e) / (1 + e) - y;
}

static inline double exponential(double z)
{
	return elementary_exp(z > 0 ? -z : z);
}

static double binary_row(double z, uint32_t label)
{
	CHECK(label <= 1);
	return binary_loss(z, label, exponential(z));
}

struct binary_block {
	real z[BLOCK], dz[BLOCK];
	double y[BLOCK], loss[BLOCK];
};

/* `rows` is a multiple of GROUP: a rest would be left to code without vectors. */
VEC_WIDE static void binary_rows(struct binary_block *restrict b, uint32_t rows)
{
	for (uint32_t r = 0; r < rows; r++) {
		double z = (double)b->z[r], y = b->y[r], e = exponential(z);
		b->loss[r] = binary_loss(z, y, e);
		b->dz[r] = (real)binary_derivative(z, y, e);
	}
}

/* Losses and derivatives of up to BLOCK rows, filled up with zeros to a multiple of GROUP. */
static void binary_block(struct binary_block *b, const real *z, const union label_value *labels, uint32_t rows)
{
	uint32_t whole = (rows + GROUP - 1) / GROUP * GROUP, bits = 0;
	for (uint32_t r = 0; r < rows; r++) {
		b->z[r] = z[r];
		b->y[r] = (double)labels[r].class;
		bits |= labels[r].class;
	}
	for (uint32_t r = rows; r < whole; r++) {
		b->z[r] = 0;
		b->y[r] = 0;
	}
	CHECK(bits <= 1);
	binary_rows(b, whole);
}

static uint32_t block_at(uint32_t first, uint32_t rows)
{
	return rows - first < BLOCK ? rows - first : BLOCK;
}

static double binary_backward(real *dz, const real *z, const union label_value *labels, uint32_t rows)
{
	struct binary_block b;
	double sum = 0;
	for (uint32_t first = 0, n; first < rows; first += n) {
		n = block_at(first, rows);
		binary_block(&b, z + first, labels + first, n);
		for (uint32_t r = 0; r < n; r++) {
			dz[first + r] = b.dz[r];
			sum += b.loss[r];
		}
	}
	return sum;
}

static void binary_losses(double *losses, const real *z, const union label_value *labels, uint32_t rows)
{
	struct binary_block b;
	for (uint32_t first = 0, n; first < rows; first += n) {
		n = block_at(first, rows);
		binary_block(&b, z + first, labels + first, n);
		memcpy(losses + first, b.loss, n * sizeof *losses);
	}
}

/* ---- softmax cross-entropy */

static real largest(const real *z, uint32_t n)
{
	real max = z[0];
	for (uint32_t k = 1; k < n; k++)
		if (z[k] > max)
			max = z[k];
	return max;
}

static double softmax_row(const real *z, uint32_t classes, uint32_t label)
{
	double max = largest(z, classes), sum = 0;
	CHECK(label < classes);
	for (uint32_t k = 0; k < classes; k++)
		sum += exp(z[k] - max);
	return log(sum) + (max - z[label]);
}

double loss_row(enum loss_kind kind, const real *z, uint32_t outputs, union label_value label)
{
	if (kind == LOSS_SQUARED_ERROR)
		return ((double)z[0] - label.value) * ((double)z[0] - label.value);
	return kind == LOSS_BINARY_CROSS_ENTROPY ? binary_row(z[0], label.class) : softmax_row(z, outputs, label.class);
}

void loss_rows(double *losses, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
               uint32_t rows)
{
	if (kind == LOSS_BINARY_CROSS_ENTROPY) {
		binary_losses(losses, z, labels, rows);
		return;
	}
	for (uint32_t r = 0; r < rows; r++)
		losses[r] = loss_row(kind, z + (size_t)r * outputs, outputs, labels[r]);
}

double loss_forward(enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                    uint32_t rows)
{
	double sum = 0;
	for (uint32_t r = 0; r < rows; r++)
		sum += loss_row(kind, z + (size_t)r * outputs, outputs, labels[r]);
	return sum;
}

static double softmax_row_backward(real *dz, const real *z, uint32_t classes, uint32_t label)
{
	double max = largest(z, classes), sum = 0;
	CHECK(label < classes);
	double loss = max - z[label];
	for (uint32_t k = 0; k < classes; k++) {
		double e = exp(z[k] - max);
		sum += e;
		dz[k] = (real)e;
	}
	for (uint32_t k = 0; k < classes; k++)
		dz[k] = (real)(dz[k] / sum - (k == label));
	return loss + log(sum);
}

static double squared_row_backward(real *dz, real z, float t)
{
	double error = (double)z - t;
	*dz = (real)(2 * error);
	return error * error;
}

double loss_backward(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                     uint32_t rows)
{
	double sum = 0;
	if (kind == LOSS_BINARY_CROSS_ENTROPY)
		return binary_backward(dz, z, labels, rows);
	for (uint32_t r = 0; r < rows; r++) {
		size_t at = (size_t)r * outputs;
		sum += kind == LOSS_SQUARED_ERROR ? squared_row_backward(dz + at, z[at], labels[r].value)
		                                  : softmax_row_backward(dz + at, z + at, outputs, labels[r].class);
	}
	return sum;
}

static double smooth_binary(real *dz, double z, uint32_t label, double smoothing)
{
	double more = smoothing * (label - 0.5);
	*dz += (real)more;
	return more * z;
}

static double smooth_softmax(real *dz, const real *z, uint32_t classes, uint32_t label, double smoothing)
{
	double mean = 0;
	for (uint32_t k = 0; k < classes; k++) {
		mean += z[k] / (double)classes;
		dz[k] += (real)(smoothing * ((k == label) - 1.0 / classes));
	}
	return smoothing * (z[label] - mean);
}

double loss_smooth(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                   uint32_t rows, double smoothing)
{
	bool binary = kind == LOSS_BINARY_CROSS_ENTROPY;
	double sum = 0;
	CHECK((binary || kind == LOSS_SOFTMAX_CROSS_ENTROPY) && dz != z);
	for (uint32_t r = 0; r < rows; r++) {
		size_t at = (size_t)r * outputs;
		uint32_t label = labels[r].class;
		sum += binary ? smooth_binary(dz + at, z[at], label, smoothing)
		              : smooth_softmax(dz + at, z + at, outputs, label, smoothing);
	}
	return sum;
}
