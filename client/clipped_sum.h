/*
 * The sum of clipped gradients that privacy is about: of each given unit (data/units.h) the gradient of its mean loss, clipped to
 * the norm C, all added up in double (DP-SGD: Abadi et al. 2016, Algorithm 1, lines 4 to 6, without the noise).
 *
 *   units -> blocks of rows -> forward, loss, backward -> norms -> weights -> sum += weighted products
 *
 * Adding or removing a unit moves the sum by at most C, apart from how the sum itself is rounded, because a unit's part depends on
 * its own rows alone, bit for bit, wherever they lie (model/row_products.h). A unit that has a value which is not a number
 * anywhere contributes nothing, and others do not notice. The sum is at most (rows + 3) 2^-53 64
 * units C from the exact sum of the units' parts (model/row_gradients.h); the plan charges it (noised_gradient_error).
 *
 * The same for both uses: `distributed` adds one sum per round, `local` one per step. Which units, and the noise, are the caller's.
 */
#ifndef COHORT_CLIENT_CLIPPED_SUM_H
#define COHORT_CLIENT_CLIPPED_SUM_H

#include "data/encode.h"
#include "data/units.h"
#include "model/network.h"
#include "model/row_gradients.h"
#include "model/row_products.h"

#include <stdatomic.h>

#define CLIPPED_BLOCK                                                                                                  \
	64 /* rows at once, so that they stay in the cache; fewer in very wide networks (NETWORK_MEMORY_MAX) */

struct clipped_sum {
	struct network network;
	struct row_products products;
	struct row_gradients gradients;
	double smoothing;
	float *x; /* [block, inputs] */
	union label_value *labels; /* [block] */
	double *losses, *weights; /* [block] */
	uint32_t *ends; /* [block]: units of the block in hand are rows ends[i - 1] .. ends[i] - 1 */
	uint32_t units, rows; /* in it; 0 between calls */
	double *large; /* [parameters] for a unit of more rows than a block; NULL until there is one */
};

/* About one or several sums. It stays at the site. */
struct clipped_report {
	uint64_t units, rows;
	uint64_t clipped; /* units whose gradient was longer than C */
	uint64_t unusable; /* units that contributed nothing: their gradient was not finite */
	double norms; /* sum over the usable units of their norms before clipping */
	double loss; /* sum over the usable units of their mean losses, label smoothing included */
};

/* Memory for this model, for any number of sums, one at a time; nothing more is allocated but `large`, once. A model with dropout
 * is refused before (CHECK): what is dropped would depend on a row's place. */
void clipped_sum_init(struct clipped_sum *c, const struct model_spec *spec, double label_smoothing);
void clipped_sum_free(struct clipped_sum *c); /* accepts a zeroed one */

/* sum[parameters] += the clipped gradients at `parameters` of units which[0 .. count - 1], whose rows are e's; `which` NULL: of
 * units 0 .. count - 1. `report` is added to. ERR_CANCELLED, and the sum is worthless, when `cancel` (may be NULL) was set. */
enum err clipped_sum_add(struct clipped_sum *c, double *sum, struct clipped_report *report, const float *parameters,
                         const struct examples *e, const struct units *units, const uint32_t *which, uint32_t count,
                         double clip, const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
