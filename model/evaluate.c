#include "model/evaluate.h"

#include "base/vec.h"

#include <stdlib.h>

enum err evaluate_run(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                      const float *parameters, struct row_source source, const atomic_bool *cancel, struct diag *why)
{
	CHECK(metrics_outputs(shape) == n->spec.outputs);
	enum err e = OK;
	float *x = vec_f32((size_t)n->rows_max * n->spec.inputs);
	union label_value *labels = mem_array(n->rows_max, sizeof *labels);
	for (uint32_t batch; (batch = source.begin(source.context)) > 0;)
		for (uint32_t first = 0, rows; first < batch; first += rows) {
			if (cancel && atomic_load_explicit(cancel, memory_order_relaxed)) {
				e = diag_set(why, ERR_CANCELLED, "evaluation was cancelled");
				goto out;
			}
			rows = batch - first < n->rows_max ? batch - first : n->rows_max;
			source.fill(source.context, x, labels, first, rows);
			metrics_add(loss_sum, counts, shape, network_forward(n, parameters, x, rows), labels, rows);
		}
out:
	free(x);
	free(labels);
	return e;
}
