#include "simulator/chart_rows.h"

#include "simulator/chart_frame.h"
#include "simulator/svg.h"

#include <math.h>

#define WIDTH 420.0
#define ROW 20.0
#define NAME_MAX_SHARE 0.35 /* of the width; longer names are cut */
#define TITLE_HEIGHT 24.0
#define X_TICK_PIXELS 50.0
#define AIR 0.06

struct drawing {
	const struct chart_rows *chart;
	struct chart_scale x, y;
	struct chart_ticks ticks;
	double width, height, names;
	struct chart_series legend[3]; /* names and marks alone */
	size_t legend_count;
};

static double widest(const struct chart_rows *c, bool notes)
{
	double width = 0;

	for (size_t i = 0; i < c->count; i++) {
		const char *text = notes ? c->rows[i].note : c->rows[i].name;
		width = text != NULL ? fmax(width, svg_text_width(text, SVG_TEXT_SIZE)) : width;
	}
	return width;
}

static void choose_scale(struct drawing *d)
{
	const struct chart_rows *c = d->chart;
	struct chart_extent e = {NAN, NAN};

	for (size_t i = 0; i < c->count; i++) {
		chart_extend(&e, c->rows[i].value, false);
		chart_extend(&e, c->rows[i].other, false);
	}
	if (c->reference_name != NULL)
		chart_extend(&e, c->reference, false);
	chart_scale_choose(&d->x, &c->x, e, AIR);
}

static void lay_out(struct drawing *d)
{
	const struct chart_rows *c = d->chart;
	double notes = widest(c, true), top = c->title != NULL ? TITLE_HEIGHT : 8;

	d->legend[d->legend_count++] = (struct chart_series){.name = c->value_name, .mark = CHART_DOTS};
	if (c->other_name != NULL)
		d->legend[d->legend_count++] = (struct chart_series){.name = c->other_name, .mark = CHART_RINGS};
	if (c->reference_name != NULL)
		d->legend[d->legend_count++] =
			(struct chart_series){.name = c->reference_name, .mark = CHART_REFERENCE};
	d->width = c->width > 0 ? c->width : WIDTH;
	d->names = fmin(widest(c, false), NAME_MAX_SHARE * d->width);
	top += 6 + CHART_LEGEND_ROW * (double)chart_legend(NULL, d->legend, d->legend_count, 10, d->width - 10, 0);
	d->x.from = 10 + d->names + 8;
	d->x.to = d->width - 14 - (notes > 0 ? notes + 8 : 0);
	d->y.to = top + 6;
	d->y.from = d->y.to + ROW * (double)c->count;
	d->height = d->y.from + (c->x.label != NULL ? 44 : 26);
	choose_scale(d);
	chart_ticks_of(&d->ticks, &d->x, false, X_TICK_PIXELS);
}

static void draw_row(struct buf *out, const struct drawing *d, const struct chart_row *row, double y)
{
	char name[CHART_TEXT_SIZE];
	double value = chart_place(&d->x, row->value), other = chart_place(&d->x, row->other);

	svg_group_begin(out, row->name);
	svg_text(out, d->x.from - 8, y + 4, chart_fit(name, row->name, d->names + 1, SVG_TEXT_SIZE),
	         &(struct svg_type){.anchor = SVG_END});
	if (row->note != NULL)
		svg_text(out, d->width - 8, y + 4, row->note, &(struct svg_type){.anchor = SVG_END, .fill = "#777777"});
	if (isfinite(value) && isfinite(other))
		svg_line(out, value, y, other, y, &(struct svg_look){.stroke = "#bbbbbb"});
	if (isfinite(other))
		chart_dot(out, CHART_RINGS, 1, other, y);
	if (isfinite(value))
		chart_dot(out, CHART_DOTS, 0, value, y);
	else
		svg_text(out, d->x.from + 6, y + 4, "no value", &(struct svg_type){.fill = "#777777"});
	svg_group_end(out);
}

void chart_rows_draw(struct buf *out, const struct chart_rows *c)
{
	struct drawing d = {.chart = c};

	lay_out(&d);
	chart_begin(out, d.width, d.height, c->title);
	chart_legend(out, d.legend, d.legend_count, 10, d.width - 10, d.chart->title != NULL ? TITLE_HEIGHT + 10 : 18);
	chart_draw_x(out, &d.x, &d.y, &d.ticks, c->x.label);
	svg_line(out, d.x.from, d.y.from, d.x.from, d.y.to, &(struct svg_look){.stroke = "#333333"});
	if (c->reference_name != NULL && isfinite(chart_place(&d.x, c->reference)))
		svg_line(out, chart_place(&d.x, c->reference), d.y.from, chart_place(&d.x, c->reference), d.y.to,
		         &(struct svg_look){.stroke = "#888888", .dash = "3 3"});
	for (size_t i = 0; i < c->count; i++)
		draw_row(out, &d, &c->rows[i], d.y.to + ROW * ((double)i + 0.5));
	svg_end(out);
}
