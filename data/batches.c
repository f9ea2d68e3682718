/*
 * The order of one epoch is held at a time and made anew, from 0, 1, 2, ..., when another epoch is asked for: a site
 * that was away for ten rounds shuffles once, not ten times.
 */
#include "data/batches.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define NO_EPOCH UINT64_MAX

void batches_key(struct hash *out, const struct hash *draws, const char *site)
{
	struct bytes fields[] = {bytes_of(draws->b, sizeof draws->b), bytes_text(site)};

	hash_fields(out, NULL, "COHRTord", fields, sizeof fields / sizeof fields[0]);
}

void batches_begin(struct batches *b, const struct hash *key, uint32_t rows, uint32_t batch)
{
	CHECK(batch > 0);
	if (rows > b->room) {
		free(b->order);
		b->order = mem_array(rows, sizeof b->order[0]);
		b->room = rows;
	}
	b->key = *key;
	b->rows = rows;
	b->batch = batch < rows ? batch : rows;
	b->epoch = NO_EPOCH;
}

void batches_free(struct batches *b)
{
	free(b->order);
	*b = (struct batches){0};
}

uint64_t batches_per_epoch(const struct batches *b)
{
	return b->rows == 0 ? 0 : ((uint64_t)b->rows + b->batch - 1) / b->batch;
}

struct batch_range batches_of_round(const struct batches *b, uint32_t round, uint32_t epochs, uint32_t steps)
{
	uint64_t count = epochs * batches_per_epoch(b);

	CHECK(round > 0 && (epochs == 0) != (steps == 0));
	if (steps > 0 && b->rows > 0)
		count = steps;
	return (struct batch_range){(round - 1) * count, count};
}

/* From 0, 1, 2, ... each time, so that an epoch's order does not depend on the one before. */
static void shuffle(struct batches *b, uint64_t epoch)
{
	struct rng rng;

	rng_numbered(&rng, b->key.b, epoch);
	for (uint32_t i = 0; i < b->rows; i++)
		b->order[i] = i;
	rng_shuffle(&rng, b->order, b->rows);
	b->epoch = epoch;
}

const uint32_t *batches_rows(struct batches *b, uint64_t k, uint32_t *count)
{
	uint64_t per_epoch = batches_per_epoch(b);

	CHECK(per_epoch > 0);
	if (b->epoch != k / per_epoch)
		shuffle(b, k / per_epoch);
	uint32_t first = (uint32_t)(k % per_epoch) * b->batch;
	*count = b->rows - first < b->batch ? b->rows - first : b->batch;
	return b->order + first;
}

void batches_gather(float *out, const float *from, uint32_t width, const uint32_t *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		memcpy(out + (size_t)i * width, from + (size_t)rows[i] * width, width * sizeof *out);
}

void batches_gather_labels(union label_value *out, const union label_value *from, const uint32_t *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		out[i] = from[rows[i]];
}
