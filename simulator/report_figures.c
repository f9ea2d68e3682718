/* Figures of the run's model: headline, confusion of classes, and what it is compared with. */
#include "simulator/report_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double figure_of(const struct report *r, const char *object, const struct figure *f)
{
	char path[64];

	snprintf(path, sizeof path, "%s.%s", object, f->key);
	return past_run_number(r->run, path);
}

static void card(struct report *r, const struct figure *f)
{
	double value = figure_of(r, "metrics", f);

	if (!isfinite(value))
		return;
	buf_printf(r->out, "<div class=\"card%s\"><b>", f == r->headline ? " first" : "");
	report_figure(r, value);
	buf_put_text(r->out, "</b><span>");
	report_text(r, f->name);
	buf_put_text(r->out, "</span></div>\n");
}

/* Of which model, on which rows, and whether a real federation would have learnt these figures. */
static void say_where_from(struct report *r)
{
	char rows[MARKUP_NUMBER_SIZE], sites[MARKUP_NUMBER_SIZE], step[MARKUP_NUMBER_SIZE];
	const struct json *released = past_run_get(r->run, "released");
	bool selected = past_run_number(r->run, "validation.rows") > 0;

	if (!(past_run_number(r->run, "metrics.rows") > 0)) {
		report_paragraph(r, "No model of this run was judged on test rows.");
		return;
	}
	report_paragraph(r,
	                 "Of the model after %s training rounds%s, on the %s test rows of all %s sites taken together. "
	                 "Test rows "
	                 "are never trained on and never select a model.",
	                 markup_count(step, past_run_number(r->run, "model_step")),
	                 selected ? ", the best on validation rows" : ", the last",
	                 markup_count(rows, past_run_number(r->run, "metrics.rows")),
	                 markup_count(sites, past_run_number(r->run, "sites")));
	if (released != NULL && json_kind(released) == JSON_IS_BOOL && !json_as_bool(released))
		report_paragraph(
			r,
			"These figures are the simulator's own knowledge. Under this study's rules no hospital and no "
			"coordinator would have been told them.");
}

static void validation_table(struct report *r)
{
	const struct figure *f;
	bool any =
		isfinite(past_run_number(r->run, "validation.rows")) && past_run_number(r->run, "validation.rows") > 0;

	if (!any)
		return;
	buf_put_text(r->out, "<div class=\"scroll\"><table>\n<thead><tr><th>part</th><th>rows</th>");
	for (size_t i = 0; (f = figure_at(i)) != NULL; i++)
		if (isfinite(figure_of(r, "metrics", f))) {
			buf_put_text(r->out, "<th>");
			report_text(r, f->name);
			buf_put_text(r->out, "</th>");
		}
	buf_put_text(r->out, "</tr></thead>\n<tbody>\n");
	for (int part = 0; part < 2; part++) {
		char rows[MARKUP_NUMBER_SIZE];
		const char *object = part == 0 ? "validation" : "metrics";

		buf_printf(r->out, "<tr><td>%s</td><td>%s</td>", part == 0 ? "validation" : "test",
		           markup_count(rows, past_run_number(r->run, part == 0 ? "validation.rows" : "metrics.rows")));
		for (size_t i = 0; (f = figure_at(i)) != NULL; i++)
			if (isfinite(figure_of(r, "metrics", f))) {
				buf_put_text(r->out, "<td>");
				report_figure(r, figure_of(r, object, f));
				buf_put_text(r->out, "</td>");
			}
		buf_put_text(r->out, "</tr>\n");
	}
	buf_put_text(r->out, "</tbody></table></div>\n");
}

void report_figures(struct report *r)
{
	const struct figure *f;

	report_heading(r, "figures", "Figures");
	buf_put_text(r->out, "<div class=\"cards\">\n");
	card(r, r->headline);
	for (size_t i = 0; (f = figure_at(i)) != NULL; i++)
		if (f != r->headline)
			card(r, f);
	buf_put_text(r->out, "</div>\n");
	say_where_from(r);
	validation_table(r);
}

/* ---- confusion */

static const char *class_name(const struct report *r, size_t index, char out[PAST_RUN_VALUE_SIZE])
{
	const struct json *levels = past_run_get(r->run, "contract.data.label.levels");

	if (levels != NULL && json_kind(levels) == JSON_IS_ARRAY && index < json_count(levels) &&
	    past_run_say(out, json_at(levels, index)))
		return out;
	snprintf(out, PAST_RUN_VALUE_SIZE, "%zu", index);
	return strcmp(r->label_type, "binary") == 0 ? (index == 0 ? "negative" : "positive") : out;
}

static double cell(const struct json *row, size_t index)
{
	const struct json *node = json_at(row, index);
	enum json_kind kind = json_kind(node);

	return kind == JSON_IS_INTEGER || kind == JSON_IS_REAL ? json_as_real(node) : NAN;
}

static void confusion_row(struct report *r, const struct json *row, size_t truth)
{
	char name[PAST_RUN_VALUE_SIZE], text[MARKUP_NUMBER_SIZE];
	double sum = 0;

	for (size_t i = 0; i < json_count(row); i++)
		sum += isfinite(cell(row, i)) ? cell(row, i) : 0;
	buf_put_text(r->out, "<tr><th scope=\"row\">");
	report_text(r, class_name(r, truth, name));
	buf_put_text(r->out, "</th>");
	for (size_t i = 0; i < json_count(row); i++) {
		double share = sum > 0 && isfinite(cell(row, i)) ? cell(row, i) / sum : 0;

		/* the deeper the blue (or, off the diagonal, the orange) the larger the share of the true class */
		buf_printf(r->out, "<td style=\"background:rgba(%s,%.2f)\">", i == truth ? "0,114,178" : "213,94,0",
		           0.55 * share);
		report_text(r, markup_count(text, cell(row, i)));
		buf_put_text(r->out, "</td>");
	}
	buf_put_text(r->out, "</tr>\n");
}

void report_confusion(struct report *r)
{
	const struct json *matrix = past_run_get(r->run, "confusion");
	char name[PAST_RUN_VALUE_SIZE];

	if (matrix == NULL || json_kind(matrix) != JSON_IS_ARRAY || json_count(matrix) == 0)
		return;
	report_heading(r, "confusion", "Confusion of classes");
	report_paragraph(r, "Test rows by their true class (down) and the class that the model gives them (across).");
	buf_put_text(r->out, "<div class=\"scroll\"><table>\n<thead><tr><th>true class</th>");
	for (size_t i = 0; i < json_count(matrix); i++) {
		buf_put_text(r->out, "<th scope=\"col\">");
		report_text(r, class_name(r, i, name));
		buf_put_text(r->out, "</th>");
	}
	buf_put_text(r->out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < json_count(matrix); i++)
		confusion_row(r, json_at(matrix, i), i);
	buf_put_text(r->out, "</tbody></table></div>\n");
}

/* ---- baselines */

double report_baseline(const struct report *r, const struct json *entry)
{
	const struct json *node = entry;

	if (node != NULL && json_kind(node) == JSON_IS_OBJECT)
		node = json_get(node, r->headline->key);
	if (node == NULL || (json_kind(node) != JSON_IS_INTEGER && json_kind(node) != JSON_IS_REAL))
		return NAN;
	return json_as_real(node);
}

/* The mean over the sites that have a value. */
static double mean_of(const struct report *r, const struct json *local, const char *key, size_t *count)
{
	double sum = 0;

	*count = 0;
	for (size_t i = 0; i < json_count(local); i++) {
		double v = report_baseline(r, json_get(json_at(local, i), key));
		if (isfinite(v)) {
			sum += v;
			++*count;
		}
	}
	return *count > 0 ? sum / (double)*count : NAN;
}

/* The same of the run's own model: what each site alone is to be compared with. */
static double mean_at_home(const struct report *r, size_t *count)
{
	double *values = sheet_column(&r->run->sites, r->headline->key), sum = 0;

	*count = 0;
	for (size_t i = 0; i < r->run->sites.rows; i++)
		if (isfinite(values[i])) {
			sum += values[i];
			++*count;
		}
	free(values);
	return *count > 0 ? sum / (double)*count : NAN;
}

static void baseline_row(struct report *r, const char *name, const char *on, double value)
{
	buf_put_text(r->out, "<tr><td>");
	report_text(r, name);
	buf_put_text(r->out, "</td><td style=\"text-align:left\">");
	report_text(r, on);
	buf_put_text(r->out, "</td><td>");
	report_figure(r, value);
	buf_put_text(r->out, "</td></tr>\n");
}

void report_baselines(struct report *r)
{
	const struct json *local = past_run_get(r->run, "baselines.local"),
			  *pooled = past_run_get(r->run, "baselines.pooled");
	char on[128];
	size_t count;
	double mean;

	if (local == NULL && pooled == NULL)
		return;
	report_heading(r, "baselines", "Compared with training alone and with pooled data");
	buf_put_text(r->out, "<div class=\"scroll\"><table class=\"compared\">\n<thead><tr><th>trained on</th><th "
	                     "style=\"text-align:left\">judged on</th><th>");
	report_text(r, r->headline->name);
	buf_put_text(r->out, "</th></tr></thead>\n<tbody>\n");
	baseline_row(r, "all sites, federated", "test rows of all sites", figure_of(r, "metrics", r->headline));
	mean = mean_at_home(r, &count);
	snprintf(on, sizeof on, "test rows of each site, mean of %zu sites", count);
	baseline_row(r, "all sites, federated", on, mean);
	if (pooled != NULL)
		baseline_row(r, "all rows in one place", "test rows of all sites", report_baseline(r, pooled));
	if (local != NULL) {
		mean = mean_of(r, local, "home", &count);
		snprintf(on, sizeof on, "its own test rows, mean of %zu sites", count);
		baseline_row(r, "each site alone", on, mean);
		mean = mean_of(r, local, "all", &count);
		snprintf(on, sizeof on, "test rows of all sites, mean of %zu sites", count);
		baseline_row(r, "each site alone", on, mean);
	}
	buf_put_text(r->out, "</tbody></table></div>\n");
	report_paragraph(r, "All of them had the same model and the same budget of epochs.%s",
	                 isfinite(past_run_number(r->run, "privacy.epsilon"))
	                         ? " All but the federated ones were trained without noise and without clipping."
	                         : "");
}
