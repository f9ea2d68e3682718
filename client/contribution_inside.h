/*
 * What the parts of the contribution share: client/contribution.c (the whole, and rounds without privacy),
 * client/contribution_shares.c (statistics and figures under privacy), client/contribution_steps.c (training under privacy). No other
 * file includes this.
 */
#ifndef COHORT_CLIENT_CONTRIBUTION_INSIDE_H
#define COHORT_CLIENT_CONTRIBUTION_INSIDE_H

#include "client/contribution.h"

/* One call of contribution_fill: what it works with and what it tells. */
struct filling {
	struct site_rows *rows;
	struct workspace *w;
	const struct study *study;
	const struct contribution_terms *terms;
	const struct layout *layout;
	uint8_t *octets;
	struct contribution_report *report;
	struct diag *why;
};

/* The noised segment of that kind, from its values. */
static inline void filling_encode(const struct filling *f, enum segment_kind kind, const double *values)
{
	f->report->saturated += release_noise_encode(&f->w->noise, f->octets, layout_find(f->layout, kind), values);
}

void contribution_add_noised_statistics(const struct filling *f);
enum err contribution_add_noised_figures(const struct filling *f) MUST_USE;

/* By the study's mechanism, which is not none. */
enum err contribution_add_private_training(const struct filling *f) MUST_USE;

#endif
