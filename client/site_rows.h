/*
 * One site's rows, ready for the model's first layer: encoded once per scaling and kept.
 *
 *   table --scaling of the round's model (or, with `scale: site`, of the rows themselves)--> training, validation, test
 */
#ifndef COHORT_CLIENT_SITE_ROWS_H
#define COHORT_CLIENT_SITE_ROWS_H

#include "client/round_model.h"
#include "data/encode.h"

struct site_rows {
	const struct study *study; /* borrowed, as the table and the site's name */
	const struct table *table;
	const char *site;
	struct hash order_key; /* of its rows' orders (data/batches.h) */
	struct hash scaling_name; /* of the scaling that `parts` were encoded with; zero: not encoded yet */
	struct examples parts[PART_COUNT];
};

/* The study's draws must be what they stay. */
void site_rows_init(struct site_rows *r, const struct study *study, const struct table *table, const char *site);
void site_rows_free(struct site_rows *r); /* accepts a zeroed one */

/* Encodes the table's rows, unless that was done with the same scaling. From then on only the table's counts are read as long
 * as the scaling stays, so a simulation may give the table's cells back. */
void site_rows_encode(struct site_rows *r, const struct round_model *model);

/* What its update is multiplied by, before the study's cap: patients with a training row, or 1. A site without training
 * rows takes part with weight 0, so that its absence tells nothing. */
double site_rows_weight(const struct site_rows *r);

#endif
