/* model/init: distribution, reproducibility, and models from a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/checkpoint.h"
#include "model/init.h"
#include "tests/support/models.h"
#include "tests/support/tempdir.h"

static float *he(const struct model_spec *s, uint64_t seed, const char *label)
{
	struct rng r;
	float *w = vec_f32(s->parameters);
	rng_seeded(&r, seed, label);
	init_he(w, s, &r);
	return w;
}

static float *xavier(const struct model_spec *s, uint64_t seed)
{
	struct rng r;
	float *w = vec_f32(s->parameters);
	rng_seeded(&r, seed, "init");
	init_xavier(w, s, &r);
	return w;
}

static float *gaussian(const struct model_spec *s, double deviation, uint64_t seed)
{
	struct rng r;
	float *w = vec_f32(s->parameters);
	rng_seeded(&r, seed, "init");
	init_gaussian(w, s, deviation, &r);
	return w;
}

/* The weights over their deviation: mean 0, variance 1 and this kurtosis, all within 5 standard errors, whose variances
 * for n draws are 1, kurtosis - 1 and (for normal and for uniform draws) `spread`. Biases are 0. */
static void check_moments(const float *w, const struct layer *l, double deviation, double kurtosis, double spread)
{
	double n = (double)l->inputs * l->outputs, sum = 0, squares = 0, fourth = 0;
	for (size_t k = l->weight; k < l->bias; k++) {
		double z = w[k] / deviation;
		sum += z;
		squares += z * z;
		fourth += z * z * z * z;
	}
	assert_true(fabs(sum / n) < 5 / sqrt(n));
	assert_true(fabs(squares / n - 1) < 5 * sqrt((kurtosis - 1) / n));
	assert_true(fabs(fourth / n - kurtosis) < 5 * sqrt(spread / n));
	for (size_t k = 0; k < l->outputs; k++)
		assert_true(w[l->bias + k] == 0);
}

/* Of a normal: E z^4 = 3, Var z^4 = 105 - 9. Of a uniform on [-sqrt 3, sqrt 3]: E z^4 = 9/5, Var z^4 = 81/9 - 81/25. */
static void moments(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 256, relu, dropout 0.5, dense 128, tanh, dense 10", 784, 10);
	float *h = he(&s, 1, "init"), *x = xavier(&s, 1), *g = gaussian(&s, 0.01, 1);
	for (uint32_t i = 0; i < s.layer_count; i++) {
		const struct layer *l = &s.layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		check_moments(h, l, sqrt(2.0 / l->inputs), 3, 96);
		check_moments(x, l, sqrt(2.0 / (l->inputs + l->outputs)), 1.8, 5.76);
		check_moments(g, l, 0.01, 3, 96);
		double bound = sqrt(6.0 / (l->inputs + l->outputs));
		for (size_t k = l->weight; k < l->bias; k++)
			assert_true(fabsf(x[k]) <= (float)bound);
	}
	free(h);
	free(x);
	free(g);
}

static void they_follow_from_the_seed(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 5, relu, dense 3", 4, 3);
	float *a = he(&s, 1, "init"), *b = he(&s, 1, "init"), *c = he(&s, 2, "init"), *d = he(&s, 1, "order");
	assert_memory_equal(a, b, s.parameters * sizeof *a);
	assert_memory_not_equal(a, c, s.parameters * sizeof *a);
	assert_memory_not_equal(a, d, s.parameters * sizeof *a);

	struct rng r;
	rng_seeded(&r, 1, "init");
	for (int k = 0; k < 20; k++)
		assert_true(a[k] == (float)(sqrt(2.0 / 4) * rng_normal(&r)));
	for (int k = 25; k < 40; k++) /* behind 5 biases, the second layer goes on with the same stream */
		assert_true(a[k] == (float)(sqrt(2.0 / 5) * rng_normal(&r)));
	float *x = xavier(&s, 1), *g = gaussian(&s, 0.5, 1);
	rng_seeded(&r, 1, "init");
	for (int k = 0; k < 20; k++)
		assert_true(g[k] == (float)(0.5 * rng_normal(&r)));
	rng_seeded(&r, 1, "init");
	for (int k = 0; k < 20; k++)
		assert_true(x[k] == (float)(sqrt(6.0 / 9) * (2 * rng_unit(&r) - 1)));
	free(a);
	free(b);
	free(c);
	free(d);
	free(x);
	free(g);
}

static void zero(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 5, relu, dense 3", 4, 3);
	float *w = he(&s, 1, "init");
	init_zero(w, &s);
	for (size_t i = 0; i < s.parameters; i++)
		assert_true(w[i] == 0);
	free(w);
}

static void from_a_file(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 5, relu, dense 3", 4, 3),
			  other = models_spec("dense 6, relu, dense 3", 4, 3);
	struct tempdir t;
	struct buf file;
	struct hash sha256, none = {0};
	struct diag why = {0};
	float *w = he(&s, 1, "init"), *got = vec_f32(s.parameters), *others = vec_f32(other.parameters);
	tempdir_make(&t);
	buf_init(&file, MODEL_FILE_MAX);
	const struct checkpoint_about about = {
		.study = "heart",
		.study_hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		.label = "{}"};
	assert_int_equal(checkpoint_write(&file, &s, w, &about, &why), OK);
	tempdir_write_bytes(&t, "base.safetensors", buf_bytes(&file));
	const char *path = tempdir_path(&t, "base.safetensors");
	sha256_of(&sha256, bytes_text("another file"));
	assert_int_equal(init_file(got, &s, path, &sha256, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "its SHA-256 is"));
	sha256_of(&sha256, buf_bytes(&file));
	assert_int_equal(init_file(got, &s, path, &sha256, &why), OK);
	assert_memory_equal(got, w, s.parameters * sizeof *w);
	assert_int_equal(init_file(got, &s, path, &none, &why), OK);

	assert_int_equal(init_file(others, &other, path, &sha256, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "its layers are [\"dense 5\","));
	assert_int_equal(init_file(got, &s, tempdir_path(&t, "none.safetensors"), &none, &why), ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "none.safetensors"));
	buf_free(&file);
	tempdir_remove(&t);
	free(w);
	free(got);
	free(others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(they_follow_from_the_seed),
		cmocka_unit_test(zero),
		cmocka_unit_test(from_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
