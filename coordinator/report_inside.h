/* What report.c (status, studies, sites, events) and report_rounds.c share, and nobody else. */
#ifndef COHORT_COORDINATOR_REPORT_INSIDE_H
#define COHORT_COORDINATOR_REPORT_INSIDE_H

#include "coordinator/report.h"

/* In an open masked attempt: the phase whose message this site has not sent yet; "" when it has sent them all. */
const char *report_phase_at(const struct round_site *site);

/* Adds the figures that are shown first, of the test part or else of the validation part, with the intervals of noised ones. */
void report_set_shown(struct json *node, const struct stored_round *r);

#endif
