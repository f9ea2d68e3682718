/*
 * A small study for tests of the cores: two numeric features, one categorical, a binary label, three training rounds, a network
 * of three hidden units; a policy that permits it; and made-up rows.
 */
#ifndef COHORT_TESTS_SUPPORT_SMALL_STUDY_H
#define COHORT_TESTS_SUPPORT_SMALL_STUDY_H

#include "client/policy.h"
#include "data/table.h"
#include "tests/support/tempdir.h"

/* The contract as text. Every line is one key, so a test can replace one. */
extern const char small_study_text[];
extern const char small_policy_text[];

/* Parsed; a failure fails the test. `line`, when not NULL, replaces the line of small_study_text that begins as it does up to
 * its colon ("training.." lines are flow maps, so one line is one section). */
void small_study(struct study *out, const char *line);
void small_study_yaml(struct buf *out, const char *line); /* its text, appended */
void small_policy(struct policy *out);

/* Rows of site `site` (0, 1, ...), 30 + 9 * site of them, in `dir`; the table borrows the study's schema. */
void small_table(struct table *out, struct tempdir *dir, const struct study *study, uint32_t site);

#endif
