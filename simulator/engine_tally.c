/* What became of an attempt, and of each of its sites. */
#include "simulator/engine_inside.h"
#include "simulator/stopwatch.h"

#include <math.h>

static bool contributed(const struct round_report *report, uint32_t index)
{
	return round_site_at(report->round, index)->state == SITE_CONTRIBUTED;
}

/* A site that computed and was not heard before the attempt ended is late, whether it is slow or the attempt was short. */
static void count_site(struct engine_round *r, struct engine_site *site, const struct engine_part *part, bool is_in)
{
	if (is_in) {
		r->contributed++;
		site->contributed++;
	} else if (part->fate == FATE_DROPS) {
		r->dropped++;
		site->dropped++;
	} else if (part->refusal != REFUSAL_NONE) {
		r->refused++;
		site->refused++;
	} else {
		r->late++;
		site->late++;
	}
}

static void tally_site(struct engine *e, struct engine_round *r, const struct engine_part *part, bool is_in)
{
	struct engine_site *site = engine_site_numbered(e, part->site);
	bool gets = part->fate != FATE_DROPS, sends = gets && part->refusal == REFUSAL_NONE && e->masked == NULL;
	uint64_t down = (gets ? r->report->plan->model_octets : 0) + part->octets_down;
	uint64_t up = (sends ? layout_octets(&e->sum.layout) : 0) + part->octets_up;

	count_site(r, site, part, is_in);
	site->bytes_up += up;
	site->bytes_down += down;
	r->bytes_up += up;
	r->bytes_down += down;
	if (!is_in)
		return;
	site->saturated += part->saturated;
	r->units += part->units;
	r->clipped += part->clipped;
	if (!isnan(part->loss))
		site->training_loss = part->loss;
}

/* Over what is in the sum, or would have been; NAN when nothing was trained. */
static double mean_loss(const struct engine *e, const struct round_report *report)
{
	double sum = 0, weight = 0;

	for (uint32_t i = 0; i < report->plan->site_count; i++) {
		const struct engine_part *p = &e->parts[i];

		if (!contributed(report, i) || isnan(p->loss))
			continue;
		sum += p->weight * p->loss;
		weight += p->weight;
	}
	return weight > 0 ? sum / weight : NAN;
}

/* Would the same sites refuse the same again, and too many of them? */
static bool is_hopeless(const struct engine *e, const struct engine_round *r)
{
	return r->report->outcome == OUTCOME_FAILED && r->invited - r->refused < round_quorum(r->report->round) &&
	       r->invited == campaign_approved(e->campaign);
}

void engine_tally(struct engine *e, const struct round_report *report)
{
	double now = stopwatch_seconds();
	struct engine_round r = {
		.report = report,
		.invited = report->plan->site_count,
		.training_loss = mean_loss(e, report),
		.signal_to_noise = e->signal_to_noise,
		.seconds = now - e->began,
	};

	for (uint32_t i = 0; i < r.invited; i++)
		tally_site(e, &r, &e->parts[i], contributed(report, i));
	if (report->outcome == OUTCOME_DONE && (report->plan->asks & ASK_TRAIN))
		e->updates += r.contributed;
	e->failures = report->outcome == OUTCOME_DONE ? 0 : e->failures + 1;
	e->refused = r.refused;
	e->hopeless = is_hopeless(e, &r);
	e->began = now;
	if (e->on_round != NULL)
		e->on_round(e->context, &r);
}
