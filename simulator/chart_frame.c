#include "simulator/chart_frame.h"

#include "base/utf8.h"
#include "simulator/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE 22.0 /* the piece of line in a legend */
#define SAMPLE_GAP 5.0
#define ENTRY_GAP 16.0
#define AXIS_COLOUR "#333333"
#define GRID_COLOUR "#e2e2e2"

static const struct svg_look axis_look = {.stroke = AXIS_COLOUR};
static const struct svg_look grid_look = {.stroke = GRID_COLOUR};

const char *chart_colour(size_t index)
{
	static const char *const colours[CHART_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
	                                                   "#e69f00", "#56b4e9", "#333333"};
	return colours[index % CHART_COLOURS];
}

const char *chart_dash(size_t index)
{
	static const char *const dashes[] = {NULL, "7 3", "2 2", "8 3 2 3", "12 3", "4 2", "10 2 2 2 2 2"};
	/* each colour's next round has other dashes: 7 and 7 - 1 share no divisor, so 42 lines differ */
	return dashes[(index + index / CHART_COLOURS) % CHART_COLOURS];
}

/* ---- scales */

double chart_place(const struct chart_scale *s, double value)
{
	if (!isfinite(value) || (s->log && value <= 0))
		return NAN;
	double share = s->log ? log(value / s->min) / log(s->max / s->min) : (value - s->min) / (s->max - s->min);
	return s->from + share * (s->to - s->from);
}

void chart_extend(struct chart_extent *e, double value, bool positive_only)
{
	if (!isfinite(value) || (positive_only && value <= 0))
		return;
	e->min = isnan(e->min) || value < e->min ? value : e->min;
	e->max = isnan(e->max) || value > e->max ? value : e->max;
}

static void choose_log(struct chart_scale *s, struct chart_extent e)
{
	s->min = isnan(e.min) ? 1 : e.min;
	s->max = isnan(e.max) ? 10 : e.max;
	if (s->max < s->min * 1.0001) {
		s->min /= 2;
		s->max *= 2;
	}
}

static void choose_linear(struct chart_scale *s, const struct chart_axis *axis, struct chart_extent e, double air)
{
	double width;

	s->min = isnan(e.min) ? 0 : e.min;
	s->max = isnan(e.max) ? 1 : e.max;
	if (axis->from_zero) {
		s->min = fmin(s->min, 0);
		s->max = fmax(s->max, 0);
	}
	width = s->max - s->min;
	if (width <= 1e-9 * fmax(fabs(s->min), fabs(s->max)) || width == 0) {
		/* one value alone: an axis around it, as wide as the value is large */
		width = s->max != 0 ? fabs(s->max) * 0.2 : 1;
		width = axis->whole ? fmax(width, 2) : width;
		s->min -= width / 2;
		s->max += width / 2;
	} else {
		s->min -= axis->from_zero && s->min == 0 ? 0 : air * width;
		s->max += axis->from_zero && s->max == 0 ? 0 : air * width;
	}
	if (axis->from_zero && e.min >= 0)
		s->min = 0;
	if (axis->share && (isnan(e.min) || e.min >= 0) && s->min < 0)
		s->min = 0;
	if (axis->share && (isnan(e.max) || e.max <= 1) && s->max > 1)
		s->max = 1;
}

void chart_scale_choose(struct chart_scale *s, const struct chart_axis *axis, struct chart_extent e, double air)
{
	s->log = axis->log;
	if (axis->fixed) {
		s->min = axis->min;
		s->max = axis->max;
	} else if (axis->log) {
		choose_log(s, e);
	} else {
		choose_linear(s, axis, e, air);
	}
	CHECK(s->min < s->max);
}

/* ---- axes */

void chart_ticks_of(struct chart_ticks *t, const struct chart_scale *s, bool whole, double pixels_each)
{
	double fit = floor(fabs(s->to - s->from) / pixels_each);
	size_t wanted = fit < 2 ? 2 : fit > CHART_TICKS_MAX ? CHART_TICKS_MAX : (size_t)fit;

	if (s->log)
		chart_ticks_log(t, s->min, s->max, wanted);
	else
		chart_ticks_linear(t, s->min, s->max, wanted, whole);
}

double chart_ticks_width(const struct chart_ticks *t)
{
	double widest = 0;

	for (size_t i = 0; i < t->count; i++)
		widest = fmax(widest, svg_text_width(t->label[i], SVG_TEXT_SIZE));
	return widest;
}

void chart_draw_x(struct buf *out, const struct chart_scale *x, const struct chart_scale *y,
                  const struct chart_ticks *t, const char *label)
{
	const double bottom = y->from, top = y->to;

	for (size_t i = 0; i < t->count; i++) {
		double at = chart_place(x, t->at[i]);

		svg_line(out, at, bottom, at, top, &grid_look);
		svg_line(out, at, bottom, at, bottom + 4, &axis_look);
		svg_text(out, at, bottom + 17, t->label[i], &(struct svg_type){.anchor = SVG_MIDDLE});
	}
	svg_line(out, x->from, bottom, x->to, bottom, &axis_look);
	if (label != NULL)
		svg_text(out, (x->from + x->to) / 2, bottom + 35, label, &(struct svg_type){.anchor = SVG_MIDDLE});
}

void chart_draw_y(struct buf *out, const struct chart_scale *x, const struct chart_scale *y,
                  const struct chart_ticks *t, const char *label, double label_x)
{
	for (size_t i = 0; i < t->count; i++) {
		double at = chart_place(y, t->at[i]);

		svg_line(out, x->from, at, x->to, at, &grid_look);
		svg_line(out, x->from - 4, at, x->from, at, &axis_look);
		svg_text(out, x->from - 7, at + 4, t->label[i], &(struct svg_type){.anchor = SVG_END});
	}
	svg_line(out, x->from, y->from, x->from, y->to, &axis_look);
	if (label != NULL)
		svg_text(out, label_x, (y->from + y->to) / 2, label,
		         &(struct svg_type){.anchor = SVG_MIDDLE, .upwards = true});
}

/* ---- legend */

const char *chart_fit(char out[CHART_TEXT_SIZE], const char *text, double width, double size)
{
	size_t length = 0, fits = 0;

	snprintf(out, CHART_TEXT_SIZE, "%s", text);
	out[utf8_valid(bytes_text(out))] = '\0'; /* cut at a character, not inside */
	if (strlen(out) == strlen(text) && svg_text_width(text, size) <= width)
		return out;
	for (;;) {
		char head[CHART_TEXT_SIZE];
		size_t next = utf8_length(bytes_text(out + length));

		if (next == 0 || length + next + sizeof "..." > CHART_TEXT_SIZE)
			break;
		length += next;
		snprintf(head, sizeof head, "%.*s", (int)length, out);
		if (svg_text_width(head, size) + svg_text_width("...", size) > width)
			break;
		fits = length;
	}
	memcpy(out + fits, "...", sizeof "...");
	return out;
}

void chart_dot(struct buf *out, enum chart_mark mark, size_t index, double x, double y)
{
	if (mark == CHART_RINGS)
		svg_circle(out, x, y, 3.5,
		           &(struct svg_look){.fill = "#ffffff", .stroke = chart_colour(index), .stroke_width = 1.5});
	else
		svg_circle(out, x, y, 3.5,
		           &(struct svg_look){.fill = chart_colour(index), .stroke = "#ffffff", .stroke_width = 0.7});
}

static void draw_entry(struct buf *out, const struct chart_series *s, size_t index, double x, double y,
                       const char *name)
{
	const bool reference = s->mark == CHART_REFERENCE;

	if (s->mark == CHART_DOTS || s->mark == CHART_RINGS)
		chart_dot(out, s->mark, index, x + SAMPLE / 2, y);
	else
		svg_line(out, x, y, x + SAMPLE, y,
		         &(struct svg_look){.stroke = reference ? "#888888" : chart_colour(index),
		                            .stroke_width = reference ? 1 : 2,
		                            .dash = reference ? "3 3" : chart_dash(index)});
	svg_text(out, x + SAMPLE + SAMPLE_GAP, y + 4, name, &(struct svg_type){0});
}

void chart_begin(struct buf *out, double width, double height, const char *title)
{
	char text[CHART_TEXT_SIZE];

	svg_begin(out, width, height, title);
	svg_rectangle(out, 0, 0, width, height, &(struct svg_look){.fill = "#ffffff"});
	if (title != NULL)
		svg_text(out, width / 2, 17, chart_fit(text, title, width - 20, 13),
		         &(struct svg_type){.anchor = SVG_MIDDLE, .size = 13, .bold = true});
}

size_t chart_legend(struct buf *out, const struct chart_series *series, size_t count, double left, double right,
                    double y)
{
	size_t rows = 0, index = 0;
	double at = left;

	for (size_t i = 0; i < count; i++) {
		char name[CHART_TEXT_SIZE];
		double width;

		if (series[i].name != NULL) {
			chart_fit(name, series[i].name, right - left - SAMPLE - SAMPLE_GAP, SVG_TEXT_SIZE);
			width = SAMPLE + SAMPLE_GAP + svg_text_width(name, SVG_TEXT_SIZE);
			if (rows == 0 || at + width > right) {
				rows++;
				at = left;
			}
			if (out != NULL)
				draw_entry(out, &series[i], index, at, y + CHART_LEGEND_ROW * (double)(rows - 1), name);
			at += width + ENTRY_GAP;
		}
		index += series[i].mark != CHART_REFERENCE;
	}
	return rows;
}
