/*
 * The breast cancer example, whose hospitals write their files in their own ways, learns what the demo promises.
 * (What studies of other real data learn: tests/test_real_*.c.)
 */
#include "tests/support/federate.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void load(struct table *out, const struct study *study, const struct source *source)
{
	struct diag why = {{0}};

	if (table_load(out, &study->schema, source, &why) != OK)
		fail_msg("%s", why.text);
}

/* The same study on one row order gives one model, byte for byte. */
static void test_the_breast_cancer_example(void **state)
{
	static const char *const names[] = {"st-mary", "riverside", "lakeview", "hilltop", "eastgate"};
	static const struct source_column columns[] = {{"diagnosis", "finding"}};
	static const struct source_recode recodes[] = {{"diagnosis", "malignant", "M"}, {"diagnosis", "benign", "B"}};
	char path[64];
	struct table tables[5];
	struct federated first, second;
	struct study study;
	struct diag why = {{0}};

	(void)state;
	if (study_load(&study, "examples/breast-cancer/study-none.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	for (int i = 0; i < 5; i++) {
		struct source source;

		snprintf(path, sizeof path, "examples/breast-cancer/%s.csv", names[i]);
		source = source_default("breast-cancer", path);
		if (i == 2) {
			source.delimiter = ';';
			source.decimal = ',';
		}
		if (i == 3) {
			source.columns = columns;
			source.column_count = 1;
			source.recodes = recodes;
			source.recode_count = 2;
		}
		load(&tables[i], &study, &source);
	}
	federate(&first, &study, tables, names, 5);
	federate(&second, &study, tables, names, 5);
	print_message("breast cancer: %.0f test rows, accuracy %.4f, AUC %.4f\n", first.test.rows, first.test.accuracy,
	              first.test.auc);
	assert_true(first.test.accuracy >= 0.96);
	assert_true(first.test.auc >= 0.99);
	assert_memory_equal(first.model_sha256.b, second.model_sha256.b, HASH_SIZE);
	for (int i = 0; i < 5; i++)
		table_free(&tables[i]);
	buf_free(&first.model);
	buf_free(&second.model);
	study_free(&study);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_breast_cancer_example),
	};

	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
