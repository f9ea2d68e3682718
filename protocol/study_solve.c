#include "protocol/study_solve.h"

#include "protocol/study_rules.h"

#include <math.h>
#include <string.h>

#define DEVIATIONS_PER_BIN                                                                                             \
	4 /* patients in a bin, in deviations of its noise: an AUC's error is then of the second digit */

/* In a mean bin of the two histograms; 0 when nobody knows. */
static double patients_per_bin(const struct study *s, uint32_t bins)
{
	const struct split *split = &s->schema.split;
	double train = 1 - split->test_fraction - split->validation_fraction;
	if (split->column != NULL)
		return 0;
	return s->privacy.patients * split->test_fraction / train / (2.0 * bins);
}

static uint32_t bins_of(const struct study *s)
{
	double deviation = s->privacy.evaluation_multiplier * sqrt(2);
	uint32_t bins = NOISED_BINS_MAX;
	while (bins > NOISED_BINS_MIN && patients_per_bin(s, bins) < DEVIATIONS_PER_BIN * deviation)
		bins /= 2;
	return bins;
}

static void put_solved(struct json *tree, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	struct json *privacy = json_clone(json_get(tree, "privacy"));
	struct json *evaluation = json_clone(json_get(tree, "evaluation"));
	json_set_real(privacy, "noise_multiplier", p->noise_multiplier);
	json_set_real(privacy, "statistics_multiplier", p->statistics_multiplier);
	if (p->evaluates)
		json_set_real(privacy, "evaluation_multiplier", p->evaluation_multiplier);
	json_set_integer(privacy, "batch_cap", p->batch_cap);
	if (s->bins == 0)
		json_set_integer(evaluation, "bins", p->evaluates ? bins_of(s) : NOISED_BINS_MIN);
	json_set(tree, "evaluation", evaluation);
	json_set(tree, "privacy", privacy);
}

/* Such noise would leave nothing of any data, and is beyond what the table of rules lets a contract have. */
static enum err check_noise(const struct privacy_plan *p, struct diag *words)
{
	double most = fmax(p->noise_multiplier, fmax(p->statistics_multiplier, p->evaluation_multiplier));
	if (most <= STUDY_NOISE_MAX)
		return OK;
	return diag_set(
		words, ERR_DATA,
		"privacy.epsilon: %g needs noise of %g times the clip, and nothing can be learnt from more than %g: "
		"a larger epsilon, or fewer rounds",
		p->epsilon, most, STUDY_NOISE_MAX);
}

enum err study_solve(struct json *tree, struct study_field *field, struct diag *why)
{
	const char *mechanism = json_as_string(json_get(json_get(tree, "privacy"), "mechanism"));
	struct study draft = {0};
	struct diag words = {{0}};
	if (strcmp(mechanism, privacy_mechanism_name(PRIVACY_NONE)) == 0)
		return OK;
	enum err e = study_read_draft(&draft, tree, field, why);
	if (e == OK) {
		e = privacy_plan_solve(&draft.privacy, &words);
		if (e == OK)
			e = check_noise(&draft.privacy, &words);
		if (e != OK)
			e = study_blame_plan(field, why, e, &words);
		else
			put_solved(tree, &draft);
	}
	study_free(&draft);
	return e;
}
