#include "client/release_noise.h"

#include "base/secret.h"
#include "privacy/noise.h"
#include "privacy/quantize.h"

#include <stdlib.h>
#include <string.h>

void release_noise_free(struct release_noise *n)
{
	if (n->words != NULL)
		secret_wipe(n->words, n->room * sizeof *n->words);
	free(n->words);
	*n = (struct release_noise){0};
}

static bool same_segment(const struct segment *a, const struct segment *b)
{
	return a->kind == b->kind && a->coding == b->coding && a->items == b->items && a->first == b->first &&
	       a->noised.variance == b->noised.variance;
}

/* All that `l` needs is there, drawn from the same distributions. */
static bool is_ready(const struct release_noise *n, const struct layout *l)
{
	if (n->layout.count != l->count)
		return false;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segments[i];

		if (!same_segment(s, &n->layout.segments[i]) || (s->coding == CODING_NOISED && !n->ready[s->kind]))
			return false;
	}
	return true;
}

static bool is_noised(const struct layout *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->segments[i].coding == CODING_NOISED)
			return true;
	return false;
}

static void make_room(struct release_noise *n, uint32_t words)
{
	if (words <= n->room)
		return;
	release_noise_free(n);
	n->words = mem_array(words, sizeof *n->words);
	n->room = words;
}

void release_noise_draw(struct release_noise *n, const struct layout *l, const struct entropy *entropy)
{
	if (!is_noised(l) || is_ready(n, l))
		return;
	make_room(n, l->words);
	n->layout = *l;
	memset(n->ready, 0, sizeof n->ready);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segments[i];

		if (s->coding != CODING_NOISED)
			continue;
		noise_draw(n->words + s->first, s->items, s->noised.variance, entropy);
		n->ready[s->kind] = true;
	}
}

uint64_t release_noise_encode(struct release_noise *n, uint8_t *octets, const struct segment *s, const double *values)
{
	CHECK(s->coding == CODING_NOISED && n->ready[s->kind]);
	CHECK(s->first + s->items <= n->room);
	uint64_t cut =
		quantize_noised(octets + 4 * (size_t)s->first, values, n->words + s->first, s->items, &s->noised);
	n->ready[s->kind] = false;
	secret_wipe(n->words + s->first, s->items * sizeof *n->words);
	return cut;
}
