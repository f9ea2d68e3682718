/* model/metrics_json: what is written is read again, and what is no figure is undefined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "model/metrics_json.h"

static char *text_of(struct json *node)
{
	struct buf text;
	buf_init(&text, 4096);
	json_write(&text, node, false);
	char *copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	json_free(node);
	return copy;
}

static void figures_come_back(void **state)
{
	(void)state;
	const struct metrics in = {57, 0.09375, 0.5, NAN, 0.25, 1, 0.875, 0.0625, -4, 17.5, 12};
	struct metrics out;
	char *text = text_of(metrics_json_of(&in));
	assert_string_equal(text, "{\"rows\":57,\"loss\":0.09375,\"accuracy\":0.5,\"precision\":null,\"recall\":0.25,"
	                          "\"f1\":1,\"auc\":0.875,\"brier\":0.0625,\"r2\":-4,\"rmse\":17.5,\"mae\":12}");
	metrics_json_read(&out, text);
	assert_true(isnan(out.precision));
	out.precision = in.precision;
	assert_memory_equal(&in, &out, sizeof in);
	free(text);
}

static void intervals_are_held_in_their_ranges(void **state)
{
	(void)state;
	const struct metrics m = {57, 0.5, 0.75, NAN, 0.25, 1, 0.9375, 0.0625, -4, 17.5, 12};
	const struct metrics margin = {8, 0.75, 0.125, NAN, 0.5, 0.25, 0.125, NAN, 6, 20, 4};
	struct json *node = json_new_object();
	metrics_json_set_intervals(node, &m, &margin);
	char *text = text_of(node);
	assert_string_equal(text,
	                    "{\"rows_interval\":[49,65],\"loss_interval\":[0,1.25],\"accuracy_interval\":[0.625,0.875],"
	                    "\"recall_interval\":[0,0.75],\"f1_interval\":[0.75,1],\"auc_interval\":[0.8125,1],"
	                    "\"r2_interval\":[-10,1],\"rmse_interval\":[0,37.5],\"mae_interval\":[8,16]}");
	free(text);
	node = json_new_object();
	metrics_json_set_intervals(node, &m, &METRICS_NONE); /* exact figures */
	text = text_of(node);
	assert_string_equal(text, "{}");
	free(text);
}

static void what_is_no_figure_is_undefined(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "[]", "null", "{\"rows\":\"7\"}", "{\"rows\":true,\"loss\":[1]}", "{"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct metrics out = {0};
		metrics_json_read(&out, texts[i]);
		assert_true(isnan(out.rows) && isnan(out.loss) && isnan(out.brier) && isnan(out.mae));
	}
}

static void a_calibration_curve_comes_back(void **state)
{
	(void)state;
	struct calibration in = {.known = true}, out;
	for (int i = 0; i < CALIBRATION_POINTS; i++)
		in.points[i] = (struct calibration_point){i, 0.1 * i + 0.0123456789, 1.0 / (i + 3)};
	in.points[3] = (struct calibration_point){7, NAN, NAN};
	char *text = text_of(metrics_json_of_calibration(&in));
	metrics_json_read_calibration(&out, text);
	assert_true(out.known);
	for (int i = 0; i < CALIBRATION_POINTS; i++) {
		const struct calibration_point *a = &in.points[i], *b = &out.points[i];
		assert_true(a->rows == b->rows);
		assert_true(i == 3 ? isnan(b->predicted) && isnan(b->observed)
		                   : a->predicted == b->predicted && a->observed == b->observed);
	}
	free(text);
	in.known = false;
	text = text_of(metrics_json_of_calibration(&in));
	assert_string_equal(text, "null");
	free(text);
}

static void what_is_no_curve_is_unknown(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "null", "[]", "{}", "[1,2,3]", "[{},{},{},{},{},{},{},{},{}]", "["};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct calibration out = {.known = true};
		metrics_json_read_calibration(&out, texts[i]);
		assert_false(out.known);
	}
	struct calibration out;
	metrics_json_read_calibration(&out, "[1,2,3,4,5,6,7,8,9,{\"rows\":4}]");
	assert_true(out.known && isnan(out.points[0].rows) && out.points[9].rows == 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_come_back),
		cmocka_unit_test(intervals_are_held_in_their_ranges),
		cmocka_unit_test(what_is_no_figure_is_undefined),
		cmocka_unit_test(a_calibration_curve_comes_back),
		cmocka_unit_test(what_is_no_curve_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
