#include "model/evaluate.h"

#include "base/vec.h"

static enum err look(const atomic_bool *cancel, struct diag *why)
{
	if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
		return diag_set(why, ERR_CANCELLED, "evaluation was cancelled");
	return OK;
}

enum err evaluate_rows(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                       const float *parameters, const float *x, const union label_value *labels, uint32_t rows,
                       const atomic_bool *cancel, struct diag *why)
{
	CHECK(metrics_outputs(shape) == n->spec.outputs);
	for (uint32_t first = 0, block; first < rows; first += block) {
		if (look(cancel, why) != OK)
			return ERR_CANCELLED;
		block = rows - first < n->rows_max ? rows - first : n->rows_max;
		metrics_add(loss_sum, counts, shape,
		            network_forward(n, parameters, x + (size_t)first * n->spec.inputs, block), labels + first,
		            block);
	}
	return OK;
}

enum err evaluate_shares(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                         const float *parameters, float *block, struct shared_rows rows, const atomic_bool *cancel,
                         struct diag *why)
{
	uint32_t inputs = n->spec.inputs;

	CHECK(metrics_outputs(shape) == n->spec.outputs);
	for (uint32_t first = 0, count; first < rows.rows; first += count) {
		if (look(cancel, why) != OK)
			return ERR_CANCELLED;
		count = rows.rows - first < n->rows_max ? rows.rows - first : n->rows_max;
		vec_copy(block, rows.x + (size_t)first * inputs, (size_t)count * inputs);
		vec_zero(block + (size_t)count * inputs, (size_t)(n->rows_max - count) * inputs);
		metrics_add_shares(loss_sum, counts, shape, network_forward(n, parameters, block, n->rows_max),
		                   rows.labels + first, rows.shares + first, count);
	}
	return OK;
}
