/*
 * The section `privacy`: from its terms, and the rounds that they pay for, to the plan that the accountant knows. A draft, whose
 * noise is not solved for yet, ends with the terms; a contract goes on with what was solved, and is held to its promise.
 */
#include "protocol/study_read.h"

#include <stdio.h>
#include <string.h>

enum err study_blame_plan(struct study_field *field, struct diag *why, enum err e, const struct diag *words)
{
	const char *colon = strstr(words->text, ": ");
	bool named = colon && strncmp(words->text, "privacy.", sizeof "privacy." - 1) == 0;
	if (!named)
		snprintf(field->path, sizeof field->path, "privacy");
	else
		snprintf(field->path, sizeof field->path, "%.*s", (int)(colon - words->text), words->text);
	return diag_set(why, e, "%s", named ? colon + 2 : words->text);
}

/* A check of the plan failed and left its words. */
static void reject_plan(struct study_reading *r, enum err e, const struct diag *words)
{
	if (e != OK && !r->failed)
		r->failed = study_blame_plan(r->field, r->why, e, words);
}

void study_read_mechanism(struct study_reading *r, const struct json *node)
{
	struct study_section privacy = {r, node, "privacy"};
	CHECK(privacy_mechanism_from(&r->out->privacy.mechanism, study_text(&privacy, "mechanism")) || r->failed);
}

/* A term without a default: whoever promises something must say what. */
static double promised(const struct study_section *privacy, const char *key, const char *words)
{
	const struct json *value = json_get(privacy->node, key);
	if (!value)
		study_reject(privacy, key, "is missing and has no default; write %s", words);
	return study_real_or(privacy, key, 0);
}

static void read_terms(const struct study_section *privacy)
{
	struct privacy_plan *out = &privacy->reading->out->privacy;
	bool site = out->mechanism == PRIVACY_SITE;
	out->epsilon = promised(privacy, "epsilon", "the promise, such as epsilon: 3");
	out->delta = promised(privacy, "delta", "a tenth of 1 / patients or less, such as delta: 1.0e-5");
	out->clip = promised(privacy, "clip", "the largest norm of one contribution, such as clip: 1.0");
	study_only_for(privacy, "sampling_rate", !site, "mechanism: distributed or local");
	study_only_for(privacy, "patients", !site, "mechanism: distributed or local");
	study_only_for(privacy, "hospitals_per_patient", !site, "mechanism: distributed or local");
	out->sampling_rate = 1;
	out->hospitals_per_patient = 1;
	if (!site) {
		out->sampling_rate = promised(privacy, "sampling_rate", "a patient's part in a step, such as 0.1");
		out->patients = (uint32_t)promised(
			privacy, "patients", "how many training patients the study has at least, as a public number");
		out->hospitals_per_patient = (uint32_t)study_integer(privacy, "hospitals_per_patient");
	}
	out->statistics_share = study_real(privacy, "statistics_share");
	out->spare_rounds = (uint32_t)study_integer(privacy, "spare_rounds");
}

static void read_adaptive(const struct study_section *privacy)
{
	struct privacy_plan *out = &privacy->reading->out->privacy;
	study_only_for(privacy, "clip_quantile", out->mechanism == PRIVACY_SITE, "mechanism: site");
	study_only_for(privacy, "clip_rate", json_get(privacy->node, "clip_quantile"), "clip_quantile");
	if (!json_get(privacy->node, "clip_quantile"))
		return;
	out->clip_quantile = study_real(privacy, "clip_quantile");
	out->clip_rate = study_real(privacy, "clip_rate");
}

static void read_evaluation(const struct study_section *privacy)
{
	struct study *s = privacy->reading->out;
	struct privacy_plan *out = &s->privacy;
	bool site = out->mechanism == PRIVACY_SITE, own = s->evaluation == EVALUATION_NOISED && !site;
	study_only_for(privacy, "evaluation_epsilon", own,
	               site ? "mechanism: distributed or local" : "evaluation.release: noised");
	out->evaluates = own;
	out->evaluation_epsilon = own ? study_real(privacy, "evaluation_epsilon") : 0;
}

/* What the study will have released at its end, lost rounds included. */
static void count_releases(struct study *s)
{
	struct privacy_plan *p = &s->privacy;
	uint64_t rounds = (uint64_t)s->rounds + p->spare_rounds;
	p->steps = rounds * (p->mechanism == PRIVACY_LOCAL ? s->local.steps : 1);
	p->others = 1; /* the statistics */
	if (p->clip_quantile > 0)
		p->others += (uint32_t)rounds;
	if (p->mechanism == PRIVACY_SITE && s->evaluation == EVALUATION_NOISED)
		p->others++;
}

/* A site is one of sites.min or more; of patients privacy_plan_check knows. */
static void check_delta_of_sites(const struct study_section *privacy)
{
	const struct study *s = privacy->reading->out;
	if (s->privacy.unit == UNIT_SITE && s->privacy.delta * s->sites.min >= 1)
		study_reject(
			privacy, "delta",
			"%g is not below 1 / sites.min = %g: a mechanism that publishes one site would be allowed; "
			"take %.1g",
			s->privacy.delta, 1.0 / s->sites.min, privacy_wise_delta(s->sites.min));
}

static void read_solved(const struct study_section *privacy)
{
	struct study *s = privacy->reading->out;
	struct privacy_plan *out = &s->privacy;
	struct diag words = {{0}};
	out->noise_multiplier = study_real(privacy, "noise_multiplier");
	out->statistics_multiplier = study_real(privacy, "statistics_multiplier");
	study_only_for(privacy, "evaluation_multiplier", out->evaluates, "a noised evaluation of patients");
	if (out->evaluates)
		out->evaluation_multiplier = study_real(privacy, "evaluation_multiplier");
	out->batch_cap = (uint32_t)study_integer(privacy, "batch_cap");
	if (!privacy->reading->failed)
		reject_plan(privacy->reading, privacy_plan_judge(&s->spent, out, &words), &words);
}

static void read_nothing(const struct study_section *privacy)
{
	const struct json *value;
	for (const char *key = json_key_after(privacy->node, NULL, &value); key;
	     key = json_key_after(privacy->node, key, &value))
		if (strcmp(key, "unit") != 0 && strcmp(key, "mechanism") != 0)
			study_only_for(privacy, key, false, "a mechanism with noise");
}

void study_read_privacy(struct study_reading *r, const struct json *node)
{
	static const char *const units[] = {
		[UNIT_RECORD] = "record", [UNIT_PATIENT] = "patient", [UNIT_SITE] = "site", NULL};
	struct study_section privacy = {r, node, "privacy"};
	struct privacy_plan *out = &r->out->privacy;
	struct diag words = {{0}};
	out->unit = (enum privacy_unit)study_choice(&privacy, "unit", units, "record, patient or site");
	if (out->mechanism == PRIVACY_NONE) {
		read_nothing(&privacy);
		return;
	}
	read_terms(&privacy);
	read_adaptive(&privacy);
	read_evaluation(&privacy);
	if (r->failed)
		return;
	count_releases(r->out);
	reject_plan(r, privacy_plan_check(out, &words), &words);
	check_delta_of_sites(&privacy);
	if (!r->draft && !r->failed)
		read_solved(&privacy);
}
