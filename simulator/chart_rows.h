/*
 * A dot for each of a few named things on one axis (Cleveland, "The Elements of Graphing Data", 1985), as SVG: where bars would
 * have to begin at zero and most of their ink would say nothing.
 *
 *    st-mary    |      o     x     n = 52
 *    riverside  |   o           x  n = 31
 */
#ifndef COHORT_SIMULATOR_CHART_ROWS_H
#define COHORT_SIMULATOR_CHART_ROWS_H

#include "simulator/chart.h"

struct chart_row {
	const char *name;
	const char *note; /* at the right; NULL: none */
	double value, other; /* NaN: not there */
};

struct chart_rows {
	const char *title;
	struct chart_axis x;
	const char *value_name, *other_name; /* in the legend; other_name NULL: one dot in each row */
	const char *reference_name; /* a vertical line; NULL: none */
	double reference;
	const struct chart_row *rows; /* from the top */
	size_t count;
	double width; /* 0: 420 */
};

/* Appends one <svg>, as high as its rows take. */
void chart_rows_draw(struct buf *out, const struct chart_rows *c);

#endif
