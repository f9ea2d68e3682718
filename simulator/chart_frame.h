/*
 * What charts share: where values lie on the paper, axes, legend. The frame is the rectangle of the values.
 */
#ifndef COHORT_SIMULATOR_CHART_FRAME_H
#define COHORT_SIMULATOR_CHART_FRAME_H

#include "simulator/chart.h"
#include "simulator/chart_ticks.h"

struct chart_scale {
	double min, max; /* values */
	double from, to; /* pixels */
	bool log;
};

/* NaN where the scale has no place: not finite, or not positive on a logarithmic one. Values beyond the ends lie beyond. */
double chart_place(const struct chart_scale *s, double value);

/* The least and the largest value; begin with {NAN, NAN}. */
struct chart_extent {
	double min, max;
};
void chart_extend(struct chart_extent *e, double value, bool positive_only);

/* A scale's min and max from the axis' wishes and the values' extent, with some air at the ends. */
void chart_scale_choose(struct chart_scale *s, const struct chart_axis *axis, struct chart_extent e, double air);

void chart_ticks_of(struct chart_ticks *t, const struct chart_scale *s, bool whole, double pixels_each);
double chart_ticks_width(const struct chart_ticks *t); /* of the widest label, pixels */

void chart_draw_x(struct buf *out, const struct chart_scale *x, const struct chart_scale *y,
                  const struct chart_ticks *t, const char *label);
void chart_draw_y(struct buf *out, const struct chart_scale *x, const struct chart_scale *y,
                  const struct chart_ticks *t, const char *label, double label_x);

/* The picture's beginning: white paper, and the title (may be NULL) in its middle, cut where it is wider. */
void chart_begin(struct buf *out, double width, double height, const char *title);

/* A legend from `left` to `right`, its first row's middle at `y`; how many rows it takes. `out` NULL: only counts. Series without
 * a name are left out; a name that is wider than a row is cut. */
size_t chart_legend(struct buf *out, const struct chart_series *series, size_t count, double left, double right,
                    double y);
#define CHART_LEGEND_ROW 17.0

/* One dot or ring. */
void chart_dot(struct buf *out, enum chart_mark mark, size_t index, double x, double y);

/* The text cut so that it takes at most `width` pixels, then ended by "...". */
#define CHART_TEXT_SIZE 256
const char *chart_fit(char out[CHART_TEXT_SIZE], const char *text, double width, double size);

#endif
