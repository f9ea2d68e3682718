#include "model/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

double schedule_factor(const struct rate_schedule *s, uint32_t round, uint32_t rounds)
{
	CHECK(round >= 1 && round <= rounds);
	if (round <= s->warmup)
		return round / (s->warmup + 1.0);
	uint32_t past = round - s->warmup - 1, all = rounds - s->warmup;
	if (s->kind == SCHEDULE_STEP)
		return pow(s->factor, past / s->every);
	if (s->kind == SCHEDULE_COSINE)
		return s->floor + (1 - s->floor) * (1 + cos(PI * past / all)) / 2;
	return 1;
}
