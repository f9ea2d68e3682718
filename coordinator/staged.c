#include "coordinator/staged.h"

#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

static enum err read_words(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                           struct diag *why)
{
	struct staged *s = context;
	enum err e = OK;

	memset(out, 0, words * sizeof *out);
	for (uint32_t n; words > 0 && e == OK; first += n, out += n, words -= n) {
		n = words < STAGING_SLICE / 4 ? words : STAGING_SLICE / 4;
		e = staging_read(s->staging, s->slots[summand], 4 * (uint64_t)first, s->slice, 4 * (size_t)n, why);
		if (e == OK)
			vec_sum_octets(out, s->slice, n);
	}
	return e;
}

void staged_open(struct staged *s, struct staging *staging, const struct round *round)
{
	*s = (struct staged){.summands = {.read = read_words, .context = s}, .staging = staging_retain(staging)};
	s->slots = mem_array(round_site_count(round), sizeof *s->slots);
	s->slice = mem_alloc(STAGING_SLICE);
	for (uint32_t i = 0; i < round_site_count(round);
	     i++) /* slots are the plan's places, as the round's sites are */
		if (round_site_at(round, i)->state == SITE_CONTRIBUTED)
			s->slots[s->summands.count++] = i;
}

void staged_close(struct staged *s)
{
	staging_release(s->staging);
	free(s->slots);
	free(s->slice);
	memset(s, 0, sizeof *s);
}
