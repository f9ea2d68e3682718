/* What came of a sweep: a row per run for pandas, a line per combination for people. */
#include "base/file.h"
#include "simulator/figure.h"
#include "simulator/past_run.h"
#include "simulator/spread.h"
#include "simulator/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CSV_MODE 0644
#define FIGURES 16 /* more than there are */
#define CELL 96

/* ---- reading back */

struct result {
	bool there;
	double figures[FIGURES], rows, seconds;
	char model[HASH_HEX_SIZE];
};

static void read_result(struct result *r, const struct sweep *s, const struct sweep_job *job)
{
	char path[PATH_SIZE], key[64];
	struct past_run run = {0};
	struct diag why = {0};

	*r = (struct result){0};
	if ((job->state != SWEEP_DONE && job->state != SWEEP_KEPT) || sweep_path(path, s, job, &why) != OK)
		return;
	if (past_run_open(&run, path, &why) == OK) {
		r->there = true;
		r->rows = past_run_number(&run, "metrics.rows");
		r->seconds = past_run_number(&run, "seconds");
		for (size_t i = 0; figure_at(i) != NULL; i++) {
			snprintf(key, sizeof key, "metrics.%s", figure_at(i)->key);
			r->figures[i] = past_run_number(&run, key);
		}
		snprintf(r->model, sizeof r->model, "%s", past_run_text(&run, "model_sha256"));
	} else {
		fprintf(stderr, "cohort-sim: %s\n", why.text);
	}
	past_run_free(&run);
}

/* ---- sweep.csv */

static void put_number(struct buf *out, double value)
{
	buf_put_text(out, ",");
	if (isfinite(value))
		buf_printf(out, "%.10g", value);
}

static void put_heads(struct buf *out, const struct sweep *s)
{
	for (size_t i = 0; i < s->request->grid->count; i++) {
		sheet_put_cell(out, s->request->grid->axes[i].key);
		buf_put_text(out, ",");
	}
	buf_put_text(out, "seed");
	for (size_t i = 0; figure_at(i) != NULL; i++)
		buf_printf(out, ",%s", figure_at(i)->key);
	buf_put_text(out, ",rows,seconds,model_sha256,path\n");
}

static void put_row(struct buf *out, const struct sweep *s, const struct sweep_job *job)
{
	char path[PATH_SIZE];
	struct diag why = {0};
	struct result r;

	read_result(&r, s, job);
	if (!r.there || sweep_path(path, s, job, &why) != OK)
		return;
	for (size_t i = 0; i < s->request->grid->count; i++) {
		sheet_put_cell(out, sweep_grid_value(s->request->grid, job->combination, i));
		buf_put_text(out, ",");
	}
	buf_printf(out, "%u", job->seed);
	for (size_t i = 0; figure_at(i) != NULL; i++)
		put_number(out, r.figures[i]);
	put_number(out, r.rows);
	put_number(out, r.seconds);
	buf_printf(out, ",%s,", r.model);
	sheet_put_cell(out, path);
	buf_put_text(out, "\n");
}

enum err sweep_write_csv(const struct sweep *s, struct diag *why)
{
	struct buf out = {0};
	char path[PATH_SIZE];
	enum err e = OK;

	buf_init(&out, RUN_TABLE_MAX);
	put_heads(&out, s);
	for (size_t i = 0; i < s->job_count; i++)
		put_row(&out, s, &s->jobs[i]);
	if (out.failed)
		e = diag_set(why, ERR_LIMIT, "sweep.csv would be larger than %u MiB", RUN_TABLE_MAX >> 20);
	else if (snprintf(path, sizeof path, "%s/sweep.csv", s->request->out) >= (int)sizeof path)
		e = diag_set(why, ERR_USAGE, "--out %s: this path is too long", s->request->out);
	else
		e = file_replace(path, buf_bytes(&out), CSV_MODE, why);
	buf_free(&out);
	return e;
}

/* ---- over seeds */

struct summary {
	size_t runs;
	struct spread figures[FIGURES], seconds;
};

static void summarise(struct summary *out, const struct sweep *s, size_t combination)
{
	const unsigned seeds = s->request->seeds;
	struct result *results = mem_array(seeds, sizeof *results);
	double *values = mem_array(seeds, sizeof *values);

	*out = (struct summary){0};
	for (unsigned k = 0; k < seeds; k++) {
		read_result(&results[k], s, &s->jobs[combination * seeds + k]);
		out->runs += results[k].there;
	}
	for (size_t i = 0; figure_at(i) != NULL; i++) {
		for (unsigned k = 0; k < seeds; k++)
			values[k] = results[k].there ? results[k].figures[i] : NAN;
		out->figures[i] = spread_of(values, seeds);
	}
	for (unsigned k = 0; k < seeds; k++)
		values[k] = results[k].there ? results[k].seconds : NAN;
	out->seconds = spread_of(values, seeds);
	free(results);
	free(values);
}

/* ---- the table */

/* Of the figures, those that fit on a screen: the others are in sweep.csv and in the JSON. */
static bool in_table(size_t figure, const struct summary *all, size_t count)
{
	static const char *const shown[] = {"auc", "accuracy", "loss", "r2", "rmse"};
	bool chosen = false, any = false;

	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		chosen = chosen || strcmp(shown[i], figure_at(figure)->key) == 0;
	for (size_t c = 0; c < count; c++)
		any = any || all[c].figures[figure].n > 0;
	return chosen && any;
}

static void spread_cell(char out[CELL], const struct spread *f)
{
	if (f->n == 0)
		snprintf(out, CELL, "-");
	else if (f->n == 1)
		snprintf(out, CELL, "%.4f", f->mean);
	else
		snprintf(out, CELL, "%.4f \xc2\xb1 %.4f", f->mean, f->deviation);
}

/* In characters: the sign of plus and minus has two bytes. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

struct column {
	char (*cells)[CELL]; /* the heading and one for each combination */
	int width;
};

static void close_column(struct column *c, size_t rows)
{
	for (size_t i = 0; i <= rows; i++)
		c->width = width_of(c->cells[i]) > c->width ? width_of(c->cells[i]) : c->width;
}

/* The columns of the table; how many. */
static size_t make_columns(struct column *columns, const struct sweep *s, const struct summary *all, size_t rows)
{
	const struct sweep_grid *g = s->request->grid;
	size_t count = 0;

	for (size_t i = 0; i < g->count + 1 + FIGURES; i++)
		columns[i].cells = mem_array(rows + 1, CELL);
	for (size_t i = 0; i < g->count; i++, count++) {
		snprintf(columns[count].cells[0], CELL, "%s", sweep_grid_short_key(g, i));
		for (size_t c = 0; c < rows; c++)
			snprintf(columns[count].cells[c + 1], CELL, "%s", sweep_grid_value(g, c, i));
	}
	snprintf(columns[count].cells[0], CELL, "runs");
	for (size_t c = 0; c < rows; c++)
		snprintf(columns[count].cells[c + 1], CELL, "%zu", all[c].runs);
	count++;
	for (size_t i = 0; figure_at(i) != NULL; i++)
		if (in_table(i, all, rows)) {
			snprintf(columns[count].cells[0], CELL, "%s", figure_at(i)->key);
			for (size_t c = 0; c < rows; c++)
				spread_cell(columns[count].cells[c + 1], &all[c].figures[i]);
			count++;
		}
	for (size_t i = 0; i < count; i++)
		close_column(&columns[i], rows);
	return count;
}

void sweep_print(FILE *out, const struct sweep *s)
{
	struct column columns[SWEEP_AXES_MAX + 1 + FIGURES] = {{0}};
	size_t rows = sweep_grid_combinations(s->request->grid), count;
	struct summary *all = mem_array(rows, sizeof *all);

	for (size_t c = 0; c < rows; c++)
		summarise(&all[c], s, c);
	count = make_columns(columns, s, all, rows);
	for (size_t r = 0; r <= rows; r++) {
		for (size_t i = 0; i < count; i++) {
			const char *cell = columns[i].cells[r];
			int pad = i + 1 < count ? columns[i].width - width_of(cell) + 2 : 0;

			fprintf(out, "%s%*s", cell, pad, "");
		}
		fputc('\n', out);
	}
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		free(columns[i].cells);
	free(all);
}

/* ---- JSON */

static struct json *spread_json(const struct spread *f)
{
	struct json *node = json_new_object();

	json_set_real(node, "mean", f->mean);
	json_set_real(node, "deviation", f->deviation);
	json_set_real(node, "low", f->low);
	json_set_real(node, "high", f->high);
	json_set_integer(node, "n", (int64_t)f->n);
	return node;
}

static struct json *failures_json(const struct sweep *s, size_t combination)
{
	struct json *list = json_new_array();

	for (unsigned k = 0; k < s->request->seeds; k++) {
		const struct sweep_job *job = &s->jobs[combination * s->request->seeds + k];
		struct json *node;

		if (job->state != SWEEP_FAILED)
			continue;
		node = json_new_object();
		json_set_integer(node, "seed", job->seed);
		json_set_string(node, "reason", job->reason);
		json_add(list, node);
	}
	return list;
}

static struct json *combination_json(const struct sweep *s, size_t c)
{
	const struct sweep_grid *g = s->request->grid;
	struct json *node = json_new_object(), *settings = json_new_object(), *metrics = json_new_object();
	char name[SWEEP_NAME_SIZE];
	struct summary sum;

	summarise(&sum, s, c);
	for (size_t i = 0; i < g->count; i++)
		json_set_string(settings, g->axes[i].key, sweep_grid_value(g, c, i));
	for (size_t i = 0; figure_at(i) != NULL; i++)
		json_set(metrics, figure_at(i)->key,
		         sum.figures[i].n > 0 ? spread_json(&sum.figures[i]) : json_new_null());
	json_set(node, "settings", settings);
	json_set_string(node, "folder", sweep_grid_name(name, g, c));
	json_set_integer(node, "runs", (int64_t)sum.runs);
	json_set(node, "metrics", metrics);
	json_set(node, "seconds", spread_json(&sum.seconds));
	json_set(node, "failed", failures_json(s, c));
	return node;
}

struct json *sweep_json(const struct sweep *s)
{
	struct json *root = json_new_object(), *list = json_new_array();

	json_set_string(root, "schema", "cohort/sweep/1");
	json_set_bool(root, "complete", !s->interrupted);
	json_set_integer(root, "seeds", s->request->seeds);
	json_set_integer(root, "done", (int64_t)sweep_count(s, SWEEP_DONE));
	json_set_integer(root, "kept", (int64_t)sweep_count(s, SWEEP_KEPT));
	json_set_integer(root, "failed", (int64_t)sweep_count(s, SWEEP_FAILED));
	for (size_t c = 0; c < sweep_grid_combinations(s->request->grid); c++)
		json_add(list, combination_json(s, c));
	json_set(root, "combinations", list);
	return root;
}
