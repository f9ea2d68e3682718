#include "model/evaluate.h"

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

static enum err add_shares(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                           const float *parameters, struct shared_rows rows, const atomic_bool *cancel,
                           struct diag *why)
{
	for (uint32_t first = 0, block; first < rows.rows; first += block) {
		if (look(cancel, why) != OK)
			return ERR_CANCELLED;
		block = rows.rows - first < n->rows_max ? rows.rows - first : n->rows_max;
		metrics_add_shares(loss_sum, counts, shape,
		                   network_forward(n, parameters, rows.x + (size_t)first * n->spec.inputs, block),
		                   rows.labels + first, rows.shares + first, block);
	}
	return OK;
}

enum err evaluate_shares(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                         struct row_products *products, const float *parameters, struct shared_rows rows,
                         const atomic_bool *cancel, struct diag *why)
{
	CHECK(metrics_outputs(shape) == n->spec.outputs);
	row_products_load(products, parameters);
	n->products = products;
	enum err e = add_shares(loss_sum, counts, shape, n, parameters, rows, cancel, why);
	n->products = NULL;
	return e;
}
