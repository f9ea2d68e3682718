/* model/spec: layers of a study laid out in one flat vector, and every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "model/metrics.h"
#include "model/spec.h"
#include "tests/support/models.h"

static void layout_of_the_header(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 128, relu, dense 64, relu, dense 1", 30, 1);
	assert_int_equal(s.layer_count, 5);
	assert_int_equal(s.width_max, 128);
	assert_int_equal(s.parameters, 128 * 30 + 128 + 64 * 128 + 64 + 64 + 1);
	assert_int_equal(s.loss, LOSS_BINARY_CROSS_ENTROPY);
	assert_int_equal(s.layers[2].weight, 128 * 30 + 128);
	assert_int_equal(s.layers[2].bias, 128 * 30 + 128 + 64 * 128);
	assert_int_equal(s.layers[3].kind, LAYER_RELU);
	assert_int_equal(s.layers[3].inputs, 64);
	assert_int_equal(s.layers[4].inputs, 64);
	assert_string_equal(spec_link(&s), "sigmoid");
}

/* The tensors cover the flat vector once, in order, whatever the layers. */
static void tensors_cover_the_vector(void **state)
{
	(void)state;
	const char *models[] = {"dense 3", "relu, dense 7, sigmoid, dense 3", "dense 1, dense 1, relu, relu, dense 3"};
	for (size_t m = 0; m < 3; m++) {
		struct model_spec s = models_spec(models[m], 5, 3);
		struct spec_tensor list[SPEC_TENSORS_MAX];
		uint32_t count = spec_tensors(list, &s);
		size_t at = 0;
		for (uint32_t i = 0; i < count; i++) {
			char name[32];
			snprintf(name, sizeof name, "layer.%u.%s", i / 2, i % 2 ? "bias" : "weight");
			assert_string_equal(list[i].name, name);
			assert_int_equal(list[i].first, at);
			assert_int_equal(list[i].dimensions, i % 2 ? 1 : 2);
			assert_int_equal(list[i].length,
			                 i % 2 ? list[i].shape[0] : list[i].shape[0] * list[i].shape[1]);
			at += list[i].length;
		}
		assert_int_equal(at, s.parameters);
		assert_int_equal(s.loss, LOSS_SOFTMAX_CROSS_ENTROPY);
		assert_string_equal(spec_link(&s), "softmax");
	}
}

static void layers_as_text(void **state)
{
	(void)state;
	struct model_spec s =
		models_spec("dense 128, relu, dropout 0.2, dense   64, sigmoid, tanh, dropout 0.125, dense 1", 30, 1);
	struct buf out;
	buf_init(&out, 1000);
	spec_put_layers(&out, &s);
	assert_string_equal(buf_text(&out),
	                    "[\"dense 128\",\"relu\",\"dropout 0.2\",\"dense 64\",\"sigmoid\",\"tanh\",\"dropout "
	                    "0.125\",\"dense 1\"]");
	buf_free(&out);
}

static void counts_agree_with_metrics(void **state)
{
	(void)state;
	const struct metrics_shape binary = {.classes = 2, .bins = 2048}, three = {.classes = 3}, number = {.half = 1};
	assert_int_equal(spec_counts_length(binary), 2 * 2048);
	assert_int_equal(spec_counts_length(three), 9);
	assert_int_equal(spec_counts_length(number), 5);
	assert_int_equal(spec_counts_length((struct metrics_shape){.classes = 3, .class_bins = 64}), 9 + 3 * 2 * 64);
	assert_int_equal(metrics_counts_length(binary), 2 * 2048);
	assert_int_equal(metrics_counts_length(three), 9);
	assert_int_equal(metrics_counts_length(number), 5);
}

static void refused_layers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err err;
		const char *says;
	} cases[] = {
		{"dens 12", ERR_DATA, "did you mean \"dense\"?"},
		{"Relu", ERR_DATA, "did you mean \"relu\"?"},
		{"sigmoyd", ERR_DATA, "did you mean \"sigmoid\"?"},
		{"dropot 0.2", ERR_DATA, "did you mean \"dropout\"?"},
		{"dropout", ERR_DATA, "the share must be a number from 0.0001 to 0.9999, such as \"dropout 0.2\""},
		{"dropout 0", ERR_DATA, "a number from"},
		{"dropout 1", ERR_DATA, "a number from"},
		{"dropout 20%", ERR_DATA, "a number from"},
		{"dropout -0.5", ERR_DATA, "a number from"},
		{"dropout 0.00009", ERR_DATA, "a number from"},
		{"dropout 0.20", ERR_DATA, "write \"dropout 0.2\""},
		{"dropout .5", ERR_DATA, "write \"dropout 0.5\""},
		{"dropout  0.5", ERR_DATA, "write \"dropout 0.5\""},
		{"dropout 0.12345678", ERR_DATA, "write \"dropout 0.123457\""},
		{"tanh 1", ERR_DATA, "takes no number"},
		{"tahn", ERR_DATA, "did you mean \"tanh\"?"},
		{"conv 8", ERR_DATA, "not built yet"},
		{"softmax", ERR_DATA, "end with the logits"},
		{"transformer", ERR_DATA,
	         "unknown layer \"transformer\"; use dense WIDTH, relu, sigmoid, tanh or dropout SHARE"},
		{"", ERR_DATA, "unknown layer"},
		{" dense 3", ERR_DATA, "unknown layer"},
		{"dense", ERR_DATA, "needs a width"},
		{"dense ", ERR_DATA, "needs a width"},
		{"dense 0", ERR_DATA, "whole number"},
		{"dense -1", ERR_DATA, "whole number"},
		{"dense 12.5", ERR_DATA, "whole number"},
		{"dense 12x", ERR_DATA, "whole number"},
		{"dense 12 ", ERR_DATA, "whole number"},
		{"dense 012", ERR_DATA, "whole number"},
		{"dense 99999999999999999999", ERR_DATA, "whole number"},
		{"dense 65537", ERR_LIMIT, "wider than 65536"},
		{"relu 3", ERR_DATA, "takes no number"},
		{"sigmoid 1", ERR_DATA, "takes no number"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct model_spec s;
		struct diag why = {0};
		spec_begin(&s, 4);
		struct model_spec before = s;
		assert_int_equal(spec_add_layer(&s, cases[i].text, &why), cases[i].err);
		if (!strstr(why.text, cases[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, why.text, cases[i].says);
		assert_memory_equal(&s, &before, sizeof s);
	}
}

static void refused_ends(void **state)
{
	(void)state;
	static const struct {
		const char *layers[4];
		uint32_t outputs;
		const char *says;
	} cases[] = {
		{{NULL}, 1, "the model has no layers; the smallest is \"dense 1\""},
		{{"dense 1", "sigmoid"}, 1, "the last layer is \"sigmoid\""},
		{{"dense 2", "relu"}, 1, "the last layer is \"relu\""},
		{{"dense 1", "dropout 0.5"}, 1, "the last layer is \"dropout 0.5\""},
		{{"dense 2"}, 1, "this label needs \"dense 1\""},
		{{"dense 2"}, 3, "this label needs \"dense 3\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct model_spec s;
		struct diag why = {0};
		spec_begin(&s, 4);
		for (const char *const *text = cases[i].layers; *text; text++)
			assert_int_equal(spec_add_layer(&s, *text, NULL), OK);
		assert_int_equal(spec_end(&s, LOSS_SOFTMAX_CROSS_ENTROPY, cases[i].outputs, &why), ERR_DATA);
		if (!strstr(why.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].says);
	}
}

static void bounds(void **state)
{
	(void)state;
	struct model_spec s;
	struct diag why = {0};
	spec_begin(&s, MODEL_WIDTH_MAX);
	assert_int_equal(spec_add_layer(&s, "dense 1024", &why), ERR_LIMIT); /* 2^26 weights, and the biases beyond */
	assert_non_null(strstr(why.text, "larger than 67108864 parameters"));
	assert_int_equal(spec_add_layer(&s, "dense 1023", &why), OK);
	assert_int_equal(s.parameters, 1023u * 65537u);

	spec_begin(&s, 1);
	for (int i = 0; i < MODEL_LAYERS_MAX; i++)
		assert_int_equal(spec_add_layer(&s, "dense 1", &why), OK);
	assert_int_equal(spec_add_layer(&s, "dense 1", &why), ERR_LIMIT);
	assert_int_equal(s.layer_count, MODEL_LAYERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_of_the_header),
		cmocka_unit_test(tensors_cover_the_vector),
		cmocka_unit_test(layers_as_text),
		cmocka_unit_test(counts_agree_with_metrics),
		cmocka_unit_test(refused_layers),
		cmocka_unit_test(refused_ends),
		cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
