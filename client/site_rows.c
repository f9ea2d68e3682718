#include "client/site_rows.h"

#include "base/share.h"
#include "data/batches.h"

#include <stdlib.h>
#include <string.h>

void site_rows_init(struct site_rows *r, const struct study *study, const struct table *table, const char *site)
{
	*r = (struct site_rows){.study = study, .table = table, .site = site};
	batches_key(&r->order_key, &study->draws, site);
}

static void forget(struct site_rows *r)
{
	for (int part = 0; part < PART_COUNT; part++)
		examples_free(&r->parts[part]);
}

void site_rows_free(struct site_rows *r)
{
	forget(r);
	units_free(&r->units);
	for (int part = 0; part < PART_COUNT; part++)
		free(r->shares[part]);
	memset(r, 0, sizeof *r);
}

/* ---- units */

static double *shares_of(const struct units *u)
{
	if (u->count == 0)
		return NULL;
	double *shares = mem_array(u->first[u->count], sizeof *shares);

	for (uint32_t unit = 0; unit < u->count; unit++)
		for (uint32_t i = u->first[unit]; i < u->first[unit + 1]; i++)
			shares[u->rows[i]] = share_of(units_length(u, unit));
	return shares;
}

void site_rows_divide(struct site_rows *r)
{
	if (r->divided)
		return;
	for (int part = 0; part < PART_COUNT; part++) {
		struct units u = {0};

		if (r->study->privacy.unit == UNIT_RECORD)
			units_of_rows(&u, r->table, (enum split_part)part);
		else
			units_of_patients(&u, r->table, (enum split_part)part);
		r->shares[part] = shares_of(&u);
		r->unit_counts[part] = u.count;
		if (part == PART_TRAIN)
			r->units = u;
		else
			units_free(&u);
	}
	r->divided = true;
}

/* ---- encoding */

/* `scale: site`: this hospital's own mean and deviation; what is missing is filled with them, too. A numeric
 * label is scaled alike everywhere. */
static void scaling_of_site(struct scaling *out, const struct site_rows *r, const struct scaling *of_all)
{
	double *sums = mem_array(schema_statistics_length(&r->study->schema), sizeof *sums);

	statistics_collect(sums, r->table);
	scaling_from_statistics(out, &r->study->schema, sums);
	out->label_mean = of_all->label_mean;
	out->label_deviation = of_all->label_deviation;
	free(sums);
}

void site_rows_encode(struct site_rows *r, const struct round_model *model)
{
	struct scaling own = {0};
	bool by_site = r->study->schema.scale == SCALE_SITE;

	/* its own scaling follows from its own rows, so it stays; the model's seldom changes, and then has another name */
	if (!hash_is_zero(&r->scaling_name) && (by_site || hash_equal(&r->scaling_name, &model->scaling_name)))
		return;
	if (r->study->privacy.mechanism != PRIVACY_NONE)
		site_rows_divide(r);
	forget(r);
	if (by_site)
		scaling_of_site(&own, r, &model->scaling);
	for (int part = 0; part < PART_COUNT; part++)
		examples_encode(&r->parts[part], r->table, (enum split_part)part, by_site ? &own : &model->scaling);
	r->scaling_name = model->scaling_name;
	scaling_free(&own);
}

double site_rows_weight(const struct site_rows *r)
{
	uint32_t patients = r->table->part_patients[PART_TRAIN];

	if (r->study->weights == WEIGHTS_EQUAL)
		return patients > 0 ? 1 : 0;
	return patients;
}
