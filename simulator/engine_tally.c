/* What became of an attempt, and of each of its sites. */
#include "simulator/engine_inside.h"

#include <math.h>
#include <time.h>

double engine_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tally_site(struct engine *e, struct engine_round *r, const struct engine_part *part,
                       const struct round_site *s, bool trains)
{
	struct engine_site *site = engine_site_numbered(e, part->site);
	uint64_t up = layout_octets(&e->sum.layout),
		 down = part->fate == FATE_DROPS ? 0 : r->report->plan->model_octets;
	bool done = r->report->outcome == OUTCOME_DONE;

	if (s->state == SITE_CONTRIBUTED && done) {
		r->contributed++;
		site->contributed++;
		site->training_loss = trains ? part->loss : site->training_loss;
		site->saturated += part->saturated;
		e->updates += trains;
	} else if (s->state == SITE_REFUSED) {
		r->refused++;
		site->refused++;
		up = 0;
	} else if (part->fate == FATE_SLOW) {
		r->late++;
		site->late++;
	} else {
		r->dropped++;
		site->dropped++;
		up = s->state == SITE_CONTRIBUTED ? up : 0;
	}
	site->bytes_up += up;
	site->bytes_down += down;
	r->bytes_up += up;
	r->bytes_down += down;
}

static double mean_loss(const struct engine *e, uint32_t count)
{
	double sum = 0, weight = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct engine_part *p = &e->parts[i];

		if (p->fate != FATE_CONTRIBUTES || p->refusal != REFUSAL_NONE || isnan(p->loss))
			continue;
		sum += p->weight * p->loss;
		weight += p->weight;
	}
	return weight > 0 ? sum / weight : NAN;
}

void engine_tally(struct engine *e, const struct round_report *report)
{
	bool trains = report->plan->asks & ASK_TRAIN;
	double now = engine_clock();
	struct engine_round r = {
		.report = report,
		.invited = report->plan->site_count,
		.training_loss = trains ? mean_loss(e, report->plan->site_count) : NAN,
		.seconds = now - e->began,
	};

	for (uint32_t i = 0; i < r.invited; i++)
		tally_site(e, &r, &e->parts[i], round_site_at(report->round, i), trains);
	e->failures = report->outcome == OUTCOME_DONE ? 0 : e->failures + 1;
	e->began = now;
	if (e->on_round != NULL)
		e->on_round(e->context, &r);
}
