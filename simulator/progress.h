/*
 * Progress of long work, on stderr: one line that is written over on a terminal, a line every ten seconds otherwise.
 *
 *   round 12 of 30   auc 0.941   21,300 updates/s   4 s left
 */
#ifndef COHORT_SIMULATOR_PROGRESS_H
#define COHORT_SIMULATOR_PROGRESS_H

#include "base/bytes.h"

struct progress {
	bool terminal, shown;
	double began, last; /* seconds */
};

void progress_begin(struct progress *p);

/* Whether a line would be shown now: on a terminal ten times a second, otherwise every ten seconds. */
bool progress_due(struct progress *p);
void progress_show(struct progress *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void progress_end(struct progress *p); /* the terminal's line is cleared */

double progress_seconds(const struct progress *p); /* since the beginning */

/* "4 s", "12 min", "3 h": what is left when `done` of `all` took the time until now; "" at the beginning and at the end. */
void progress_left(char out[16], const struct progress *p, double done, double all);

#endif
