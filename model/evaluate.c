#include "model/evaluate.h"

enum err evaluate_rows(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                       const float *parameters, const float *x, const union label_value *labels, uint32_t rows,
                       const atomic_bool *cancel, struct diag *why)
{
	CHECK(metrics_outputs(shape) == n->spec.outputs);
	for (uint32_t first = 0, block; first < rows; first += block) {
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return diag_set(why, ERR_CANCELLED, "evaluation was cancelled");
		block = rows - first < n->rows_max ? rows - first : n->rows_max;
		metrics_add(loss_sum, counts, shape,
		            network_forward(n, parameters, x + (size_t)first * n->spec.inputs, block), labels + first,
		            block);
	}
	return OK;
}
