/* The small study with the terms of a promise, as if its contract had named them: for tests of cores that look at these terms alone. */
#ifndef COHORT_TESTS_SUPPORT_PRIVATE_TERMS_H
#define COHORT_TESTS_SUPPORT_PRIVATE_TERMS_H

#include "protocol/study.h"

/* Under `distributed` and `site` it masks; the evaluation is noised; of the mechanism `none` only these two differ. */
void private_terms(struct study *s, enum privacy_mechanism mechanism, uint32_t spare_rounds);

#endif
