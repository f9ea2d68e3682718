/*
 * First parameters. Runs at the coordinator, so nothing here needs BLAS.
 */
#ifndef COHORT_MODEL_INIT_H
#define COHORT_MODEL_INIT_H

#include "base/hash.h"
#include "base/random.h"
#include "model/spec.h"

/* Weights of a layer with I inputs: normal with deviation sqrt(2 / I), biases 0 (He et al. 2015, eq. 10). Draws in
 * the order of the flat vector from `r`, which the caller seeds with the label "init". parameters[spec->parameters].
 *  */
void init_he(float *parameters, const struct model_spec *spec, struct rng *r);

void init_zero(float *parameters, const struct model_spec *spec);

/* From a safetensors file of this shape (model/checkpoint.h), ours or another program's. `sha256` is the file's; the
 * zero hash is not compared. ERR_NO_INPUT, ERR_IO, ERR_LIMIT, ERR_DATA (another hash or shape). */
enum err init_file(float *parameters, const struct model_spec *spec, const char *path, const struct hash *sha256,
                   struct diag *why) MUST_USE;

#endif
