/* The defaults of a mechanism with noise, and what it makes of the terms of training. */
#include "protocol/study_complete.h"

#include <string.h>

#define STATISTICS_SHARE 0.05 /* scaling and fill values are cruder than a model: little noise spoils them less */
#define SPARE_ROUNDS 3 /* a hospital that is lost between its shares and its sum, now and then */
#define HOSPITALS_PER_PATIENT 1
#define CLIP_RATE 0.2 /* Andrew et al. 2021, section 3.1 */
#define DELTA_UNWISE 0.1 /* of 1 / patients: Dwork and Roth 2014, section 2.3, ask for far less than 1 / n */

struct json *study_complete_equal_weights(struct study_draft *d, const struct json *weights)
{
	struct json *out = json_new_object();
	json_set_string(out, "by", "equal");
	if (strcmp(json_as_string(json_get(weights, "by")), "equal") == 0) {
		study_carry(out, weights, "cap"); /* which is refused later, as without privacy */
		return out;
	}
	study_draft_warn(
		d, "training.weights.by",
		"is equal under privacy, since a weight would tell how many patients there are; the contract says "
		"so");
	study_draft_warn(d, "training.weights.cap", "means nothing under privacy, where all hospitals count the same");
	return out;
}

void study_warn_ignored(struct study_draft *d)
{
	bool drawn = d->mechanism == PRIVACY_DISTRIBUTED || d->mechanism == PRIVACY_LOCAL;
	bool clipped = d->mechanism == PRIVACY_DISTRIBUTED || d->mechanism == PRIVACY_SITE;
	const char *name = privacy_mechanism_name(d->mechanism);
	if (drawn)
		study_draft_warn(d, "training.local.batch",
		                 "means nothing under mechanism %s, which draws patients by privacy.sampling_rate",
		                 name);
	if (clipped)
		study_draft_warn(d, "training.update_range", "means nothing under mechanism %s; privacy.clip does",
		                 name);
}

/* Warned of here and not when it is read: from 1 / patients on it is refused there. */
static void warn_delta(struct study_draft *d, const struct json *privacy, const struct json *sites)
{
	bool of_sites = d->mechanism == PRIVACY_SITE;
	const struct json *delta = json_get(privacy, "delta");
	const struct json *count = of_sites ? json_get(sites, "min") : json_get(privacy, "patients");
	if (!delta || !count || json_as_integer(count) <= 0)
		return;
	double per = 1.0 / (double)json_as_integer(count);
	if (json_as_real(delta) > DELTA_UNWISE * per && json_as_real(delta) < per)
		study_draft_warn(d, "privacy.delta",
		                 "%g is above a tenth of 1 / %s = %g: so often the promise may fail; take %.1g or less",
		                 json_as_real(delta), of_sites ? "sites.min" : "patients", per,
		                 privacy_wise_delta((uint32_t)json_as_integer(count)));
}

static void refuse_solved(struct study_draft *d, const struct json *privacy)
{
	static const struct {
		const char *key, *path;
	} solved[] = {{"noise_multiplier", "privacy.noise_multiplier"},
	              {"statistics_multiplier", "privacy.statistics_multiplier"},
	              {"evaluation_multiplier", "privacy.evaluation_multiplier"},
	              {"batch_cap", "privacy.batch_cap"}};
	for (size_t i = 0; i < sizeof solved / sizeof *solved; i++)
		if (json_get(privacy, solved[i].key))
			study_draft_refuse(
				d, solved[i].path,
				"follows from epsilon and is computed when the study is added; leave it out");
}

/* A unit that was not written is what the mechanism can protect. */
static void complete_unit(const struct study_draft *d, struct json *out, const struct json *in)
{
	study_carry(out, in, "unit");
	if (d->mechanism == PRIVACY_SITE && !study_draft_wrote(d, "privacy.unit"))
		json_set_string(out, "unit", "site");
}

static void complete_terms(const struct study_draft *d, struct json *out, const struct json *in, bool noised)
{
	bool site = d->mechanism == PRIVACY_SITE;
	const struct json *epsilon = json_get(in, "epsilon");
	study_carry(out, in, "hospitals_per_patient");
	if (!site && !json_get(in, "hospitals_per_patient"))
		json_set_integer(out, "hospitals_per_patient", HOSPITALS_PER_PATIENT);
	study_carry_number(out, in, "statistics_share", STATISTICS_SHARE);
	study_carry(out, in, "evaluation_epsilon");
	if (noised && !site && epsilon && !json_get(in, "evaluation_epsilon"))
		json_set(out, "evaluation_epsilon", json_clone(epsilon));
	study_carry(out, in, "spare_rounds");
	if (!json_get(in, "spare_rounds"))
		json_set_integer(out, "spare_rounds", SPARE_ROUNDS);
	study_carry(out, in, "clip_quantile");
	study_carry(out, in, "clip_rate");
	if (json_get(in, "clip_quantile") && !json_get(in, "clip_rate"))
		json_set_real(out, "clip_rate", CLIP_RATE);
}

struct json *study_complete_privacy(struct study_draft *d, const struct json *tree, bool noised)
{
	static const char *const given[] = {"mechanism", "epsilon", "delta", "clip", "sampling_rate", "patients"};
	const struct json *in = json_get(tree, "privacy");
	struct json *out;
	refuse_solved(d, in);
	if (d->mechanism == PRIVACY_NONE)
		return json_clone(in);
	out = json_new_object();
	complete_unit(d, out, in);
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		study_carry(out, in, given[i]);
	complete_terms(d, out, in, noised);
	warn_delta(d, in, json_get(tree, "sites"));
	return out;
}
