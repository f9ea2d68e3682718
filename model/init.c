#include "model/init.h"

#include "base/file.h"
#include "base/vec.h"
#include "model/checkpoint.h"

#include <math.h>

void init_zero(float *parameters, const struct model_spec *spec)
{
	vec_zero(parameters, spec->parameters);
}

static void draw_normal(float *parameters, const struct layer *l, double deviation, struct rng *r)
{
	for (size_t k = l->weight; k < l->bias; k++)
		parameters[k] = (float)(deviation * rng_normal(r));
}

void init_he(float *parameters, const struct model_spec *spec, struct rng *r)
{
	init_zero(parameters, spec);
	for (uint32_t i = 0; i < spec->layer_count; i++)
		if (spec->layers[i].kind == LAYER_DENSE)
			draw_normal(parameters, &spec->layers[i], sqrt(2.0 / spec->layers[i].inputs), r);
}

void init_gaussian(float *parameters, const struct model_spec *spec, double deviation, struct rng *r)
{
	init_zero(parameters, spec);
	for (uint32_t i = 0; i < spec->layer_count; i++)
		if (spec->layers[i].kind == LAYER_DENSE)
			draw_normal(parameters, &spec->layers[i], deviation, r);
}

void init_xavier(float *parameters, const struct model_spec *spec, struct rng *r)
{
	init_zero(parameters, spec);
	for (uint32_t i = 0; i < spec->layer_count; i++) {
		const struct layer *l = &spec->layers[i];
		double bound = sqrt(6.0 / ((double)l->inputs + l->outputs));
		if (l->kind != LAYER_DENSE)
			continue;
		for (size_t k = l->weight; k < l->bias; k++)
			parameters[k] = (float)(bound * (2 * rng_unit(r) - 1));
	}
}

enum err init_file(float *parameters, const struct model_spec *spec, const char *path, const struct hash *sha256,
                   struct diag *why)
{
	struct buf file = {0};
	struct hash found;
	char wanted_hex[HASH_HEX_SIZE], found_hex[HASH_HEX_SIZE];
	enum err e = file_read(&file, path, MODEL_FILE_MAX, why);
	if (e)
		goto out;
	sha256_of(&found, buf_bytes(&file));
	if (!hash_is_zero(sha256) && !hash_equal(sha256, &found)) {
		hash_hex(wanted_hex, sha256);
		hash_hex(found_hex, &found);
		e = diag_set(why, ERR_DATA, "%s: its SHA-256 is %s, but the study names %s", path, found_hex,
		             wanted_hex);
		goto out;
	}
	e = checkpoint_read(parameters, NULL, spec, buf_bytes(&file), path, why);
out:
	buf_free(&file);
	return e;
}
