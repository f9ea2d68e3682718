#include "coordinator/aggregate.h"

#include "base/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void aggregate_begin(struct aggregate *a, const struct layout *layout)
{
	if (a->sums == NULL || a->layout.words != layout->words) {
		free(a->sums);
		a->sums = vec_i64(layout->words);
	} else {
		memset(a->sums, 0, (size_t)layout->words * sizeof *a->sums);
	}
	a->layout = *layout;
	a->added = 0;
	a->summands = NULL;
}

void aggregate_free(struct aggregate *a)
{
	free(a->sums);
	memset(a, 0, sizeof *a);
}

void aggregate_add_words(struct aggregate *a, const uint8_t *octets, uint32_t first, uint32_t words)
{
	CHECK(first <= a->layout.words && words <= a->layout.words - first);
	vec_sum_octets(a->sums + first, octets, words);
}

void aggregate_count(struct aggregate *a)
{
	CHECK(a->added < a->layout.sites);
	a->added++;
}

void aggregate_add(struct aggregate *a, struct bytes octets)
{
	CHECK(octets.len == layout_octets(&a->layout));
	aggregate_add_words(a, octets.ptr, 0, a->layout.words);
	aggregate_count(a);
}

void aggregate_part_begin(struct aggregate_part *p, const struct layout *layout)
{
	if (p->sums == NULL || p->layout.words != layout->words) {
		free(p->sums);
		p->sums = vec_u32(layout->words);
	} else {
		memset(p->sums, 0, (size_t)layout->words * sizeof *p->sums);
	}
	p->layout = *layout;
	p->added = 0;
}

void aggregate_part_free(struct aggregate_part *p)
{
	free(p->sums);
	memset(p, 0, sizeof *p);
}

void aggregate_part_add(struct aggregate_part *p, struct bytes octets)
{
	CHECK(octets.len == layout_octets(&p->layout) && p->added < p->layout.sites);
	vec_add_octets(p->sums, octets.ptr, p->layout.words);
	p->added++;
}

void aggregate_join(struct aggregate *a, const struct aggregate_part *p)
{
	CHECK(p->layout.words == a->layout.words && p->added <= a->layout.sites - a->added);
	for (uint32_t k = 0; k < a->layout.words; k++)
		a->sums[k] += (int32_t)p->sums[k];
	a->added += p->added;
}

void aggregate_values(double *values, const struct aggregate *a, enum segment_kind kind)
{
	const struct segment *segment = layout_find(&a->layout, kind);

	CHECK(segment != NULL);
	segment_decode(values, segment, &a->layout, a->sums);
}

double aggregate_noise(const struct aggregate *a, enum segment_kind kind)
{
	const struct segment *segment = layout_find(&a->layout, kind);

	CHECK(segment != NULL && segment->coding == CODING_NOISED);
	return segment->grid * sqrt((double)segment->noised.variance * a->added);
}
