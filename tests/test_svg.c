/* The writer of SVG and its texts: exact elements, escaping of whatever a name may hold, and what Python's XML parser makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "simulator/markup.h"
#include "simulator/svg.h"
#include "tests/support/child.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define PICTURE_MAX (1u << 20)

static struct program p;

static void expect(struct buf *b, const char *text)
{
	assert_string_equal(buf_text(b), text);
	buf_clear(b);
}

static void elements_are_written_exactly(void **state)
{
	static const double points[] = {0, 1, 2.5, -0.001, 1e5, 3.14159};
	struct buf b = {0};

	(void)state;
	buf_init(&b, PICTURE_MAX);
	svg_line(&b, 1, 2, 3.456, 4.5, &(struct svg_look){.stroke = "#000000", .stroke_width = 1.5, .dash = "6 3"});
	expect(&b,
	       "<line x1=\"1\" y1=\"2\" x2=\"3.46\" y2=\"4.5\" fill=\"none\" stroke=\"#000000\" stroke-width=\"1.5\" "
	       "stroke-dasharray=\"6 3\"/>\n");
	svg_rectangle(&b, 0, 0, 10, 20, &(struct svg_look){.fill = "#ffffff", .opacity = 0.25});
	expect(&b, "<rect x=\"0\" y=\"0\" width=\"10\" height=\"20\" fill=\"#ffffff\" opacity=\"0.25\"/>\n");
	svg_circle(&b, 100, 200, 3, &(struct svg_look){.fill = "#123456"});
	expect(&b, "<circle cx=\"100\" cy=\"200\" r=\"3\" fill=\"#123456\"/>\n");
	svg_polyline(&b, points, 3, &(struct svg_look){.stroke = "#000000"});
	expect(&b, "<polyline points=\"0,1 2.5,0 100000,3.14\" fill=\"none\" stroke=\"#000000\" "
	           "stroke-linejoin=\"round\"/>\n");
	svg_text(&b, 5, 6, "x", &(struct svg_type){.anchor = SVG_END, .size = 13, .bold = true, .upwards = true});
	expect(&b, "<text x=\"5\" y=\"6\" font-size=\"13\" text-anchor=\"end\" fill=\"#333333\" font-weight=\"bold\" "
	           "transform=\"rotate(-90 5 6)\">x</text>\n");
	buf_free(&b);
}

static void hostile_texts_are_only_shown(void **state)
{
	static const struct {
		const char *text, *escaped;
	} cases[] = {
		{"<b>\"&'</b>", "&lt;b&gt;&quot;&amp;&#39;&lt;/b&gt;"},
		{"a\x01\x1b[2J\x7f", "a??[2J\x7f"},
		{"tab\there", "tab\there"},
		{"caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac"},
		{"cut \xe2\x82", "cut ??"},
		{"\xff\xfe", "??"},
		{"\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd",
	         "??\xef\xbf\xbd"}, /* U+FFFE, U+FFFF, and U+FFFD which may stand */
		{"", ""},
		{NULL, ""},
	};
	struct buf b = {0};

	(void)state;
	buf_init(&b, PICTURE_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		markup_text(&b, cases[i].text);
		expect(&b, cases[i].escaped);
	}
	buf_free(&b);
}

/* Every octet that a name can hold, and Python gets the same characters back. */
static void a_parser_reads_it_back(void **state)
{
	char all[256];
	struct tempdir t;
	struct buf b = {0};

	(void)state;
	for (size_t i = 1; i < sizeof all; i++)
		all[i - 1] = (char)i;
	all[sizeof all - 1] = '\0';
	buf_init(&b, PICTURE_MAX);
	svg_begin(&b, 100, 50, all);
	svg_group_begin(&b, "<!-- ]]> & \"");
	svg_text(&b, 1, 1, "<script>alert('1')</script>", &(struct svg_type){0});
	svg_group_end(&b);
	svg_end(&b);
	tempdir_make(&t);
	tempdir_write_bytes(&t, "a.svg", buf_bytes(&b));
	program_shell(&p,
	              "python3 -c 'import sys, xml.etree.ElementTree as x\n"
	              "r = x.parse(sys.argv[1]).getroot()\n"
	              "print(r.tag, r.get(\"viewBox\"))\n"
	              "for e in r.iter():\n"
	              " print(e.tag[28:], (e.text or \"\").strip()[-40:])' '%s'",
	              tempdir_path(&t, "a.svg"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "{http://www.w3.org/2000/svg}svg 0 0 100 50\n"));
	assert_non_null(strstr(p.out, "title <!-- ]]> & \"\n"));
	assert_non_null(strstr(p.out, "text <script>alert('1')</script>\n"));
	assert_non_null(strstr(p.out, "title ????????????????????????????????????????\n"));
	tempdir_remove(&t);
	buf_free(&b);
}

static void numbers_have_few_digits(void **state)
{
	static const struct {
		double value;
		int digits;
		const char *text;
	} cases[] = {
		{0.8942123, 3, "0.894"},  {0.99996, 3, "1"},
		{9.9996, 3, "10"},        {-0.0, 3, "0"},
		{0.05, 3, "0.05"},        {123456, 3, "123456"},
		{1234567, 3, "1.23e+06"}, {0.00012345, 3, "0.000123"},
		{0.00001, 3, "1e-05"},    {NAN, 3, "-"},
		{-2.5, 2, "-2.5"},        {0.1, 17, "0.10000000000000001"},
		{100, 2, "100"},          {0.3, 2, "0.3"},
	};
	static const struct {
		double value;
		const char *text;
	} counts[] = {{0, "0"},
	              {999, "999"},
	              {1000, "1\xe2\x80\xaf"
	                     "000"},
	              {-123456, "-123\xe2\x80\xaf"
	                        "456"},
	              {1234567, "1\xe2\x80\xaf"
	                        "234\xe2\x80\xaf"
	                        "567"},
	              {NAN, "-"},
	              {1e15, "1e+15"}};
	char out[MARKUP_NUMBER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(markup_number(out, cases[i].value, cases[i].digits), cases[i].text);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		assert_string_equal(markup_count(out, counts[i].value), counts[i].text);
}

static void text_widths_are_near_a_fonts(void **state)
{
	/* Helvetica at 12 pixels, from its metrics (Adobe Font Metrics 4.1): sums of advance widths */
	static const struct {
		const char *text;
		double pixels;
	} cases[] = {{"0123456789", 66.7}, {"training rounds", 80.0}, {"AUC", 25.3}, {"illi.", 14.0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double width = svg_text_width(cases[i].text, 12);
		assert_true(width >= cases[i].pixels && width <= cases[i].pixels * 1.6);
	}
	assert_true(svg_text_width("\xe2\x82\xac", 12) > 0);
}

static void put_nowhere(void *context)
{
	struct buf *b = context;
	svg_circle(b, NAN, 0, 1, &(struct svg_look){0});
}

static void mistakes_and_bounds(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_init(&b, 100);
	child_expect_check("fabs(v)", put_nowhere, &b);
	for (int i = 0; i < 10; i++)
		svg_circle(&b, 1, 1, 1, &(struct svg_look){0});
	assert_true(b.failed && b.len <= 100);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_written_exactly), cmocka_unit_test(hostile_texts_are_only_shown),
		cmocka_unit_test(a_parser_reads_it_back),       cmocka_unit_test(numbers_have_few_digits),
		cmocka_unit_test(text_widths_are_near_a_fonts), cmocka_unit_test(mistakes_and_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
