/*
 * Writes SVG 1.1 (W3C Recommendation, 16 August 2011), a subset that browsers, LaTeX and office programs all draw: every
 * look is an attribute of its element, so a picture needs no style sheet and several of them can stand in one page.
 *
 *   svg_begin(out, 640, 400, "AUC over rounds", NULL);
 *   svg_line(out, x0, y0, x1, y1, &grid);
 *   svg_end(out);
 *
 * Coordinates are pixels from the upper left corner, written with two decimals: the same drawing gives the same bytes. Texts are
 * escaped (simulator/markup.h). The caller's buffer bounds the picture; a coordinate that is not finite is a CHECK.
 */
#ifndef COHORT_SIMULATOR_SVG_H
#define COHORT_SIMULATOR_SVG_H

#include "base/bytes.h"

#define SVG_TEXT_SIZE 12.0 /* pixels, of labels */

struct svg_look {
	const char *fill, *stroke; /* "#0072b2"; NULL: none */
	double stroke_width; /* 0: one pixel */
	const char *dash; /* "6 3"; NULL: an unbroken line */
	double opacity; /* of the whole element; 0: opaque */
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg_type {
	enum svg_anchor anchor;
	double size; /* 0: SVG_TEXT_SIZE */
	const char *fill; /* NULL: dark grey */
	bool bold;
	bool upwards; /* turned by a quarter to the left, for the vertical axis */
};

/* `title` is what a screen reader says and a tooltip shows; NULL: none. It scales with its place and never beyond its own width. */
void svg_begin(struct buf *out, double width, double height, const char *title);
void svg_end(struct buf *out);

void svg_group_begin(struct buf *out, const char *title); /* `title` as a tooltip of all that it holds; NULL: none */
void svg_group_end(struct buf *out);

void svg_line(struct buf *out, double x0, double y0, double x1, double y1, const struct svg_look *look);
void svg_rectangle(struct buf *out, double x, double y, double width, double height, const struct svg_look *look);
void svg_circle(struct buf *out, double x, double y, double radius, const struct svg_look *look);
void svg_text(struct buf *out, double x, double y, const char *text, const struct svg_type *type);

/* Points as x0, y0, x1, y1 ...: a line through them, or the area that they enclose. `count` points. */
void svg_polyline(struct buf *out, const double *points, size_t count, const struct svg_look *look);
void svg_polygon(struct buf *out, const double *points, size_t count, const struct svg_look *look);

/* Pixels that `text` takes in the sans-serif fonts in use, a little more rather than less. */
double svg_text_width(const char *text, double size);

#endif
