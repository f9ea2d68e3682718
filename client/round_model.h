/*
 * The round's model, read once: its parameters, and the scaling that it brings. Read-only from then on, so all sites of a
 * process may share it.
 */
#ifndef COHORT_CLIENT_ROUND_MODEL_H
#define COHORT_CLIENT_ROUND_MODEL_H

#include "data/standardize.h"
#include "protocol/study.h"

struct round_model {
	float *parameters; /* study->model.parameters; owned */
	struct scaling scaling; /* owned */
	struct hash
		scaling_name; /* of the scaling's numbers: rows encoded under the same name need not be encoded again */
};

/* `file`: the bytes that the plan names. ERR_DATA when they are not a model of this study. After a failure `out` is zeroed. */
enum err round_model_read(struct round_model *out, const struct study *s, struct bytes file, struct diag *why) MUST_USE;
void round_model_free(struct round_model *m); /* accepts a zeroed one */

#endif
