#include "simulator/svg.h"

#include "base/utf8.h"
#include "simulator/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FONTS "Helvetica, Arial, 'Liberation Sans', sans-serif"
#define TEXT_COLOUR "#333333"
#define COORDINATE_MAX 1e7 /* beyond it nothing is visible, and the two decimals would not be exact */

/* Two decimals at most, without zeros at the end. */
static void put_coordinate(struct buf *out, const char *before, double v)
{
	char text[32];
	size_t end;

	CHECK(fabs(v) <= COORDINATE_MAX);
	v = round(v * 100) / 100;
	end = (size_t)snprintf(text, sizeof text, "%.2f", v == 0 ? 0 : v);
	while (text[end - 1] == '0')
		end--;
	text[text[end - 1] == '.' ? end - 1 : end] = '\0';
	buf_put_text(out, before);
	buf_put_text(out, text);
}

static void put_attribute(struct buf *out, const char *name, double v)
{
	buf_printf(out, " %s=\"", name);
	put_coordinate(out, "", v);
	buf_put_text(out, "\"");
}

static void put_look(struct buf *out, const struct svg_look *look)
{
	buf_printf(out, " fill=\"%s\"", look->fill ? look->fill : "none");
	if (look->stroke != NULL) {
		buf_printf(out, " stroke=\"%s\"", look->stroke);
		if (look->stroke_width > 0)
			put_attribute(out, "stroke-width", look->stroke_width);
	}
	if (look->dash != NULL)
		buf_printf(out, " stroke-dasharray=\"%s\"", look->dash);
	if (look->opacity > 0)
		put_attribute(out, "opacity", look->opacity);
}

static void put_title(struct buf *out, const char *title)
{
	if (title == NULL)
		return;
	buf_put_text(out, "<title>");
	markup_text(out, title);
	buf_put_text(out, "</title>\n");
}

void svg_begin(struct buf *out, double width, double height, const char *title)
{
	buf_put_text(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" role=\"img\"");
	put_attribute(out, "width", width);
	put_attribute(out, "height", height);
	put_coordinate(out, " viewBox=\"0 0 ", width);
	put_coordinate(out, " ", height);
	buf_put_text(out, "\" font-family=\"" FONTS "\">\n");
	put_title(out, title);
}

void svg_end(struct buf *out)
{
	buf_put_text(out, "</svg>\n");
}

void svg_group_begin(struct buf *out, const char *title)
{
	buf_put_text(out, "<g>\n");
	put_title(out, title);
}

void svg_group_end(struct buf *out)
{
	buf_put_text(out, "</g>\n");
}

void svg_line(struct buf *out, double x0, double y0, double x1, double y1, const struct svg_look *look)
{
	buf_put_text(out, "<line");
	put_attribute(out, "x1", x0);
	put_attribute(out, "y1", y0);
	put_attribute(out, "x2", x1);
	put_attribute(out, "y2", y1);
	put_look(out, look);
	buf_put_text(out, "/>\n");
}

void svg_rectangle(struct buf *out, double x, double y, double width, double height, const struct svg_look *look)
{
	buf_put_text(out, "<rect");
	put_attribute(out, "x", x);
	put_attribute(out, "y", y);
	put_attribute(out, "width", width);
	put_attribute(out, "height", height);
	put_look(out, look);
	buf_put_text(out, "/>\n");
}

void svg_circle(struct buf *out, double x, double y, double radius, const struct svg_look *look)
{
	buf_put_text(out, "<circle");
	put_attribute(out, "cx", x);
	put_attribute(out, "cy", y);
	put_attribute(out, "r", radius);
	put_look(out, look);
	buf_put_text(out, "/>\n");
}

void svg_text(struct buf *out, double x, double y, const char *text, const struct svg_type *type)
{
	static const char *const anchors[] = {[SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};

	buf_put_text(out, "<text");
	put_attribute(out, "x", x);
	put_attribute(out, "y", y);
	put_attribute(out, "font-size", type->size > 0 ? type->size : SVG_TEXT_SIZE);
	buf_printf(out, " text-anchor=\"%s\" fill=\"%s\"", anchors[type->anchor],
	           type->fill ? type->fill : TEXT_COLOUR);
	if (type->bold)
		buf_put_text(out, " font-weight=\"bold\"");
	if (type->upwards) {
		put_coordinate(out, " transform=\"rotate(-90 ", x);
		put_coordinate(out, " ", y);
		buf_put_text(out, ")\"");
	}
	buf_put_text(out, ">");
	markup_text(out, text);
	buf_put_text(out, "</text>\n");
}

static void put_points(struct buf *out, const char *element, const double *points, size_t count,
                       const struct svg_look *look)
{
	buf_printf(out, "<%s points=\"", element);
	for (size_t i = 0; i < count; i++) {
		put_coordinate(out, i > 0 ? " " : "", points[2 * i]);
		put_coordinate(out, ",", points[2 * i + 1]);
	}
	buf_put_text(out, "\"");
	put_look(out, look);
	buf_put_text(out, " stroke-linejoin=\"round\"/>\n");
}

void svg_polyline(struct buf *out, const double *points, size_t count, const struct svg_look *look)
{
	put_points(out, "polyline", points, count, look);
}

void svg_polygon(struct buf *out, const double *points, size_t count, const struct svg_look *look)
{
	put_points(out, "polygon", points, count, look);
}

double svg_text_width(const char *text, double size)
{
	struct bytes rest = bytes_text(text);
	double em = 0;

	while (rest.len > 0) {
		size_t length = utf8_length(rest);
		uint8_t c = rest.ptr[0];

		if (length > 2)
			em += 1; /* ideographs are as wide as high */
		else if (c != '\0' && strchr("ijl.,:;'|!I ()-[]ft", c) != NULL)
			em += 0.36;
		else if (c == 'm' || c == 'w' || (c >= 'A' && c <= 'Z'))
			em += 0.76;
		else
			em += 0.575;
		length = length > 0 ? length : 1;
		rest = bytes_of(rest.ptr + length, rest.len - length);
	}
	return em * size;
}
