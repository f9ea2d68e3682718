#include "protocol/promise.h"

#include "base/json.h"

#include <math.h>

#define ACCOUNTANT                                                                                                     \
	"the smaller of privacy loss distributions (connect-the-dots, both directions) and Renyi DP (integer orders)"

double promise_signal_to_noise(const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	double units = p->sampling_rate * p->patients, noise = p->noise_multiplier * sqrt((double)s->model.parameters);
	if (p->mechanism == PRIVACY_NONE)
		return 0;
	if (p->mechanism == PRIVACY_LOCAL)
		return units / (noise * sqrt(s->sites.min));
	return (p->mechanism == PRIVACY_SITE ? s->sites.min : units) / noise;
}

/* ---- sentences */

static void put_promise(struct buf *out, const struct study *s)
{
	static const char *const units[] = {[UNIT_RECORD] = "record (a row)",
	                                    [UNIT_PATIENT] = "patient (all rows of one patient",
	                                    [UNIT_SITE] = "hospital (all its rows)"};
	const struct privacy_plan *p = &s->privacy;
	buf_printf(out, "privacy: %s: epsilon %g, delta %g for each %s", privacy_mechanism_name(p->mechanism),
	           p->epsilon, p->delta, units[p->unit]);
	if (p->unit == UNIT_PATIENT && p->hospitals_per_patient == 1)
		buf_put_text(out, " at one hospital)");
	else if (p->unit == UNIT_PATIENT)
		buf_printf(out, " at up to %u hospitals)", p->hospitals_per_patient);
	else if (p->hospitals_per_patient > 1)
		buf_printf(out, ", at up to %u hospitals", p->hospitals_per_patient);
	buf_put_text(out, ", in the sense of adding or removing one, over the whole study.\n");
}

/* Without an id a row is all that is known of a patient, and its place all that is known of a row (data/table.c). */
static void put_rows(struct buf *out, const struct study *s)
{
	if (s->privacy.unit == UNIT_SITE || s->schema.patient_id != NULL)
		return;
	if (s->privacy.unit == UNIT_PATIENT)
		buf_put_text(
			out,
			"The study names no patient_id: each row counts as a patient, and one with several rows is "
			"promised less.\n");
	if (s->schema.split.column == NULL)
		buf_put_text(out,
		             "A row's place in the file decides whether it is for training: here, to remove one is to "
		             "empty it.\n");
}

static void put_trust(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	if (p->mechanism == PRIVACY_LOCAL)
		buf_put_text(out, "It holds against everybody, the coordinator and all other hospitals included: each "
		                  "hospital adds all of the noise itself, in every step.\n");
	else
		buf_printf(
			out,
			"It holds against everybody who sees what is published, and against the coordinator and up to "
			"%u hospital%s together, while masking holds: each hospital adds a share of the noise, and the "
			"coordinator learns sums alone. All other hospitals are trusted to add theirs.\n",
			s->sites.max_colluders, s->sites.max_colluders == 1 ? "" : "s");
}

static void put_releases(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	bool site = p->mechanism == PRIVACY_SITE;
	if (!site)
		buf_printf(out,
		           "Each %s takes part in a step with probability q = %g; there are at least N = %u for "
		           "training.\n",
		           privacy_unit_name(p->unit), p->sampling_rate, p->patients);
	buf_printf(out, "Paid for: T = %llu noised steps (%u rounds and %u spare ones", (unsigned long long)p->steps,
	           s->rounds, p->spare_rounds);
	if (p->mechanism == PRIVACY_LOCAL)
		buf_printf(out, ", of %u steps each", s->local.steps);
	buf_printf(out, "), and E = %u other releases (the statistics%s%s).\n", p->others,
	           p->clip_quantile > 0 ? "; in each round who was within the clip" : "",
	           site && s->evaluation == EVALUATION_NOISED ? "; the evaluation" : "");
}

static void put_noise(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	buf_printf(out,
	           "Clip C = %g%s; noise multiplier z = %g of each step, %g of each other release; their cost is "
	           "epsilon %.6g "
	           "(privacy loss distributions %.6g, Renyi %.6g; accountant: " ACCOUNTANT ").\n",
	           p->clip, p->clip_quantile > 0 ? " at first, then it follows the updates" : "", p->noise_multiplier,
	           p->statistics_multiplier, s->spent.epsilon, s->spent.epsilon_pld, s->spent.epsilon_rdp);
	double ratio = promise_signal_to_noise(s);
	buf_printf(
		out,
		"Expected signal-to-noise ratio of a step: at most %.3g (%s over z C sqrt(%zu parameters%s), as if all "
		"contributions pointed the same way)%s.\n",
		ratio, p->mechanism == PRIVACY_SITE ? "sites.min C" : "q N C", s->model.parameters,
		p->mechanism == PRIVACY_LOCAL ? " times sites.min" : "",
		ratio < 1 ? "; a step is mostly noise: more patients, fewer parameters or a larger epsilon would help"
			  : "");
}

static void put_evaluation(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	if (s->evaluation == EVALUATION_NONE)
		buf_put_text(out, "evaluation: none: no figures are released.\n");
	else if (s->evaluation == EVALUATION_MASKED)
		buf_put_text(out, "evaluation: masked: figures are exact, NOT covered by epsilon.\n");
	else if (!p->evaluates)
		buf_put_text(out, "evaluation: noised, once, at the end: one of the releases that epsilon covers.\n");
	else
		buf_printf(out,
		           "evaluation: noised, once, at the end: epsilon %g, delta %g for each %s among the test "
		           "rows, which "
		           "are nobody's training rows (noise multiplier %g, cost epsilon %.6g).\n",
		           p->evaluation_epsilon, p->delta, privacy_unit_name(p->unit), p->evaluation_multiplier,
		           s->spent.evaluation_epsilon);
	if (s->evaluation != EVALUATION_NONE && p->hospitals_per_patient > 1)
		buf_put_text(out,
		             "A patient of several hospitals may be for training at one and for testing at another: "
		             "then both count.\n");
}

void promise_warning(struct buf *out, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	double count = p->unit == UNIT_SITE ? s->sites.min : p->patients;
	if (p->mechanism != PRIVACY_NONE && p->delta * count > 0.1)
		buf_printf(out, "WARNING: delta is above a tenth of 1 / %s = %.3g: so often the promise may fail.\n",
		           p->unit == UNIT_SITE ? "sites.min" : "patients", 1 / count);
}

void promise_words(struct buf *out, const struct study *s)
{
	if (s->privacy.mechanism == PRIVACY_NONE) {
		buf_put_text(out, "privacy: none: no noise is added, and nothing is promised about single patients.\n");
		return;
	}
	put_promise(out, s);
	put_rows(out, s);
	put_trust(out, s);
	put_releases(out, s);
	put_noise(out, s);
	put_evaluation(out, s);
}

/* ---- JSON */

static void set_number(struct json *node, const char *key, double value, bool applies)
{
	json_set(node, key, applies ? json_new_real(value) : json_new_null());
}

static void set_count(struct json *node, const char *key, uint64_t value, bool applies)
{
	json_set(node, key, applies ? json_new_integer((int64_t)value) : json_new_null());
}

static struct json *cost_json(const struct study *s)
{
	struct json *node = json_new_object();
	json_set_real(node, "epsilon", s->spent.epsilon);
	json_set_real(node, "epsilon_rdp", s->spent.epsilon_rdp);
	json_set_real(node, "epsilon_pld", s->spent.epsilon_pld);
	return node;
}

static struct json *evaluation_json(const struct study *s)
{
	static const char *const releases[] = {
		[EVALUATION_MASKED] = "masked", [EVALUATION_NOISED] = "noised", [EVALUATION_NONE] = "none"};
	const struct privacy_plan *p = &s->privacy;
	struct json *node = json_new_object();
	json_set_string(node, "release", releases[s->evaluation]);
	json_set_bool(node, "covered", s->evaluation == EVALUATION_NOISED);
	set_number(node, "epsilon", p->evaluation_epsilon, p->evaluates);
	set_number(node, "noise_multiplier", p->evaluation_multiplier, p->evaluates);
	return node;
}

static const char *holds_against(const struct privacy_plan *p)
{
	if (p->mechanism == PRIVACY_NONE)
		return "nobody";
	return p->mechanism == PRIVACY_LOCAL ? "everybody"
	                                     : "the coordinator and max_colluders sites, while masking holds";
}

struct json *promise_json(const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	bool noise = p->mechanism != PRIVACY_NONE, of_patients = noise && p->unit != UNIT_SITE;
	struct json *node = json_new_object();
	json_set_string(node, "mechanism", privacy_mechanism_name(p->mechanism));
	json_set_string(node, "unit", privacy_unit_name(p->unit));
	set_number(node, "epsilon", p->epsilon, noise);
	set_number(node, "delta", p->delta, noise);
	set_number(node, "noise_multiplier", p->noise_multiplier, noise);
	set_number(node, "sampling_rate", p->sampling_rate, noise);
	json_set_string(node, "adjacency", noise ? "add or remove one unit" : NULL);
	set_count(node, "patients", p->patients, of_patients);
	set_count(node, "hospitals_per_patient", p->hospitals_per_patient, of_patients);
	set_number(node, "clip", p->clip, noise);
	set_number(node, "clip_quantile", p->clip_quantile, p->clip_quantile > 0);
	set_count(node, "steps", p->steps, noise);
	set_count(node, "others", p->others, noise);
	set_count(node, "spare_rounds", p->spare_rounds, noise);
	set_number(node, "statistics_multiplier", p->statistics_multiplier, noise);
	set_count(node, "batch_cap", p->batch_cap, noise);
	json_set(node, "cost", noise ? cost_json(s) : json_new_null());
	json_set_string(node, "accountant", noise ? ACCOUNTANT : NULL);
	json_set_string(node, "holds_against", holds_against(p));
	set_number(node, "signal_to_noise", promise_signal_to_noise(s), noise);
	json_set(node, "evaluation", evaluation_json(s));
	return node;
}
