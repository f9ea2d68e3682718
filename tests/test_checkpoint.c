/* model/checkpoint: golden bytes, another program's reader, and a hostile file in every way that a few bytes can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/checkpoint.h"
#include "model/network.h"
#include "tests/support/models.h"
#include "tests/support/tempdir.h"

#define HASH_TEXT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LABEL "{\"name\":\"disease\",\"positive\":\"1\"}"

static const struct checkpoint_input two_inputs[] = {
	{.name = "age", .mean = 54.25, .deviation = 9, .fill = 54.25},
	{.name = "sex \"m\" \xc3\xa4", .mean = 0, .deviation = 1, .fill = 0.5},
};
static const struct checkpoint_about about = {
	.study = "heart", .study_hash = HASH_TEXT, .round = 30, .label = LABEL, .inputs = two_inputs, .input_count = 2};
static const float parameters[] = {1, -2, 0.5f};

static struct buf written(const struct model_spec *s, const float *w, const struct checkpoint_about *a)
{
	struct buf out;
	struct diag why = {0};
	buf_init(&out, MODEL_FILE_MAX);
	if (checkpoint_write(&out, s, w, a, &why))
		fail_msg("%s", why.text);
	return out;
}

static const char golden_header[] =
	"{\"__metadata__\":{\"format\":\"cohort/1\",\"study\":\"heart\",\"study_hash\":\"" HASH_TEXT
	"\",\"round\":\"30\","
	"\"layers\":\"[\\\"dense 1\\\"]\",\"link\":\"sigmoid\","
	"\"label\":\"{\\\"name\\\":\\\"disease\\\",\\\"positive\\\":\\\"1\\\"}\","
	"\"inputs\":\"[{\\\"name\\\":\\\"age\\\",\\\"mean\\\":54.25,\\\"deviation\\\":9,\\\"fill\\\":54.25},"
	"{\\\"name\\\":\\\"sex \\\\\\\"m\\\\\\\" \xc3\xa4\\\",\\\"mean\\\":0,\\\"deviation\\\":1,\\\"fill\\\":0.5}]\"},"
	"\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
	"\"layer.0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}";

static void golden_bytes(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct buf file = written(&s, parameters, &about), again = written(&s, parameters, &about);
	size_t text = sizeof golden_header - 1, padded = (text + 7) / 8 * 8;
	static const uint8_t floats[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f};
	assert_int_equal(file.len, 8 + padded + sizeof floats);
	assert_int_equal(load_u64(file.ptr), padded);
	assert_memory_equal(file.ptr + 8, golden_header, text);
	for (size_t i = text; i < padded; i++)
		assert_int_equal(file.ptr[8 + i], ' ');
	assert_memory_equal(file.ptr + 8 + padded, floats, sizeof floats);
	assert_true(bytes_equal(buf_bytes(&file), buf_bytes(&again)));
	buf_free(&file);
	buf_free(&again);
}

/* A private study's model says under which promise it was made. */
static void a_promise_reads_back(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct checkpoint_about promised = about;
	struct checkpoint c;
	struct diag why = {0};
	float got[3];
	struct buf file = written(&s, parameters, &about);
	assert_int_equal(checkpoint_read(got, &c, &s, buf_bytes(&file), "m", &why), OK);
	assert_null(c.about.privacy);
	checkpoint_free(&c);
	buf_free(&file);
	promised.privacy = "{\"epsilon\":3}";
	file = written(&s, parameters, &promised);
	assert_int_equal(checkpoint_read(got, &c, &s, buf_bytes(&file), "m", &why), OK);
	assert_string_equal(c.about.privacy, "{\"epsilon\":3}");
	checkpoint_free(&c);
	/* spoilt: no JSON any more */
	uint8_t *text = memmem(file.ptr, file.len, "{\\\"epsilon", 10);
	assert_non_null(text);
	text[0] = '[';
	assert_int_equal(checkpoint_read(got, &c, &s, buf_bytes(&file), "m", &why), ERR_DATA);
	assert_non_null(strstr(why.text, "privacy"));
	checkpoint_free(&c);
	buf_free(&file);
}

static void reads_back(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 4, sigmoid, dense 3, relu, dense 3", 2, 3);
	struct rng r;
	struct checkpoint c;
	struct diag why = {0};
	float *w = vec_f32(s.parameters), *got = vec_f32(s.parameters);
	rng_seeded(&r, 1, "checkpoint");
	models_normal(w, s.parameters, 1, &r);
	w[0] = -0.0f;
	w[1] = 1e-45f;
	w[2] = 3.4028235e38f;
	struct buf file = written(&s, w, &about);
	if (checkpoint_read(got, &c, &s, buf_bytes(&file), "m.safetensors", &why))
		fail_msg("%s", why.text);
	assert_memory_equal(got, w, s.parameters * sizeof *w);
	assert_true(c.ours);
	assert_string_equal(c.about.study, "heart");
	assert_string_equal(c.about.study_hash, HASH_TEXT);
	assert_string_equal(c.about.label, LABEL);
	assert_int_equal(c.about.round, 30);
	assert_int_equal(c.about.input_count, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(c.about.inputs[i].name, two_inputs[i].name);
		assert_true(c.about.inputs[i].mean == two_inputs[i].mean &&
		            c.about.inputs[i].fill == two_inputs[i].fill);
		assert_true(c.about.inputs[i].deviation == two_inputs[i].deviation);
	}
	struct buf same = written(&s, got, &c.about);
	assert_true(bytes_equal(buf_bytes(&file), buf_bytes(&same)));
	checkpoint_free(&c);
	checkpoint_free(&c);
	assert_int_equal(checkpoint_read(got, NULL, &s, buf_bytes(&file), "m.safetensors", NULL), OK);
	buf_free(&file);
	buf_free(&same);
	free(w);
	free(got);
}

/* A reader written from the format's description finds the same tensors and, from a raw row, the same logits. */
static void python_agrees(void **state)
{
	(void)state;
	if (system("python3 -c 1 >/dev/null 2>&1") != 0) {
		print_message("skipped: no python3\n");
		skip();
	}
	struct model_spec s = models_spec("dense 4, sigmoid, dense 3, relu, dense 3", 2, 3);
	struct rng r;
	struct tempdir t;
	struct network n;
	float *w = vec_f32(s.parameters);
	const float row[] = {(float)((63 - 54.25) / 9), 0.5f}; /* age 63, sex missing */
	rng_seeded(&r, 2, "checkpoint");
	models_normal(w, s.parameters, 1, &r);
	struct buf file = written(&s, w, &about);
	tempdir_make(&t);
	tempdir_write_bytes(&t, "m.safetensors", buf_bytes(&file));
	network_init(&n, &s, 1);
	const float *z = network_forward(&n, w, row, 1);

	char command[2 * PATH_SIZE], line[256], format[32], study[32], link[32], label[32];
	unsigned round = 0;
	snprintf(command, sizeof command, "python3 tests/support/read_safetensors.py %s 63 NA",
	         tempdir_path(&t, "m.safetensors"));
	FILE *f = popen(command, "r");
	assert_int_equal(fscanf(f, "%31s %31s %u %31s %31s\n", format, study, &round, link, label), 5);
	assert_string_equal(format, "cohort/1");
	assert_string_equal(study, "heart");
	assert_int_equal(round, 30);
	assert_string_equal(link, "softmax");
	assert_string_equal(label, "disease");
	struct spec_tensor list[SPEC_TENSORS_MAX];
	uint32_t count = spec_tensors(list, &s);
	for (uint32_t i = 0; i < count; i++) {
		char wanted[64];
		double sum = 0, got = 0;
		for (size_t k = 0; k < list[i].length; k++)
			sum += w[list[i].first + k];
		int len = list[i].dimensions == 2
		                  ? snprintf(wanted, sizeof wanted, "%s [%u, %u] ", list[i].name, list[i].shape[0],
		                             list[i].shape[1])
		                  : snprintf(wanted, sizeof wanted, "%s [%u] ", list[i].name, list[i].shape[0]);
		assert_non_null(fgets(line, sizeof line, f));
		assert_memory_equal(line, wanted, len);
		assert_int_equal(sscanf(line + len, "%lf", &got), 1);
		assert_true(fabs(got - sum) < 2e-6);
	}
	double logits[3] = {0};
	assert_int_equal(fscanf(f, "logits %lf %lf %lf", &logits[0], &logits[1], &logits[2]), 3);
	for (int k = 0; k < 3; k++)
		assert_true(fabs(logits[k] - z[k]) < 2e-5);
	assert_int_equal(pclose(f), 0);
	network_free(&n);
	buf_free(&file);
	tempdir_remove(&t);
	free(w);
}

static void truncated_at_every_byte(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct buf file = written(&s, parameters, &about);
	float got[3];
	for (size_t len = 0; len < file.len; len++) {
		uint8_t *cut = malloc(len + 1); /* its own memory, so that a read beyond it is seen */
		struct diag why = {0};
		memcpy(cut, file.ptr, len);
		struct bytes part = {.ptr = realloc(cut, len ? len : 1), .len = len};
		assert_int_equal(checkpoint_read(got, NULL, &s, part, "m", &why), ERR_DATA);
		assert_non_null(strstr(why.text, "m: "));
		free((void *)(uintptr_t)part.ptr);
	}
	buf_put_u8(&file, 0);
	assert_int_equal(checkpoint_read(got, NULL, &s, buf_bytes(&file), "m", NULL), ERR_DATA);
	buf_free(&file);
}

/* A flip is refused, or it lies in a value, which then reads as another value: accepted bytes say what was read. */
static void each_byte_flipped(void **state)
{
	(void)state;
	static const uint8_t masks[] = {0x01, 0x02, 0x10, 0x20, 0x40, 0x80, 0xff};
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct buf file = written(&s, parameters, &about);
	size_t accepted = 0, header = 8 + (size_t)load_u64(file.ptr);
	size_t metadata = 8 + (size_t)(strstr(golden_header, "\"layer.0.weight\"") - golden_header);
	for (size_t i = 0; i < file.len; i++)
		for (size_t m = 0; m < sizeof masks; m++) {
			struct checkpoint c;
			float got[3];
			file.ptr[i] ^= masks[m];
			if (checkpoint_read(got, &c, &s, buf_bytes(&file), "m", NULL) == OK) {
				accepted++;
				if (i < 8 || (i >= metadata && i < header))
					fail_msg("byte %zu ^ %02x of the structure was accepted", i, masks[m]);
				assert_true(vec_finite(got, 3));
				if (c.ours) {
					struct buf same = written(&s, got, &c.about);
					struct checkpoint d;
					float twice[3];
					assert_int_equal(checkpoint_read(twice, &d, &s, buf_bytes(&same), "m", NULL),
					                 OK);
					assert_memory_equal(twice, got, sizeof got);
					buf_free(&same);
					checkpoint_free(&d);
				}
			}
			checkpoint_free(&c);
			file.ptr[i] ^= masks[m];
		}
	assert_true(accepted > 100); /* digits of means, letters of names, bits of floats */
	buf_free(&file);
}

/* ---- headers written by hand */

static struct buf file_of(const char *header, const float *data, size_t n)
{
	struct buf out;
	buf_init(&out, 1u << 20);
	buf_put_u64(&out, strlen(header));
	buf_put_text(&out, header);
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &data[i], 4);
		buf_put_u32(&out, bits);
	}
	return out;
}

#define W "\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}"
#define B "\"layer.0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}"
#define SWAPPED                                                                                                        \
	"{\"layer.0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"                                  \
	"\"layer.0.weight\":{\"shape\":[1,2],\"dtype\":\"F32\",\"data_offsets\":[4,12]}}"
#define OURS_BUT(study, hash, round, layers, link, label, inputs)                                                      \
	"{\"__metadata__\":{\"format\":\"cohort/1\",\"study\":" study ",\"study_hash\":" hash ",\"round\":" round      \
	",\"layers\":" layers ",\"link\":" link ",\"label\":" label ",\"inputs\":" inputs "}," W "," B "}"
#define STUDY "\"heart\""
#define STUDY_HASH "\"" HASH_TEXT "\""
#define LAYERS "\"[\\\"dense 1\\\"]\""
#define LINK "\"sigmoid\""
#define INPUT(mean, deviation)                                                                                         \
	"{\\\"name\\\":\\\"a\\\",\\\"mean\\\":" mean ",\\\"deviation\\\":" deviation ",\\\"fill\\\":0}"

static void other_programs_files(void **state)
{
	(void)state;
	static const char *const headers[] = {
		"{" W "," B "}",
		SWAPPED, /* another order of keys is another order of data */
		"{\"__metadata__\":{\"format\":\"pt\"}," W "," B "}    ",
		"{\"__metadata__\":{}," W "," B "}",
		"{" W "," B ",\"__metadata__\":{\"made by\":\"hand\"}}",
	};
	struct model_spec s = models_spec("dense 1", 2, 1);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct buf file = file_of(headers[i], parameters, 3);
		struct checkpoint c;
		struct diag why = {0};
		float got[3];
		if (checkpoint_read(got, &c, &s, buf_bytes(&file), "m", &why))
			fail_msg("%s", why.text);
		assert_false(c.ours);
		assert_null(c.about.study);
		assert_true(i == 1 ? got[0] == -2 && got[1] == 0.5f && got[2] == 1
		                   : memcmp(got, parameters, sizeof got) == 0);
		checkpoint_free(&c);
		buf_free(&file);
	}
}

static void refused_headers(void **state)
{
	(void)state;
	static const struct {
		const char *header, *says;
	} cases[] = {
		{"", "does not begin with '{'"},
		{"[]", "does not begin with '{'"},
		{" {" W "," B "}", "does not begin with '{'"},
		{"{" W "," B, "m"},
		{"{" W "," W "," B "}", "m"},
		{"{" W "}", "layer.0.bias is missing"},
		{"{" W "," B ",\"layer.1.bias\":{}}", "tensor \"layer.1.bias\" is none of this model"},
		{"{" B "," W "}", "layer.0.bias must have the data_offsets [0, 4]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F16\",\"shape\":[1,2],\"data_offsets\":[0,8]}," B "}",
	         "layer.0.weight has the type F16; only F32 is read"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}," B "}",
	         "layer.0.weight must have the shape [1, 2]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}," B "}", "shape [1, 2]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2,1],\"data_offsets\":[0,8]}," B "}", "shape"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1.0,2],\"data_offsets\":[0,8]}," B "}",
	         "shape [1, 2]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,\"2\"],\"data_offsets\":[0,8]}," B "}",
	         "shape [1, 2]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}," B "}",
	         "shape [1, 2]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]}," B "}",
	         "data_offsets [0, 8]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,12]}," B "}",
	         "data_offsets [0, 8]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0]}," B "}",
	         "data_offsets [0, 8]"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8,9]}," B "}",
	         "data_offsets"},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8],\"x\":1}," B "}",
	         "\"x\""},
		{"{\"layer.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2]}," B "}", "\"data_offsets\" is missing"},
		{"{\"layer.0.weight\":[]," B "}", "layer.0.weight"},
		{"{\"__metadata__\":[]," W "," B "}", "__metadata__ is no object"},
		{"{\"__metadata__\":{\"round\":30}," W "," B "}", "\"round\" is no text"},
		{"{\"__metadata__\":{\"format\":\"cohort/1\"}," W "," B "}", "\"study\" is missing"},
		{OURS_BUT("\"He art\"", STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"", "\"[]\""), "no name of a study"},
		{OURS_BUT(STUDY, "\"00\"", "\"0\"", LAYERS, LINK, "\"{}\"", "\"[]\""), "study_hash is no hash"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"-1\"", LAYERS, LINK, "\"{}\"", "\"[]\""), "round \"-1\" is no count"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"4294967296\"", LAYERS, LINK, "\"{}\"", "\"[]\""), "is no count"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", "\"[]\"", LINK, "\"{}\"", "\"[]\""), "its layers are []"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, "\"softmax\"", "\"{}\"", "\"[]\""),
	         "its link is softmax"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{\"", "\"[]\""), "label"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"", "\"{}\""), "inputs must be a list of 2"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"", "\"[" INPUT("0", "1") "]\""),
	         "a list of 2"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"",
	                  "\"[" INPUT("0", "1") "," INPUT("0", "-1") "]\""),
	         "inputs[1]"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"",
	                  "\"[" INPUT("1e999", "1") "," INPUT("0", "1") "]\""),
	         "inputs"},
		{OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"", "\"[]\",\"more\":\"\""), "\"more\""},
	};
	struct model_spec s = models_spec("dense 1", 2, 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf file = file_of(cases[i].header, parameters, 3);
		struct diag why = {0};
		float got[3];
		if (checkpoint_read(got, NULL, &s, buf_bytes(&file), "m", &why) != ERR_DATA)
			fail_msg("accepted, or another error: %s", cases[i].header);
		if (!strstr(why.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].says);
		buf_free(&file);
	}
}

static void good_by_hand(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct buf file = file_of(OURS_BUT(STUDY, STUDY_HASH, "\"0\"", LAYERS, LINK, "\"{}\"",
	                                   "\"[" INPUT("0", "1") "," INPUT("-1.5", "0") "]\""),
	                          parameters, 3);
	struct checkpoint c;
	float got[3];
	assert_int_equal(checkpoint_read(got, &c, &s, buf_bytes(&file), "m", NULL), OK);
	assert_true(c.ours && c.about.inputs[1].mean == -1.5);
	checkpoint_free(&c);
	buf_free(&file);
}

static void no_numbers_are_refused(void **state)
{
	(void)state;
	const float bad[] = {NAN, INFINITY, -INFINITY};
	struct model_spec s = models_spec("dense 1", 2, 1);
	for (int i = 0; i < 9; i++) {
		float w[3], got[3];
		struct buf out, file;
		struct diag why = {0};
		memcpy(w, parameters, sizeof w);
		w[i % 3] = bad[i / 3];
		file = file_of("{" W "," B "}", w, 3);
		assert_int_equal(checkpoint_read(got, NULL, &s, buf_bytes(&file), "m", &why), ERR_DATA);
		static const char *const named[] = {"element 0 of layer.0.weight", "element 1 of layer.0.weight",
		                                    "element 0 of layer.0.bias"};
		assert_non_null(strstr(why.text, named[i % 3]));
		buf_init(&out, MODEL_FILE_MAX);
		assert_int_equal(checkpoint_write(&out, &s, w, &about, &why), ERR_DATA);
		static const char *const written[] = {"layer.0.weight: element 0 ", "layer.0.weight: element 1 ",
		                                      "layer.0.bias: element 0 "};
		assert_non_null(strstr(why.text, written[i % 3]));
		assert_int_equal(out.len, 0);
		buf_free(&out);
		buf_free(&file);
	}
	for (int i = 0; i < 4; i++) {
		struct checkpoint_input inputs[2] = {two_inputs[0], two_inputs[1]};
		struct checkpoint_about broken = about;
		struct buf out;
		broken.inputs = inputs;
		*(i == 0 ? &inputs[1].mean : i == 1 ? &inputs[1].deviation : &inputs[1].fill) = NAN;
		if (i == 3)
			inputs[1] = (struct checkpoint_input){.name = "a\nb"};
		buf_init(&out, MODEL_FILE_MAX);
		assert_int_equal(checkpoint_write(&out, &s, parameters, &broken, NULL), ERR_DATA);
		buf_free(&out);
	}
}

static void bounded(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 2, 1);
	struct diag why = {0};
	struct buf out;
	uint8_t huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
	float got[3];
	assert_int_equal(checkpoint_read(got, NULL, &s, bytes_of(huge, sizeof huge), "m", &why), ERR_LIMIT);
	store_u64(huge, MODEL_METADATA_MAX);
	assert_int_equal(checkpoint_read(got, NULL, &s, bytes_of(huge, sizeof huge), "m", &why), ERR_DATA);
	assert_non_null(strstr(why.text, "cut off: the header has 16777216 bytes, only 8 follow"));
	buf_init(&out, 100);
	assert_int_equal(checkpoint_write(&out, &s, parameters, &about, &why), ERR_LIMIT);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(reads_back),
		cmocka_unit_test(a_promise_reads_back),
		cmocka_unit_test(python_agrees),
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(each_byte_flipped),
		cmocka_unit_test(other_programs_files),
		cmocka_unit_test(refused_headers),
		cmocka_unit_test(good_by_hand),
		cmocka_unit_test(no_numbers_are_refused),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
