#include "simulator/run_print.h"

#include <math.h>
#include <string.h>

#define ALONE_WIDTH 16 /* of the column "alone, accuracy" */
#define SITES_SHOWN 30 /* a screen; sites.csv has all */

struct column {
	const char *name;
	size_t offset; /* in struct metrics */
};

/* The figures that speak for a label's kind; the first one is also shown of sites that train alone. */
static const struct column binary[] = {{"AUC", offsetof(struct metrics, auc)},
                                       {"accuracy", offsetof(struct metrics, accuracy)},
                                       {"F1", offsetof(struct metrics, f1)},
                                       {"loss", offsetof(struct metrics, loss)},
                                       {NULL, 0}};
static const struct column several[] = {{"accuracy", offsetof(struct metrics, accuracy)},
                                        {"macro F1", offsetof(struct metrics, f1)},
                                        {"AUC", offsetof(struct metrics, auc)},
                                        {"loss", offsetof(struct metrics, loss)},
                                        {NULL, 0}};
static const struct column numeric[] = {{"R2", offsetof(struct metrics, r2)},
                                        {"RMSE", offsetof(struct metrics, rmse)},
                                        {"loss", offsetof(struct metrics, loss)},
                                        {NULL, 0}};

static const struct column *columns_of(const struct run *r)
{
	enum column_type type = r->study.schema.label.type;

	return type == COLUMN_NUMERIC ? numeric : type == COLUMN_BINARY ? binary : several;
}

static double value_of(const struct metrics *m, const struct column *c)
{
	return *(const double *)((const char *)m + c->offset);
}

static void put_cell(FILE *out, int width, const struct metrics *m, const struct column *c)
{
	if (isnan(value_of(m, c)))
		fprintf(out, "  %*s", width, "-");
	else
		fprintf(out, "  %*.4f", width, value_of(m, c));
}

static void put_cells(FILE *out, const struct column *columns, const struct metrics *m)
{
	for (const struct column *c = columns; c->name != NULL; c++)
		put_cell(out, 9, m, c);
}

static void put_headline(FILE *out, const char *what, const struct column *columns, const struct metrics *m)
{
	fprintf(out, "%s:", what);
	for (const struct column *c = columns; c->name != NULL; c++)
		if (!isnan(value_of(m, c)))
			fprintf(out, " %s %.4f", c->name, value_of(m, c));
	fputc('\n', out);
}

static void put_course(FILE *out, const struct run *r)
{
	uint64_t updates = run_updates(r);

	fprintf(out, "%s: %u sites, %u of %u rounds, %llu site updates in %.*f s", r->study.name, r->site_count,
	        r->rounds, r->study.rounds, (unsigned long long)updates, r->seconds < 10 ? 3 : 0, r->seconds);
	if (r->seconds > 0 && updates > 0)
		fprintf(out, " (%.0f/s)", (double)updates / r->seconds);
	fprintf(out, "%s\n", r->complete ? "" : "; interrupted");
	fputs("Simulated: the rows are on this machine and no hospital took part.\n", out);
}

/* Where the time of masked rounds went, or that there were no masks although hospitals will have them. */
static void put_masks(FILE *out, const struct run *r)
{
	const struct engine *e = r->engine;

	if (engine_masked(e))
		fprintf(out,
		        "Under masks: keys %.1f s, shares %.1f s, training and masking %.1f s, survivors %.1f s, "
		        "opening %.1f s; coordinator %.1f s, unmasking %.1f s.\n",
		        engine_seconds(e, ENGINE_KEYS), engine_seconds(e, ENGINE_SHARES),
		        engine_seconds(e, ENGINE_INPUT), engine_seconds(e, ENGINE_SURVIVORS),
		        engine_seconds(e, ENGINE_OPENING), engine_seconds(e, ENGINE_JUDGING),
		        engine_seconds(e, ENGINE_UNMASKING));
	else if (r->study.sites.masking != MASKING_OFF)
		fputs("Sums were made without the study's masks, which give the same model; --masks runs them.\n", out);
}

/* "Stopped early after 18 of 20 rounds: no better auc in 5 evaluations." */
static void put_early_stop(FILE *out, const struct run *r)
{
	static const char early[] = "stopped early";
	char reason[TEXT_LINE_MAX];

	campaign_reason(engine_campaign(r->engine), reason, sizeof reason);
	if (strncmp(reason, early, sizeof early - 1) == 0)
		fprintf(out, "Stopped early after %u of %u rounds%s.\n", r->rounds, r->study.rounds,
		        reason + sizeof early - 1);
}

static void put_figures(FILE *out, const struct run *r)
{
	const struct column *columns = columns_of(r);
	char what[96];

	if (r->test.count == 0)
		return;
	snprintf(what, sizeof what, "Model of round %u on the %.0f test rows of all sites", r->model_step,
	         r->test.all.rows);
	put_headline(out, what, columns, &r->test.all);
	if (r->validation.rows > 0) {
		snprintf(what, sizeof what, "on their %.0f validation rows", r->validation.rows);
		put_headline(out, what, columns, &r->validation);
	}
	if (r->has_baselines)
		put_headline(out,
		             r->study.privacy.mechanism == PRIVACY_NONE
		                     ? "pooled training on the same test rows"
		                     : "pooled training, without noise, on the same test rows",
		             columns, &r->baselines.pooled);
	if (!run_released(r))
		fputs("The study's own rules would not release these figures (evaluation.release, sites.cell_min).\n",
		      out);
	run_privacy_print(out, &r->privacy, &r->study);
}

static void put_sites(FILE *out, const struct run *r, const char *directory)
{
	const struct column *columns = columns_of(r);

	if (r->test.count == 0)
		return;
	fprintf(out, "\n%-20s %7s %7s %11s", "site", "train", "test", "contributed");
	for (const struct column *c = columns; c->name != NULL; c++)
		fprintf(out, "  %9s", c->name);
	if (r->has_baselines)
		fprintf(out, "  %*s%s", ALONE_WIDTH - (int)strlen(columns->name), "alone, ", columns->name);
	fputc('\n', out);
	for (uint32_t i = 0; i < r->site_count && i < SITES_SHOWN; i++) {
		const struct table *t = &r->federation.sites[i].table;

		fprintf(out, "%-20s %7u %7u %11u", r->federation.sites[i].name, t->part_rows[PART_TRAIN],
		        t->part_rows[PART_TEST], engine_site(r->engine, i)->contributed);
		put_cells(out, columns, &r->test.sites[i]);
		if (r->has_baselines)
			put_cell(out, ALONE_WIDTH, &r->baselines.sites[i].home, columns);
		fputc('\n', out);
	}
	if (r->site_count > SITES_SHOWN)
		fprintf(out, "... and %u more%s\n", r->site_count - SITES_SHOWN,
		        directory != NULL ? " in sites.csv" : "");
}

void run_print(FILE *out, const struct run *r, const char *directory)
{
	put_course(out, r);
	put_masks(out, r);
	put_early_stop(out, r);
	put_figures(out, r);
	put_sites(out, r, directory);
	if (directory == NULL)
		fputs("\nNothing was written; --out DIR keeps the model, figures and a report.\n", out);
	else if (hash_is_zero(&r->model_sha256))
		fprintf(out, "\nReport: %s/report.html; figures: run.json, rounds.csv, sites.csv; no model was made\n",
		        directory);
	else
		fprintf(out,
		        "\nReport: %s/report.html; figures: run.json, rounds.csv, sites.csv; model: "
		        "model.safetensors\n",
		        directory);
}
