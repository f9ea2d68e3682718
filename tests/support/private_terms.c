#include "tests/support/private_terms.h"

void private_terms(struct study *s, enum privacy_mechanism mechanism, uint32_t spare_rounds)
{
	bool site = mechanism == PRIVACY_SITE;

	s->privacy = (struct privacy_plan){.mechanism = mechanism,
	                                   .unit = site ? UNIT_SITE : UNIT_PATIENT,
	                                   .epsilon = 3,
	                                   .delta = 1e-4,
	                                   .clip = 0.5,
	                                   .sampling_rate = site ? 1 : 0.1,
	                                   .patients = site ? 0 : 640,
	                                   .hospitals_per_patient = 1,
	                                   .statistics_share = 0.05,
	                                   .spare_rounds = spare_rounds,
	                                   .steps = s->rounds + spare_rounds,
	                                   .others = 1,
	                                   .evaluates = !site,
	                                   .noise_multiplier = 2.5,
	                                   .statistics_multiplier = 6,
	                                   .evaluation_multiplier = 2,
	                                   .batch_cap = site ? 1 : 200};
	s->sites.masking = mechanism == PRIVACY_LOCAL ? MASKING_OFF : MASKING_REQUIRED;
	s->weights = WEIGHTS_EQUAL;
	s->weight_cap = 1;
	s->evaluation = EVALUATION_NOISED;
}
