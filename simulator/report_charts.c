/* The pictures of a run: figures, losses, participants and traffic over its rounds, and how good its probabilities are. */
#include "simulator/report_inside.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 8
#define COLUMN_SIZE 64

/* A chart under construction; its columns are owned. */
struct canvas {
	struct report *report;
	struct chart chart;
	struct chart_series series[SERIES_MAX];
	double *owned[2 * SERIES_MAX];
	size_t owned_count;
	bool any; /* some value at all */
};

static double *own(struct canvas *c, double *column)
{
	CHECK(c->owned_count < 2 * SERIES_MAX);
	return c->owned[c->owned_count++] = column;
}

static void add(struct canvas *c, const char *name, const double *x, const double *y, size_t count,
                enum chart_mark mark)
{
	bool any = false;

	for (size_t i = 0; i < count; i++)
		any = any || (isfinite(x[i]) && isfinite(y[i]));
	if (!any)
		return;
	CHECK(c->chart.count < SERIES_MAX);
	c->series[c->chart.count++] = (struct chart_series){name, x, y, NULL, NULL, count, mark};
	c->any = c->any || mark != CHART_REFERENCE;
}

static void finish(struct canvas *c, const char *file, const char *caption)
{
	struct buf picture;

	c->chart.series = c->series;
	if (c->any) {
		buf_init(&picture, PAGE_MAX);
		chart_draw(&picture, &c->chart);
		report_picture(c->report, &picture, file, caption);
	}
	for (size_t i = 0; i < c->owned_count; i++)
		free(c->owned[i]);
}

/* A line from value to value: most rounds may be without one, and attempts that failed are. */
static void add_figure(struct canvas *c, const char *name, const char *column)
{
	const struct sheet *s = &c->report->run->rounds;
	double *x = own(c, sheet_column(s, "model_step")), *y = own(c, sheet_column(s, column));
	size_t count = 0;

	for (size_t i = 0; i < s->rows; i++)
		if (isfinite(x[i]) && isfinite(y[i])) {
			x[count] = x[i];
			y[count++] = y[i];
		}
	add(c, name, x, y, count, CHART_LINE);
}

/* ---- over rounds */

static void figure_chart(struct report *r)
{
	const struct figure *f = r->headline;
	struct canvas c = {.report = r};
	char title[128], validation[COLUMN_SIZE], test[COLUMN_SIZE];
	const struct json *pooled = past_run_get(r->run, "baselines.pooled");
	const double *x = own(&c, sheet_column(&r->run->rounds, "model_step"));
	double ends[2] = {INFINITY, -INFINITY}, level[2];

	snprintf(title, sizeof title, "%s over training rounds", f->name);
	title[0] = (char)toupper((unsigned char)title[0]);
	snprintf(validation, sizeof validation, "validation_%s", f->key);
	snprintf(test, sizeof test, "test_%s", f->key);
	c.chart = (struct chart){.title = title,
	                         .x = {.label = "training rounds behind the model", .whole = true},
	                         .y = {.label = f->name, .share = f->share}};
	add_figure(&c, "test rows", test);
	add_figure(&c, "validation rows", validation);
	level[0] = level[1] = report_baseline(r, pooled);
	for (size_t i = 0; i < r->run->rounds.rows; i++) {
		ends[0] = isfinite(x[i]) ? fmin(ends[0], x[i]) : ends[0];
		ends[1] = isfinite(x[i]) ? fmax(ends[1], x[i]) : ends[1];
	}
	add(&c, "trained on all rows in one place", ends, level, 2, CHART_REFERENCE);
	finish(&c, strcmp(f->key, "auc") == 0 ? "auc.svg" : "metric.svg",
	       "Of the model after that many training rounds, on the rows of all sites that contributed to its "
	       "evaluation.");
}

static void loss_chart(struct report *r)
{
	struct canvas c = {.report = r};
	bool numeric = strcmp(r->label_type, "numeric") == 0;

	c.chart = (struct chart){.title = "Loss over training rounds",
	                         .x = {.label = "training rounds behind the model", .whole = true},
	                         .y = {.label = numeric ? "mean squared error" : "log loss per row"}};
	add_figure(&c, "test rows", "test_loss");
	add_figure(&c, "validation rows", "validation_loss");
	finish(&c, "loss.svg",
	       numeric ? "Mean squared error per row."
	       : strcmp(r->label_type, "binary") == 0
	               ? "Mean of -log p(truth) per row. A model that always says one half has 0.693."
	               : "Mean of -log p(truth) per row.");
}

/* ---- who took part. Where each training round asks a sample of the sites, the statistics before and the evaluations between, which
 * ask all, would only be spikes beside it. */

static bool is_sampled(const struct report *r)
{
	return past_run_number(r->run, "options.sites_per_round") > 0;
}

/* The column at the rounds that are drawn; `count` of them. */
static double *column_of_rounds(struct canvas *c, const char *name, size_t *count)
{
	const struct sheet *s = &c->report->run->rounds;
	double *column = own(c, sheet_column(s, name));
	bool sampled = is_sampled(c->report);
	uint32_t asks;

	*count = 0;
	if (!sheet_find(s, "asks", &asks))
		sampled = false;
	for (size_t i = 0; i < s->rows; i++)
		if (!sampled || strncmp(sheet_text(s, i, asks), "train", 5) == 0)
			column[(*count)++] = column[i];
	return column;
}

static bool all_zero(const double *column, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (column[i] > 0)
			return false;
	return true;
}

static void participants_chart(struct report *r)
{
	static const char *const columns[] = {"contributed", "late", "dropped", "refused"};
	struct canvas c = {.report = r};
	size_t count;
	const double *x = column_of_rounds(&c, "round", &count);

	c.chart = (struct chart){.title = is_sampled(r) ? "Sites in each training round" : "Sites in each round",
	                         .x = {.label = "round", .whole = true},
	                         .y = {.label = "sites", .whole = true, .from_zero = true}};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		const double *y = column_of_rounds(&c, columns[i], &count);

		if (i == 0 || !all_zero(y, count))
			add(&c, columns[i], x, y, count, CHART_LINE);
	}
	finish(&c, "participants.svg",
	       "What became of the sites that a round invited. Only what happened at all has a line.");
}

static const char *scale_bytes(double *column, size_t count, double largest)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	size_t unit = 0;

	for (; largest >= 1000 && unit < 4; unit++) {
		largest /= 1000;
		for (size_t i = 0; i < count; i++)
			column[i] /= 1000;
	}
	return units[unit];
}

static void bytes_chart(struct report *r)
{
	struct canvas c = {.report = r};
	size_t rows;
	char label[32];
	const double *x = column_of_rounds(&c, "round", &rows);
	double *up = column_of_rounds(&c, "bytes_up", &rows), *down = column_of_rounds(&c, "bytes_down", &rows),
	       largest = 0;

	for (size_t i = 0; i < rows; i++)
		largest = fmax(largest, fmax(isfinite(up[i]) ? up[i] : 0, isfinite(down[i]) ? down[i] : 0));
	const char *unit = scale_bytes(up, rows, largest);
	scale_bytes(down, rows, largest);
	snprintf(label, sizeof label, "%s per round", unit);
	c.chart = (struct chart){.title = is_sampled(r) ? "Traffic of all sites in each training round"
	                                                : "Traffic of all sites in each round",
	                         .x = {.label = "round", .whole = true},
	                         .y = {.label = label, .from_zero = true}};
	add(&c, "sent by sites", x, up, rows, CHART_LINE);
	add(&c, "sent to sites", x, down, rows, CHART_LINE);
	finish(&c, "bytes.svg", "Contributions up, models down; 1 kB is 1000 bytes.");
}

/* ---- of the model that the run ends with */

static double number_at(const struct json *list, size_t index)
{
	const struct json *node = index < json_count(list) ? json_at(list, index) : NULL;

	return node != NULL && (json_kind(node) == JSON_IS_REAL || json_kind(node) == JSON_IS_INTEGER)
	               ? json_as_real(node)
	               : NAN;
}

static double number_of(const struct json *object, const char *key)
{
	const struct json *node = json_get(object, key);

	return node != NULL && (json_kind(node) == JSON_IS_REAL || json_kind(node) == JSON_IS_INTEGER)
	               ? json_as_real(node)
	               : NAN;
}

static const double diagonal[] = {0, 1};
static const struct chart_axis unit_axis = {.fixed = true, .min = 0, .max = 1};

static void roc_chart(struct report *r)
{
	const struct json *roc = past_run_get(r->run, "roc");
	struct canvas c = {.report = r, .chart = {.title = "ROC curve", .x = unit_axis, .y = unit_axis}};
	char name[64], auc[MARKUP_NUMBER_SIZE];
	size_t count = roc != NULL && json_kind(roc) == JSON_IS_ARRAY ? json_count(roc) : 0;
	double *x = own(&c, mem_array(count + 1, sizeof *x)), *y = own(&c, mem_array(count + 1, sizeof *y));

	for (size_t i = 0; i < count; i++) {
		x[i] = number_at(json_at(roc, i), 0);
		y[i] = number_at(json_at(roc, i), 1);
	}
	c.chart.x.label = "false positive rate (1 - specificity)";
	c.chart.y.label = "true positive rate (sensitivity)";
	c.chart.height = 400;
	snprintf(name, sizeof name, "AUC %s", report_figure_text(auc, past_run_number(r->run, "metrics.auc")));
	add(&c, name, x, y, count, CHART_LINE);
	add(&c, "no better than chance", diagonal, diagonal, 2, CHART_REFERENCE);
	finish(&c, "roc.svg", "On the test rows of all sites taken together.");
}

static void calibration_chart(struct report *r)
{
	const struct json *bins = past_run_get(r->run, "calibration");
	struct canvas c = {.report = r, .chart = {.title = "Calibration", .x = unit_axis, .y = unit_axis}};
	size_t count = bins != NULL && json_kind(bins) == JSON_IS_ARRAY ? json_count(bins) : 0, used = 0;
	double *x = own(&c, mem_array(count + 1, sizeof *x)), *y = own(&c, mem_array(count + 1, sizeof *y));
	char caption[256], least[MARKUP_NUMBER_SIZE], most[MARKUP_NUMBER_SIZE];
	double fewest = INFINITY, largest = 0;

	for (size_t i = 0; i < count; i++) {
		double rows = number_of(json_at(bins, i), "rows");

		x[used] = number_of(json_at(bins, i), "predicted");
		y[used] = number_of(json_at(bins, i), "observed");
		if (!(rows > 0) || !isfinite(x[used]) || !isfinite(y[used]))
			continue;
		fewest = fmin(fewest, rows);
		largest = fmax(largest, rows);
		used++;
	}
	c.chart.x.label = "mean predicted probability";
	c.chart.y.label = "observed share of positives";
	c.chart.height = 400;
	add(&c, "test rows in bins of their prediction", x, y, used, CHART_MARKED);
	add(&c, "perfectly calibrated", diagonal, diagonal, 2, CHART_REFERENCE);
	snprintf(caption, sizeof caption,
	         "%zu bins of %s to %s test rows. Above the diagonal the model predicts too low.", used,
	         markup_count(least, fewest), markup_count(most, largest));
	finish(&c, "calibration.svg", caption);
}

void report_charts(struct report *r)
{
	report_heading(r, "rounds", "Over the rounds");
	buf_put_text(r->out, "<div class=\"charts\">\n");
	figure_chart(r);
	loss_chart(r);
	participants_chart(r);
	bytes_chart(r);
	buf_put_text(r->out, "</div>\n");
	if (past_run_get(r->run, "roc") == NULL && past_run_get(r->run, "calibration") == NULL)
		return;
	report_heading(r, "probabilities", "The model's probabilities");
	buf_put_text(r->out, "<div class=\"charts\">\n");
	roc_chart(r);
	calibration_chart(r);
	buf_put_text(r->out, "</div>\n");
}
