/*
 * One site's rows, ready for the model's first layer: encoded once per scaling and kept.
 *
 *   table --scaling of the round's model (or, with `scale: site`, of the rows themselves)--> training, validation, test
 *
 * Under privacy also which rows are one unit's: a patient's, or each by itself under `unit: record`. Of training rows as lists, to
 * sample from; of all parts what a row counts for (base/share.h).
 */
#ifndef COHORT_CLIENT_SITE_ROWS_H
#define COHORT_CLIENT_SITE_ROWS_H

#include "client/round_model.h"
#include "data/encode.h"
#include "data/units.h"

struct site_rows {
	const struct study *study; /* borrowed, as the table and the site's name */
	const struct table *table;
	const char *site;
	struct hash order_key; /* of its rows' orders (data/batches.h) */
	struct hash scaling_name; /* of the scaling that `parts` were encoded with; zero: not encoded yet */
	struct examples parts[PART_COUNT];
	bool divided; /* the two below are there */
	struct units units; /* of the training rows */
	double *shares[PART_COUNT]; /* of each row, in the order of `parts`; NULL without rows */
	uint32_t unit_counts[PART_COUNT];
};

/* The study's draws must be what they stay. */
void site_rows_init(struct site_rows *r, const struct study *study, const struct table *table, const char *site);
void site_rows_free(struct site_rows *r); /* accepts a zeroed one */

/* Encodes the table's rows, unless that was done with the same scaling. From then on only the table's counts are read as long
 * as the scaling stays, so a simulation may give the table's cells back. */
void site_rows_encode(struct site_rows *r, const struct round_model *model);

/* Divides the rows into units, unless that was done: site_rows_encode does it too where the study is private. The table still has
 * its rows. */
void site_rows_divide(struct site_rows *r);

/* What its update is multiplied by, before the study's cap: patients with a training row, or 1. A site without training
 * rows takes part with weight 0, so that its absence tells nothing. */
double site_rows_weight(const struct site_rows *r);

#endif
