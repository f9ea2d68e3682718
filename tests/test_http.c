/* Targets, ranges and the end of headers. */
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void good_targets_are_taken_apart(void **state)
{
	struct http_target t;

	(void)state;
	assert_true(http_target_parse(&t, "/"));
	assert_string_equal(t.path, "/");
	http_target_free(&t);
	assert_true(http_target_parse(&t, "/v1/studies/my-study_2.0~x"));
	assert_int_equal(t.parameter_count, 0);
	assert_null(http_target_value(&t, "after"));
	http_target_free(&t);
	assert_true(http_target_parse(&t, "/v1/inbox?after=17&wait=25&empty="));
	assert_string_equal(t.path, "/v1/inbox");
	assert_int_equal(t.parameter_count, 3);
	assert_string_equal(http_target_value(&t, "after"), "17");
	assert_string_equal(http_target_value(&t, "wait"), "25");
	assert_string_equal(http_target_value(&t, "empty"), "");
	http_target_free(&t);
	assert_true(http_target_parse(&t, "/x?text=%c3%A4%20%26%3D%2f..%25"));
	assert_string_equal(http_target_value(&t, "text"), "\xc3\xa4 &=/..%");
	http_target_free(&t);
	assert_true(http_target_parse(&t, "/...")); /* not the parent, only an odd name */
	http_target_free(&t);
	assert_true(http_target_parse(&t, "/p?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8"));
	http_target_free(&t);
}

static void other_targets_are_refused(void **state)
{
	static const char *const bad[] = {
		"",         "x",        "x/y",        "//",
		"/a//b",    "/a/",      "/.",         "/..",
		"/a/../b",  "/a/./b",   "/a/..",      "/a b",
		"/a%20b",   "/a\n",     "/a?",        "/a?b",
		"/a?=1",    "/a?b=1&",  "/a?&b=1",    "/a?b=1&b=2",
		"/a?B=1",   "/a?b=+",   "/a?b=%",     "/a?b=%4",
		"/a?b=%4g", "/a?b=%00", "/a?b=%0A",   "/a?b=%7f",
		"/a?b=1#c", "/a#b",     "/a?b=1?c=2", "/a?b c=1",
		"/a;b",     "*",        "http://h/a", "/a?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9"};
	struct http_target t;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (http_target_parse(&t, bad[i]))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_null(t.text);
	}
}

/* Cut anywhere and with each octet set to anything: it is refused, or what it gives keeps to the rules. */
static void check_result(const char *text)
{
	struct http_target t;

	if (!http_target_parse(&t, text))
		return;
	assert_true(t.path[0] == '/' && !strstr(t.path, "//") && !strstr(t.path, "/../"));
	assert_in_range(t.parameter_count, 0, HTTP_PARAMETERS_MAX);
	for (size_t i = 0; i < t.parameter_count; i++) {
		for (const char *c = t.parameters[i].value; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
		assert_ptr_equal(http_target_value(&t, t.parameters[i].name), t.parameters[i].value);
	}
	http_target_free(&t);
}

static void damaged_targets_do_no_harm(void **state)
{
	static const char good[] = "/v1/studies/wdbc/inbox?after=12&wait=25&name=a%20b";
	char text[sizeof good];

	(void)state;
	for (size_t cut = 0; cut < sizeof good; cut++) {
		memcpy(text, good, sizeof good);
		text[cut] = '\0';
		check_result(text);
		for (int c = 1; c < 256; c++) {
			memcpy(text, good, sizeof good);
			text[cut] = (char)c;
			text[sizeof good - 1] = '\0';
			check_result(text);
		}
	}
}

static void ranges(void **state)
{
	static const struct {
		const char *header;
		enum http_range range;
		uint64_t offset, length;
	} cases[] = {
		{NULL, HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=0-", HTTP_RANGE_PART, 0, 100},
		{"bytes=0-0", HTTP_RANGE_PART, 0, 1},
		{"bytes=10-19", HTTP_RANGE_PART, 10, 10},
		{"bytes=10-1000", HTTP_RANGE_PART, 10, 90}, /* RFC 9110, 14.1.2: up to the end */
		{"bytes=99-", HTTP_RANGE_PART, 99, 1},
		{"bytes=100-", HTTP_RANGE_OUTSIDE, 0, 100},
		{"bytes=18446744073709551615-", HTTP_RANGE_OUTSIDE, 0, 100},
		{"bytes=5-18446744073709551615", HTTP_RANGE_PART, 5, 95},
		{"bytes=18446744073709551616-", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=-5", HTTP_RANGE_WHOLE, 0, 100}, /* suffixes are not offered, and may be ignored */
		{"bytes=9-3", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=1-2,4-5", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=+1-", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=01-", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=", HTTP_RANGE_WHOLE, 0, 100},
		{"bytes=5", HTTP_RANGE_WHOLE, 0, 100},
		{"lines=5-", HTTP_RANGE_WHOLE, 0, 100},
	};
	uint64_t offset, length;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (http_range_parse(cases[i].header, 100, &offset, &length) != cases[i].range ||
		    offset != cases[i].offset || length != cases[i].length)
			fail_msg("%s", cases[i].header);
	}
	assert_int_equal(http_range_parse("bytes=0-", 0, &offset, &length), HTTP_RANGE_OUTSIDE);
}

/* However the octets are cut into runs, the headers end at the same place. */
static void headers_end_at_the_blank_line(void **state)
{
	static const char *const heads[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
	                                    "GET / HTTP/1.1\r\nX: a\r b\r\n\r\n", "GET / HTTP/1.1\r\n\n"};

	(void)state;
	for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
		char text[128];
		snprintf(text, sizeof text, "%sbody\r\n\r\n", heads[h]);
		for (size_t cut = 0; cut <= strlen(text); cut++) {
			struct http_scan s = {0};
			http_scan_feed(&s, bytes_of(text, cut));
			assert_true(s.ended == (cut >= strlen(heads[h])));
			http_scan_feed(&s, bytes_text(text + cut));
			assert_true(s.ended);
			assert_int_equal(s.headers, strlen(heads[h]));
			assert_int_equal(s.body, 8);
		}
	}
	struct http_scan s = {0};
	http_scan_feed(&s, bytes_text("\r\nGET / HTTP/1.1\r\nA: b\r\n"));
	assert_false(s.ended); /* an empty first line is no end */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_targets_are_taken_apart),  cmocka_unit_test(other_targets_are_refused),
		cmocka_unit_test(damaged_targets_do_no_harm),    cmocka_unit_test(ranges),
		cmocka_unit_test(headers_end_at_the_blank_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
