#include "simulator/chart.h"

#include "simulator/chart_frame.h"
#include "simulator/svg.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH 420.0
#define HEIGHT 300.0
#define RIGHT_MARGIN 16.0
#define TITLE_HEIGHT 24.0
#define AIR 0.04 /* of the values' range, above and below them */
#define X_TICK_PIXELS 50.0
#define Y_TICK_PIXELS 32.0
#define LINE_WIDTH 1.8
#define BAND_OPACITY 0.18
#define DOT_RADIUS 3.0

struct drawing {
	const struct chart *chart;
	struct chart_scale x, y;
	struct chart_ticks x_ticks, y_ticks;
	double width, height, label_x, legend_y;
};

/* ---- layout */

static void choose_scales(struct drawing *d)
{
	const struct chart *c = d->chart;
	struct chart_extent x = {NAN, NAN}, y = {NAN, NAN};
	bool dots = false;

	for (size_t s = 0; s < c->count; s++)
		for (size_t i = 0; i < c->series[s].count; i++) {
			const struct chart_series *series = &c->series[s];

			if (!isfinite(series->x[i]) || !isfinite(series->y[i]))
				continue;
			dots = dots || (series->mark != CHART_LINE && series->mark != CHART_REFERENCE);
			chart_extend(&x, series->x[i], c->x.log);
			chart_extend(&y, series->y[i], c->y.log);
			if (series->low == NULL)
				continue;
			/* a band of few seeds can be wider than what the figure can be */
			chart_extend(&y, c->y.share ? fmax(series->low[i], 0) : series->low[i], c->y.log);
			chart_extend(&y, c->y.share ? fmin(series->high[i], 1) : series->high[i], c->y.log);
		}
	chart_scale_choose(&d->x, &c->x, x, dots ? AIR : 0);
	chart_scale_choose(&d->y, &c->y, y, AIR);
}

static void lay_out(struct drawing *d)
{
	const struct chart *c = d->chart;
	double top = c->title != NULL ? TITLE_HEIGHT : 8;
	size_t rows;

	d->width = c->width > 0 ? c->width : WIDTH;
	d->height = c->height > 0 ? c->height : HEIGHT;
	choose_scales(d);
	d->legend_y = top + 10;
	rows = chart_legend(NULL, c->series, c->count, 10, d->width - 10, 0);
	if (rows > 0)
		top += 6 + CHART_LEGEND_ROW * (double)rows;
	d->height += rows > 2 ? CHART_LEGEND_ROW * (double)(rows - 2) : 0; /* many names do not squeeze the values */
	d->y.from = d->height - (c->x.label != NULL ? 44 : 26);
	d->y.to = top + 6;
	chart_ticks_of(&d->y_ticks, &d->y, c->y.whole, Y_TICK_PIXELS);
	d->label_x = 16;
	d->x.from = (c->y.label != NULL ? 24 : 6) + chart_ticks_width(&d->y_ticks) + 8;
	d->x.to = d->width - RIGHT_MARGIN;
	chart_ticks_of(&d->x_ticks, &d->x, c->x.whole, X_TICK_PIXELS);
}

/* ---- values */

static bool place(const struct drawing *d, const struct chart_series *s, size_t i, double *point)
{
	point[0] = chart_place(&d->x, s->x[i]);
	point[1] = chart_place(&d->y, s->y[i]);
	return isfinite(point[0]) && isfinite(point[1]);
}

/* Of the points that share a column of pixels only the first, the lowest, the highest and the last can be seen. Thins in place. */
static size_t thin(double *points, size_t count)
{
	size_t kept = 0;

	for (size_t from = 0, until; from < count; from = until) {
		size_t low = from, high = from;

		for (until = from; until < count && floor(points[2 * until]) == floor(points[2 * from]); until++) {
			low = points[2 * until + 1] < points[2 * low + 1] ? until : low;
			high = points[2 * until + 1] > points[2 * high + 1] ? until : high;
		}
		const size_t keep[] = {from, low < high ? low : high, low < high ? high : low, until - 1};
		for (size_t k = 0; k < 4; k++) {
			if (k > 0 && keep[k] == keep[k - 1])
				continue;
			points[2 * kept] = points[2 * keep[k]];
			points[2 * kept + 1] = points[2 * keep[k] + 1];
			kept++;
		}
	}
	return kept;
}

static void draw_line(struct buf *out, const struct drawing *d, const struct chart_series *s,
                      const struct svg_look *look)
{
	double *points = mem_array(s->count + 1, 2 * sizeof *points);
	size_t count = 0;

	for (size_t i = 0; i <= s->count; i++) {
		if (i < s->count && place(d, s, i, points + 2 * count)) {
			count++;
			continue;
		}
		if (count == 1)
			svg_circle(out, points[0], points[1], DOT_RADIUS, &(struct svg_look){.fill = look->stroke});
		else if (count > 1)
			svg_polyline(out, points, thin(points, count), look);
		count = 0;
	}
	free(points);
}

static double within(const struct chart_scale *y, double pixel)
{
	return fmin(fmax(pixel, y->to), y->from);
}

/* The band is cut at the frame; the line itself never leaves it. */
static bool place_band(const struct drawing *d, const struct chart_series *s, size_t i, double *low, double *high)
{
	double middle[2];

	if (!place(d, s, i, middle) || !isfinite(s->low[i]) || !isfinite(s->high[i]))
		return false;
	low[0] = high[0] = middle[0];
	low[1] = chart_place(&d->y, s->low[i]);
	high[1] = chart_place(&d->y, s->high[i]);
	low[1] = isnan(low[1]) ? d->y.from : within(&d->y, low[1]); /* below what a logarithmic axis can show */
	high[1] = isnan(high[1]) ? d->y.from : within(&d->y, high[1]);
	return true;
}

static void draw_band(struct buf *out, const struct drawing *d, const struct chart_series *s, const char *colour)
{
	double *low = mem_array(s->count + 1, 2 * sizeof *low), *high = mem_array(s->count + 1, 2 * sizeof *high);
	double *points = mem_array(s->count + 1, 4 * sizeof *points);
	size_t count = 0;

	for (size_t i = 0; i <= s->count; i++) {
		if (i < s->count && place_band(d, s, i, low + 2 * count, high + 2 * count)) {
			count++;
			continue;
		}
		size_t lows = count > 1 ? thin(low, count) : 0, highs = count > 1 ? thin(high, count) : 0;
		for (size_t k = 0; k < 2 * highs; k++)
			points[k] = high[k];
		for (size_t k = 0; k < lows; k++) {
			points[2 * (highs + k)] = low[2 * (lows - 1 - k)];
			points[2 * (highs + k) + 1] = low[2 * (lows - 1 - k) + 1];
		}
		if (lows + highs > 0)
			svg_polygon(out, points, lows + highs,
			            &(struct svg_look){.fill = colour, .opacity = BAND_OPACITY});
		count = 0;
	}
	free(low);
	free(high);
	free(points);
}

static void draw_dots(struct buf *out, const struct drawing *d, const struct chart_series *s, size_t index)
{
	double point[2];

	for (size_t i = 0; i < s->count; i++)
		if (place(d, s, i, point))
			chart_dot(out, s->mark, index, point[0], point[1]);
}

static void draw_one(struct buf *out, const struct drawing *d, const struct chart_series *s, size_t index)
{
	svg_group_begin(out, s->name);
	if (s->mark == CHART_REFERENCE)
		draw_line(out, d, s, &(struct svg_look){.stroke = "#888888", .stroke_width = 1, .dash = "3 3"});
	if (s->mark == CHART_LINE || s->mark == CHART_MARKED)
		draw_line(out, d, s,
		          &(struct svg_look){.stroke = chart_colour(index),
		                             .stroke_width = LINE_WIDTH,
		                             .dash = chart_dash(index)});
	if (s->mark != CHART_REFERENCE && s->mark != CHART_LINE)
		draw_dots(out, d, s, index);
	svg_group_end(out);
}

static void draw_series(struct buf *out, const struct drawing *d)
{
	size_t index = 0;

	for (size_t i = 0; i < d->chart->count; i++)
		if (d->chart->series[i].mark != CHART_REFERENCE) {
			if (d->chart->series[i].low != NULL)
				draw_band(out, d, &d->chart->series[i], chart_colour(index));
			index++;
		}
	index = 0;
	for (size_t i = 0; i < d->chart->count; i++) {
		draw_one(out, d, &d->chart->series[i], index);
		index += d->chart->series[i].mark != CHART_REFERENCE;
	}
}

static bool has_value(const struct drawing *d)
{
	double point[2];

	for (size_t s = 0; s < d->chart->count; s++)
		for (size_t i = 0; i < d->chart->series[s].count; i++)
			if (d->chart->series[s].mark != CHART_REFERENCE && place(d, &d->chart->series[s], i, point))
				return true;
	return false;
}

void chart_draw(struct buf *out, const struct chart *c)
{
	struct drawing d = {.chart = c};

	lay_out(&d);
	chart_begin(out, d.width, d.height, c->title);
	chart_legend(out, c->series, c->count, 10, d.width - 10, d.legend_y);
	chart_draw_x(out, &d.x, &d.y, &d.x_ticks, c->x.label);
	chart_draw_y(out, &d.x, &d.y, &d.y_ticks, c->y.label, d.label_x);
	draw_series(out, &d);
	if (!has_value(&d))
		svg_text(out, (d.x.from + d.x.to) / 2, (d.y.from + d.y.to) / 2, "no values",
		         &(struct svg_type){.anchor = SVG_MIDDLE, .fill = "#888888"});
	svg_end(out);
}
