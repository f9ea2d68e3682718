/*
 * Every exponential here has an argument <= 0, so nothing overflows: losses are finite for all finite logits.
 */
#include "model/loss.h"

#include "base/err.h"

#include <math.h>

static double binary_row(real logit, uint32_t label)
{
	double z = logit;
	CHECK(label <= 1);
	return fmax(z, 0) - (label ? z : 0) + log1p(exp(-fabs(z)));
}

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
	return kind == LOSS_BINARY_CROSS_ENTROPY ? binary_row(z[0], label.class) : softmax_row(z, outputs, label.class);
}

double loss_forward(enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                    uint32_t rows)
{
	double sum = 0;
	for (uint32_t r = 0; r < rows; r++)
		sum += loss_row(kind, z + (size_t)r * outputs, outputs, labels[r]);
	return sum;
}

/* sigmoid(z) - y from e = exp(-|z|), the only exponential: loss and derivative share it. */
static double binary_row_backward(real *dz, real logit, uint32_t label)
{
	double z = logit, e = exp(-fabs(z));
	CHECK(label <= 1);
	*dz = (real)((z >= 0 ? 1 : e) / (1 + e) - label);
	return fmax(z, 0) - (label ? z : 0) + log1p(e);
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

double loss_backward(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                     uint32_t rows)
{
	double sum = 0;
	for (uint32_t r = 0; r < rows; r++) {
		size_t at = (size_t)r * outputs;
		sum += kind == LOSS_BINARY_CROSS_ENTROPY
		               ? binary_row_backward(dz + at, z[at], labels[r].class)
		               : softmax_row_backward(dz + at, z + at, outputs, labels[r].class);
	}
	return sum;
}
