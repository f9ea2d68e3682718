/*
 * Which model is the best, by the study's figures on validation rows, and when it is time to stop looking for a better one.
 *
 * A round that evaluates speaks of the model that the step before made. Models of the steps E, 2E, ... are evaluated (E:
 * evaluate_every), so the record's two steps say how many evaluations in a row found nothing better, and early stopping needs
 * no count of its own:
 *
 *     step         1   2   3   4   5   6          E = 1, patience 3
 *     value       .6  .7  .7  .6  .7
 *                      ^best       ^ step 5, 3 evaluations later: the model of step 6 is made already, and never judged
 *
 * Figures that are withheld or undefined are no better; noised ones, which there are of the last model only, choose nothing. As long as there are none at all the newest model counts as the best
 * (campaign_computed), so nothing is waited for.
 */
#include "coordinator/campaign_state.h"

#include <math.h>
#include <stdio.h>

/* The study's `select` as a number that is better when larger; NAN when it cannot be judged. */
static double merit(const struct study *s, const struct metrics *m)
{
	switch (s->select) {
	case SELECT_AUC:
		return m->auc;
	case SELECT_ACCURACY:
		return m->accuracy;
	case SELECT_F1:
		return m->f1;
	case SELECT_LOSS:
		return -m->loss;
	case SELECT_R2:
		return m->r2;
	case SELECT_RMSE:
		return -m->rmse;
	}
	return NAN;
}

bool campaign_judge(struct campaign *c, const struct outcome *o)
{
	struct campaign_record *r = &c->record;
	const struct study *s = c->study;

	if (!o->evaluated || s->evaluation == EVALUATION_NOISED) /* once, of the last model: nothing is chosen */
		return false;
	uint32_t judged = r->step - 1; /* the figures speak of the model that the round named */
	double value = merit(s, &o->validation);

	if (!isnan(value) && (isnan(r->best_value) || value > r->best_value)) {
		r->best_value = value;
		r->best = (struct campaign_model){r->round.plan.model, r->round.plan.model_octets, judged};
	}
	return s->patience > 0 && (judged - r->best.step) / s->evaluate_every >= s->patience;
}

void campaign_reason(const struct campaign *c, char *out, size_t size)
{
	const struct campaign_record *r = &c->record;
	const struct study *s = c->study;

	if (campaign_lacks_figures(c))
		snprintf(out, size,
		         "without figures: the round of the noised evaluation is lost, and it was paid for once");
	else if (r->phase == PHASE_FINISHED && round_plan_asks(s, r->step) != 0) /* there were rounds left */
		snprintf(out, size, "stopped early: no better %s in %u evaluation%s", study_select_name(s->select),
		         s->patience, s->patience == 1 ? "" : "s");
	else
		snprintf(out, size, "%s", r->failure);
}
