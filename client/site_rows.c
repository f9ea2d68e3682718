#include "client/site_rows.h"

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
	memset(r, 0, sizeof *r);
}

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
