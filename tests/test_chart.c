/* Charts: where axes are marked, where values lie, gaps, bands, legends, and pictures that Python's XML parser takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/chart.h"
#include "simulator/chart_frame.h"
#include "simulator/chart_ticks.h"
#include "simulator/svg.h"
#include "tests/support/close.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define PICTURE_MAX (4u << 20)

static struct program p;

static char *labels(const struct chart_ticks *t)
{
	static char out[1024];

	out[0] = '\0';
	for (size_t i = 0; i < t->count; i++) {
		strcat(out, i > 0 ? " " : "");
		strcat(out, t->label[i]);
	}
	return out;
}

/* ---- ticks */

static void linear_marks(void **state)
{
	static const struct {
		double min, max;
		size_t wanted;
		bool whole;
		const char *labels;
	} cases[] = {
		{0, 1, 6, false, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0.62, 0.91, 4, false, "0.7 0.8 0.9"},
		{0, 30, 7, true, "0 5 10 15 20 25 30"},
		{0, 3, 24, true, "0 1 2 3"},
		{0, 3, 7, false, "0.0 0.5 1.0 1.5 2.0 2.5 3.0"},
		{-1, 1, 5, false, "-1.0 -0.5 0.0 0.5 1.0"},
		{0.1, 0.3, 3, false, "0.1 0.2 0.3"}, /* 3 * 0.1 is more than 0.3 */
		{0, 50000, 6, true, "0 10k 20k 30k 40k 50k"},
		{0, 2.5e6, 6, false, "0 0.5M 1.0M 1.5M 2.0M 2.5M"},
		{0, 3e9, 4, false, "0 1G 2G 3G"},
		{0.0001, 0.0005, 5, false, "0.0001 0.0002 0.0003 0.0004 0.0005"},
		{1e-9, 3e-9, 3, false, "1e-09 2e-09 3e-09"},
		{0, 9000, 5, false, "0 2000 4000 6000 8000"},
	};
	struct chart_ticks t;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		chart_ticks_linear(&t, cases[i].min, cases[i].max, cases[i].wanted, cases[i].whole);
		assert_string_equal(labels(&t), cases[i].labels);
	}
}

static void logarithmic_marks(void **state)
{
	static const struct {
		double min, max;
		size_t wanted;
		const char *labels;
	} cases[] = {
		{1, 1000, 6, "1 10 100 1000"},      {1, 1000, 12, "1 2 5 10 20 50 100 200 500 1000"},
		{0.001, 1, 5, "0.001 0.01 0.1 1"},  {3, 4, 4, "3.0 3.5 4.0"}, /* no power of ten between */
		{1, 1e12, 5, "1 1000 1M 1G 1000G"},
	};
	struct chart_ticks t;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		chart_ticks_log(&t, cases[i].min, cases[i].max, cases[i].wanted);
		assert_string_equal(labels(&t), cases[i].labels);
	}
}

/* Whatever the axis: at least one mark, no more than wanted, all within, growing, no two labels alike. */
static void marks_of_any_axis(void **state)
{
	struct chart_ticks t;

	(void)state;
	srand(7);
	for (int round = 0; round < 20000; round++) {
		double width = pow(10, rand() % 24 - 12) * (1 + rand() % 1000 / 100.0);
		double min = (rand() % 2001 - 1000) / 100.0 * width;
		size_t wanted = 2 + (size_t)(rand() % 20);

		chart_ticks_linear(&t, min, min + width, wanted, false);
		assert_in_range(t.count, 1, wanted);
		for (size_t i = 0; i < t.count; i++) {
			assert_true(t.at[i] >= min - 1e-6 * width && t.at[i] <= min + 1.000001 * width);
			if (i > 0) {
				assert_true(t.at[i] > t.at[i - 1]);
				if (fabs(min) < 1e6 * width)
					assert_string_not_equal(t.label[i], t.label[i - 1]);
			}
		}
	}
}

/* ---- scales */

static void values_lie_where_they_should(void **state)
{
	struct chart_scale linear = {.min = 2, .max = 4, .from = 100, .to = 0};
	struct chart_scale log = {.min = 1, .max = 100, .from = 0, .to = 200, .log = true};

	(void)state;
	assert_close(chart_place(&linear, 3), 50, 1e-12);
	assert_close(chart_place(&linear, 5), -50, 1e-12);
	assert_close(chart_place(&log, 10), 100, 1e-12);
	assert_true(isnan(chart_place(&log, 0)) && isnan(chart_place(&linear, NAN)) &&
	            isnan(chart_place(&linear, INFINITY)));
}

static void axes_fit_the_values(void **state)
{
	static const struct {
		struct chart_axis axis;
		struct chart_extent extent;
		double min, max;
	} cases[] = {
		{{0}, {10, 20}, 9.5, 20.5},
		{{.share = true}, {0.01, 0.99}, 0, 1},
		{{.share = true}, {0.5, 0.9}, 0.48, 0.92},
		{{.share = true}, {-0.2, 0.8}, -0.25, 0.85}, /* it was no share after all */
		{{.from_zero = true}, {4, 10}, 0, 10.5},
		{{.from_zero = true}, {0, 0}, 0, 0.5},
		{{0}, {5, 5}, 4.5, 5.5},
		{{.whole = true}, {3, 3}, 2, 4},
		{{0}, {NAN, NAN}, -0.05, 1.05},
		{{.fixed = true, .min = 0, .max = 1}, {4, 10}, 0, 1},
		{{.log = true}, {1, 1000}, 1, 1000},
		{{.log = true}, {8, 8}, 4, 16},
	};
	struct chart_scale s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		chart_scale_choose(&s, &cases[i].axis, cases[i].extent, 0.05);
		assert_close(s.min, cases[i].min, 1e-9);
		assert_close(s.max, cases[i].max, 1e-9);
	}
}

/* ---- pictures */

static char *draw(const struct chart *c)
{
	struct buf b = {0};
	char *text;

	buf_init(&b, PICTURE_MAX);
	chart_draw(&b, c);
	assert_false(b.failed);
	text = mem_copy_text(buf_text(&b));
	buf_free(&b);
	return text;
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)) != NULL; text += strlen(words))
		n++;
	return n;
}

static void gaps_cut_lines_and_bands(void **state)
{
	const double x[] = {0, 1, 2, 3, 4, 5, 6}, y[] = {1, 2, NAN, 3, NAN, 4, 5}, low[] = {0, 1, 1, 2, 3, 3, NAN},
		     high[] = {2, 3, 3, 4, 5, 5, 6};
	struct chart_series s = {"a", x, y, low, high, 7, CHART_LINE};
	struct chart c = {.series = &s, .count = 1};
	char *text = draw(&c);

	(void)state;
	assert_int_equal(count(text, "<polyline"), 2); /* 0 1 and 5 6 */
	assert_int_equal(count(text, "<circle"), 1); /* 3, alone */
	assert_int_equal(count(text, "<polygon"), 1); /* 0 1; at 6 there is none, so 5 is alone */
	assert_int_equal(count(text, "no values"), 0);
	free(text);
}

static void nothing_to_show_is_said(void **state)
{
	const double x[] = {1, 2}, y[] = {NAN, NAN};
	struct chart_series s[] = {{"a", x, y, NULL, NULL, 2, CHART_LINE},
	                           {NULL, x, x, NULL, NULL, 2, CHART_REFERENCE}};
	struct chart c = {.title = "t", .series = s, .count = 2};
	char *text = draw(&c);

	(void)state;
	assert_int_equal(count(text, "no values"), 1);
	free(text);
	c.count = 0;
	text = draw(&c);
	assert_int_equal(count(text, "no values"), 1);
	free(text);
}

static void logarithmic_axes_leave_out_what_is_not_positive(void **state)
{
	const double x[] = {0, 1, 10, 100}, y[] = {1, 2, 3, 4};
	struct chart_series s = {"a", x, y, NULL, NULL, 4, CHART_LINE};
	struct chart c = {.series = &s, .count = 1, .x = {.log = true}};
	char *text = draw(&c);
	const char *points = strstr(text, "points=\"");

	(void)state;
	assert_non_null(points);
	double at[6];
	assert_int_equal(
		sscanf(points, "points=\"%lf,%lf %lf,%lf %lf,%lf\"", at, at + 1, at + 2, at + 3, at + 4, at + 5), 6);
	assert_close(at[2] - at[0], at[4] - at[2], 0.02); /* equal ratios are equal lengths */
	free(text);
}

/* A hundred thousand points take no more than four for each column of pixels, and the peak among them stays. */
static void long_lines_are_thinned(void **state)
{
	const size_t n = 100000;
	double *x = mem_array(n, sizeof *x), *y = mem_array(n, sizeof *y);
	struct chart_series s = {NULL, x, y, NULL, NULL, n, CHART_LINE};
	struct chart c = {.series = &s, .count = 1, .y = {.fixed = true, .min = 0, .max = 10}};
	char *text;
	double top = 1e9;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		x[i] = (double)i;
		y[i] = i == 77777 ? 9 : 2 + (double)(i % 7) / 7;
	}
	text = draw(&c);
	const char *at = strstr(text, "points=\"") + strlen("points=\"");
	size_t points = 0;
	for (; *at != '"'; at += strcspn(at, " \""), at += *at == ' ', points++) {
		double px, py;
		assert_int_equal(sscanf(at, "%lf,%lf", &px, &py), 2);
		top = fmin(top, py);
	}
	assert_in_range(points, 400, 4 * 420);
	/* 9 of 10 upwards from the axis: 300 - 26 is its foot, 14 its top */
	assert_close(top, 274 - 0.9 * 260, 0.02);
	free(text);
	free(x);
	free(y);
}

static void every_line_differs(void **state)
{
	(void)state;
	for (size_t i = 0; i < 42; i++)
		for (size_t k = 0; k < i; k++) {
			const char *a = chart_dash(i), *b = chart_dash(k);
			bool dashes = strcmp(a ? a : "", b ? b : "") == 0;
			assert_false(dashes && strcmp(chart_colour(i), chart_colour(k)) == 0);
			if (i < CHART_COLOURS)
				assert_false(dashes || strcmp(chart_colour(i), chart_colour(k)) == 0);
		}
}

/* Forty names in a legend: rows do not overlap, each stays inside, a long one is cut at a character. */
static void legends_fit(void **state)
{
	char names[40][64];
	const double x[] = {0, 1}, y[] = {0, 1};
	struct chart_series s[40];
	struct chart c = {.series = s, .count = 40, .title = "many"};
	char cut[CHART_TEXT_SIZE], *text;

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		snprintf(names[i], sizeof names[i], "strategy %zu", i);
		s[i] = (struct chart_series){names[i], x, y, NULL, NULL, 2, CHART_LINE};
	}
	size_t rows = chart_legend(NULL, s, 40, 10, 410, 0);
	assert_in_range(rows, 8, 20);
	text = draw(&c);
	for (const char *at = text; (at = strstr(at, ">strategy ")) != NULL; at++) {
		const char *element = at;
		double px, py;
		while (element[0] != '<' || element[1] != 't')
			element--;
		if (sscanf(element, "<text x=\"%lf\" y=\"%lf\"", &px, &py) == 2)
			assert_true(px > 0 && px + svg_text_width("strategy 39", SVG_TEXT_SIZE) < 420);
	}
	free(text);
	assert_string_equal(chart_fit(cut, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 42, 12),
	                    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9...");
	assert_string_equal(chart_fit(cut, "short", 100, 12), "short");
}

static void the_same_chart_gives_the_same_bytes_and_parses(void **state)
{
	const double x[] = {0, 1, 2}, y[] = {0.5, 0.7, 0.8}, low[] = {0.4, 0.6, -3}, high[] = {0.6, 0.8, 1.4};
	struct chart_series s[] = {{"<b>\"&", x, y, low, high, 3, CHART_LINE},
	                           {"dots", x, y, NULL, NULL, 3, CHART_DOTS}};
	struct chart c = {
		.title = "<i>", .x = {"a & b", .whole = true}, .y = {"'c'", .share = true}, .series = s, .count = 2};
	struct tempdir t;
	char *text = draw(&c), *again = draw(&c);

	(void)state;
	assert_string_equal(text, again);
	tempdir_make(&t);
	tempdir_write(&t, "c.svg", text);
	program_shell(&p,
	              "python3 -c 'import sys, xml.etree.ElementTree as x\n"
	              "for e in x.parse(sys.argv[1]).iter():\n"
	              " print(e.tag[28:], (e.text or \"\").strip())' '%s'",
	              tempdir_path(&t, "c.svg"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "text <b>\"&\n"));
	assert_non_null(strstr(p.out, "text a & b\n"));
	assert_non_null(strstr(p.out, "title <i>\n"));
	assert_non_null(strstr(p.out, "text 1.0\n")); /* the band's cut at what a share can be */
	assert_non_null(strstr(p.out, "text 0.8\n")); /* an axis up to 1.4 has marks at halves */
	tempdir_remove(&t);
	free(text);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear_marks),
		cmocka_unit_test(logarithmic_marks),
		cmocka_unit_test(marks_of_any_axis),
		cmocka_unit_test(values_lie_where_they_should),
		cmocka_unit_test(axes_fit_the_values),
		cmocka_unit_test(gaps_cut_lines_and_bands),
		cmocka_unit_test(nothing_to_show_is_said),
		cmocka_unit_test(logarithmic_axes_leave_out_what_is_not_positive),
		cmocka_unit_test(long_lines_are_thinned),
		cmocka_unit_test(every_line_differs),
		cmocka_unit_test(legends_fit),
		cmocka_unit_test(the_same_chart_gives_the_same_bytes_and_parses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
