/* A plot as a picture and as a table. */
#include "base/parse.h"
#include "simulator/figure.h"
#include "simulator/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_SIZE 512
#define WIDTH 560.0 /* wide enough for a column of print */
#define HEIGHT 380.0

static const char *y_label(char out[LABEL_SIZE], const struct plot *p, const char *part, const char *figure)
{
	const struct figure *f = figure_find(figure);

	if (f != NULL && strcmp(p->column, figure) != 0)
		snprintf(out, LABEL_SIZE, "%s, %s rows of all sites", f->name, part);
	else
		snprintf(out, LABEL_SIZE, "%s", p->column);
	return out;
}

/* A number alone says nothing, so the key's last word goes before it; behind it how many runs are in the mean. */
static void write_legend(char out[LABEL_SIZE], const struct plot *p, const struct plot_line *l)
{
	double number;
	int length = snprintf(out, LABEL_SIZE, "%s%s%s", parse_f64(&number, bytes_text(l->group), '.') ? p->by : "",
	                      parse_f64(&number, bytes_text(l->group), '.') && *p->by ? " " : "", l->group);

	if (l->runs > 1 && length < LABEL_SIZE)
		snprintf(out + length, (size_t)(LABEL_SIZE - length), " (n = %zu)", l->runs);
}

static const char *choose_unit(const struct plot *p, double *scale)
{
	static const char *const labels[] = {"bytes of all sites, up and down", "kB of all sites, up and down",
	                                     "MB of all sites, up and down", "GB of all sites, up and down",
	                                     "TB of all sites, up and down"};
	double largest = 0;
	size_t unit = 0;

	for (size_t i = 0; i < p->line_count; i++)
		largest = fmax(largest, p->lines[i].x[p->lines[i].count - 1]);
	for (*scale = 1; largest * *scale >= 1000 && unit < 4; unit++)
		*scale /= 1000;
	return labels[unit];
}

static void band_title(char out[LABEL_SIZE], const struct plot *p)
{
	bool several = false;

	for (size_t i = 0; i < p->line_count; i++)
		several = several || p->lines[i].runs > 1;
	snprintf(out, LABEL_SIZE, "%s", several ? "mean over seeds and its 95 % interval" : "");
}

static void make_series(struct chart_series *series, char (*names)[LABEL_SIZE], double *x, const struct plot *p,
                        double scale)
{
	for (size_t i = 0; i < p->line_count; x += p->lines[i++].count) {
		const struct plot_line *l = &p->lines[i];

		write_legend(names[i], p, l);
		for (size_t k = 0; k < l->count; k++)
			x[k] = l->x[k] * scale;
		series[i] = (struct chart_series){names[i], x,        l->drawn,  l->runs > 1 ? l->low : NULL,
		                                  l->high,  l->count, CHART_LINE};
	}
}

void plot_draw(struct buf *out, const struct plot *p, const char *part, const char *figure)
{
	const struct figure *f = figure_find(figure);
	struct chart_series *series = mem_array(p->line_count + 1, sizeof *series);
	char(*names)[LABEL_SIZE] = mem_array(p->line_count + 1, LABEL_SIZE), y[LABEL_SIZE], title[LABEL_SIZE];
	struct chart c = {.series = series, .count = p->line_count, .width = WIDTH, .height = HEIGHT};
	size_t points = 0;
	double scale = 1, *x;

	for (size_t i = 0; i < p->line_count; i++)
		points += p->lines[i].count;
	x = mem_array(points + 1, sizeof *x);
	c.x = (struct chart_axis){.label = p->x == PLOT_ROUND     ? "training rounds"
	                                   : p->x == PLOT_EPSILON ? "epsilon"
	                                   : p->x == PLOT_TERM    ? p->term
	                                                          : choose_unit(p, &scale),
	                          .whole = p->x == PLOT_ROUND};
	c.y = (struct chart_axis){.label = y_label(y, p, part, figure), .share = f != NULL && f->share};
	make_series(series, names, x, p, scale);
	band_title(title, p);
	c.title = *title != '\0' ? title : NULL;
	chart_draw(out, &c);
	free(names);
	free(series);
	free(x);
}

static struct json *points_of(const struct plot_line *l)
{
	struct json *list = json_new_array();

	for (size_t k = 0; k < l->count; k++) {
		struct json *point = json_new_object();
		json_set_real(point, "x", l->x[k]);
		json_set_real(point, "mean", l->mean[k]);
		json_set_real(point, "low", l->low[k]);
		json_set_real(point, "high", l->high[k]);
		json_set_integer(point, "n", (int64_t)l->n[k]);
		json_add(list, point);
	}
	return list;
}

struct json *plot_json(const struct plot *p)
{
	struct json *root = json_new_object(), *list = json_new_array();

	json_set_string(root, "y", p->column);
	for (size_t i = 0; i < p->line_count; i++) {
		struct json *line = json_new_object();
		json_set_string(line, "by", p->lines[i].group);
		json_set_integer(line, "runs", (int64_t)p->lines[i].runs);
		json_set(line, "points", points_of(&p->lines[i]));
		json_add(list, line);
	}
	json_set(root, "lines", list);
	return root;
}

static void put_number(struct buf *out, double value)
{
	if (isfinite(value))
		buf_printf(out, "%.10g", value);
	buf_put_text(out, ",");
}

void plot_csv(struct buf *out, const struct plot *p)
{
	buf_put_text(out, "by,x,mean,low,high,n\n");
	for (size_t i = 0; i < p->line_count; i++)
		for (size_t k = 0; k < p->lines[i].count; k++) {
			const struct plot_line *l = &p->lines[i];

			sheet_put_cell(out, l->group);
			buf_put_text(out, ",");
			put_number(out, l->x[k]);
			put_number(out, l->mean[k]);
			put_number(out, l->low[k]);
			put_number(out, l->high[k]);
			buf_printf(out, "%zu\n", l->n[k]);
		}
}
