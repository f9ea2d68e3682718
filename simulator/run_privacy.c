#include "simulator/run_privacy.h"

#include "model/metrics_json.h"

#include <math.h>

/* A round costs once, whatever becomes of its attempts: they are all of the same vectors. */
static void pay(struct run_privacy *p, const struct study *s, const struct round_plan *plan)
{
	struct budget_debit debit;

	if (plan->round <= p->paid_round)
		return;
	p->paid_round = plan->round;
	budget_debit_of(&debit, s, plan->asks);
	budget_spend(&p->spent, &s->hash, &debit);
}

void run_privacy_note(struct run_privacy *p, const struct study *s, const struct engine_round *round)
{
	const struct round_report *report = round->report;

	if (s->privacy.mechanism == PRIVACY_NONE)
		return;
	pay(p, s, report->plan);
	if (report->outcome != OUTCOME_DONE)
		return;
	p->units += round->units;
	p->clipped += round->clipped;
	if (isfinite(round->signal_to_noise)) {
		p->ratios += round->signal_to_noise;
		p->ratio_count++;
	}
	if (report->evaluated && s->evaluation == EVALUATION_NOISED) {
		p->noised = true;
		p->test = report->test;
		p->test_margin = report->test_margin;
	}
}

void run_privacy_free(struct run_privacy *p)
{
	budget_free(&p->spent);
}

double run_privacy_epsilon(const struct run_privacy *p, const struct study *s)
{
	if (s->privacy.mechanism == PRIVACY_NONE)
		return NAN;
	return fmin(budget_epsilon(&p->spent, s->privacy.delta), fmax(s->spent.epsilon, s->spent.evaluation_epsilon));
}

double run_privacy_clipped(const struct run_privacy *p)
{
	return p->units > 0 ? (double)p->clipped / (double)p->units : (double)NAN;
}

double run_privacy_ratio(const struct run_privacy *p)
{
	return p->ratio_count > 0 ? p->ratios / p->ratio_count : (double)NAN;
}

/* ---- telling */

static struct json *measured_json(const struct run_privacy *p)
{
	struct json *node = json_new_object();

	json_set_real(node, "clipped", run_privacy_clipped(p));
	json_set_real(node, "signal_to_noise", run_privacy_ratio(p));
	return node;
}

static struct json *noised_json(const struct run_privacy *p)
{
	struct json *node = metrics_json_of(&p->test);

	metrics_json_set_intervals(node, &p->test, &p->test_margin);
	return node;
}

void run_privacy_json(struct json *node, const struct run_privacy *p)
{
	json_set(node, "measured", p->units > 0 ? measured_json(p) : json_new_null());
	json_set(node, "noised", p->noised ? noised_json(p) : json_new_null());
}

static void print_measured(FILE *out, const struct run_privacy *p, enum privacy_mechanism mechanism)
{
	fprintf(out, "Measured on these rows, and never released: clipping shortened %.1f %% of the ",
	        100 * run_privacy_clipped(p));
	fputs(mechanism == PRIVACY_SITE ? "hospitals' updates" : "gradients that took part", out);
	fprintf(out, "; the signal of %s was %.3g times its noise, on average over %u rounds.\n",
	        mechanism == PRIVACY_LOCAL ? "a round's last step, over all hospitals," : "a step",
	        run_privacy_ratio(p), p->ratio_count);
}

/* The figure that speaks for the label's kind, as the study would have it. */
static void print_noised(FILE *out, const struct run_privacy *p, const struct study *s)
{
	enum column_type type = s->schema.label.type;
	bool number = type == COLUMN_NUMERIC, binary = type == COLUMN_BINARY;
	double value = number ? p->test.rmse : binary ? p->test.auc : p->test.accuracy;
	double margin = number ? p->test_margin.rmse : binary ? p->test_margin.auc : p->test_margin.accuracy;

	if (isfinite(value))
		fprintf(out, "What the study would release instead, with noise: %s %.4f +- %.4f.\n",
		        number   ? "RMSE"
		        : binary ? "AUC"
		                 : "accuracy",
		        value, margin);
}

void run_privacy_print(FILE *out, const struct run_privacy *p, const struct study *s)
{
	if (s->privacy.mechanism == PRIVACY_NONE)
		return;
	if (p->noised)
		print_noised(out, p, s);
	if (p->units > 0)
		print_measured(out, p, s->privacy.mechanism);
	fputs("This model is not private: its noise follows from the study and --seed, and whoever knows them can take "
	      "it "
	      "off.\n",
	      out);
}
