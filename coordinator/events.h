/*
 * What happened, told twice: one line for people in the log, one row in the store's chain of events for those who ask later.
 * Names, counts, states, hashes and the federation's figures; of a single site nothing but what became of it.
 */
#ifndef COHORT_COORDINATOR_EVENTS_H
#define COHORT_COORDINATOR_EVENTS_H

#include "coordinator/course.h"

void events_started(const struct course_world *w); /* the daemon */
void events_stopped(const struct course_world *w);
void events_roster(const struct course_world *w);
void events_study_added(const struct course_world *w, const struct study *study);
/* When the campaign's state has another name than *announced, which is set. */
void events_state(const struct course_world *w, const struct study *study, const struct campaign *campaign,
                  const char **announced);
void events_answer(const struct course_world *w, const struct study *study, uint32_t site, enum site_answer answer);
void events_revoked(const struct course_world *w, const struct enrolled_site *site);
void events_round_opened(const struct course_world *w, const struct study *study, const struct round_plan *plan);
void events_site(const struct course_world *w, const struct study *study, const struct round_plan *plan,
                 const struct round_site *row);
void events_late(const struct course_world *w, const struct study *study, uint64_t round, uint32_t attempt,
                 uint32_t site);
void events_round_closed(const struct course_world *w, const struct study *study, const struct round_report *report);

/* "statistics", "training 6 of 30", "last evaluation": what a round is for. */
void events_purpose(char *out, size_t size, const struct study *study, unsigned asks, uint32_t step);

#endif
