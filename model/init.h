/*
 * First parameters. Runs at the coordinator, so nothing here needs BLAS.
 */
#ifndef COHORT_MODEL_INIT_H
#define COHORT_MODEL_INIT_H

#include "base/hash.h"
#include "base/random.h"
#include "model/spec.h"

/* parameters[spec->parameters]: the weights of a dense layer with I inputs and O outputs as follows, all biases 0. Drawn
 * in the order of the flat vector from `r`, which the caller seeds with the label "init". */

/* Normal with deviation sqrt(2 / I) (He et al. 2015, eq. 10): for relu. */
void init_he(float *parameters, const struct model_spec *spec, struct rng *r);

/* Uniform in [-a, a), a = sqrt(6 / (I + O)), the "normalized initialization" of Glorot and Bengio 2010, eq. 16: for
 * sigmoid and tanh. */
void init_xavier(float *parameters, const struct model_spec *spec, struct rng *r);

/* Normal with this deviation, whatever the layer. */
void init_gaussian(float *parameters, const struct model_spec *spec, double deviation, struct rng *r);

void init_zero(float *parameters, const struct model_spec *spec);

/* From a safetensors file of this shape (model/checkpoint.h), ours or another program's. `sha256` is the file's; the
 * zero hash is not compared. ERR_NO_INPUT, ERR_IO, ERR_LIMIT, ERR_DATA (another hash or shape). */
enum err init_file(float *parameters, const struct model_spec *spec, const char *path, const struct hash *sha256,
                   struct diag *why) MUST_USE;

#endif
