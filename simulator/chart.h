/*
 * Line charts and scatters as SVG, as they stand in papers: white ground, few grid lines, a legend above, a band behind
 * each line, gaps where there is no value.
 *
 *                  title
 *         -- fedavg   - - fedadam            legend, in as many rows as it takes
 *    |
 *  y |------------------------------         grid lines
 *    |______________________________
 *         0      10      20                  x
 *
 * Colours are those of Okabe and Ito ("Color Universal Design", 2008) without the yellow, which white paper swallows, and lines
 * differ in their dashes too: readable when printed in grey and by people who do not tell red from green. The same chart
 * gives the same bytes.
 */
#ifndef COHORT_SIMULATOR_CHART_H
#define COHORT_SIMULATOR_CHART_H

#include "base/bytes.h"

#define CHART_COLOURS 7

enum chart_mark {
	CHART_LINE, /* a point whose neighbours are missing is a dot */
	CHART_MARKED, /* a line with a dot on each point */
	CHART_DOTS,
	CHART_RINGS,
	CHART_REFERENCE /* a thin grey line, for what the others are compared with; takes no colour */
};

/* `count` points, all borrowed. A point whose x or y is not finite (or not positive on a logarithmic axis) is a gap. */
struct chart_series {
	const char *name; /* in the legend; NULL: not there */
	const double *x, *y;
	const double *low, *high; /* a band; NULL: none. Where it is not finite the band has a gap. */
	size_t count;
	enum chart_mark mark;
};

struct chart_axis {
	const char *label; /* with its unit; NULL: none */
	bool log; /* of base 10 */
	bool whole; /* of integers: no 2.5th round */
	bool from_zero; /* shows 0 even when no value is near it */
	bool fixed; /* from min to max, whatever the values are; otherwise it follows from them */
	double min, max;
	bool share; /* values cannot be beyond 0 and 1, so nor does the axis go there */
};

struct chart {
	const char *title; /* NULL: none */
	struct chart_axis x, y;
	const struct chart_series *series;
	size_t count;
	double width, height; /* pixels; 0: 420 x 300, which a telephone still shows in readable letters */
};

/* Appends one <svg>. A chart without any value says so. A line is drawn with at most four points for each of its pixels. */
void chart_draw(struct buf *out, const struct chart *c);

/* The colour and the dashes of the `index`-th line; dashes NULL: none. */
const char *chart_colour(size_t index);
const char *chart_dash(size_t index);

#endif
