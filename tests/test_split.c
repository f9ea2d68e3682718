/*
 * The split: known answers from Python's hashlib by the recipe in data/split.h, shares, and independence of everything
 * but patient and seed; and patients' numbers, which rest on the same hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/patients.h"
#include "data/split.h"
#include "tests/support/close.h"

#include <stdio.h>

static void test_hash_is_that_of_the_recipe(void **state)
{
	static const struct {
		const char *id, *hex;
	} cases[] = {
		{"7", "44a3d21d8072450617d14cea6cd8f8fcc252c11a6f8dd3e5e22300f58ee52718"},
		{"07", "24c941d99df9fa27abc9a372c000c09ad2e6610c76517682b1319baf7d28c522"},
		{"", "93c1b5f50968692cde5744555ed847409d38007fbe277e00c1d9935c8b0f4534"},
		{"Gr\xc3\xbcn", "46bdd603cc16f318e2b9332f81178ef5646cbecef22b3629a571f7ec0f5dd3a9"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hash h;
		char hex[HASH_HEX_SIZE];
		split_hash(&h, 42, bytes_text(cases[i].id));
		hash_hex(hex, &h);
		assert_string_equal(hex, cases[i].hex);
	}
}

/* Python's points: seed 0, "1": 0.5479967119348853; seed 2^64 - 1, "1": 0.748337965858963; seed 42, "7":
 * 0.024497181204262964 */
static void test_the_point_decides(void **state)
{
	static const struct {
		uint64_t seed;
		const char *id;
		double point;
	} cases[] = {
		{0, "1", 0.5479967119348853}, {UINT64_MAX, "1", 0.748337965858963}, {42, "7", 0.024497181204262964}};
	const double near = 1e-15;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hash h;
		double p = cases[i].point;
		split_hash(&h, cases[i].seed, bytes_text(cases[i].id));
		assert_int_equal(split_by_hash(&(struct split){.test_fraction = p + near}, &h), PART_TEST);
		assert_int_equal(split_by_hash(&(struct split){.test_fraction = p - near}, &h), PART_TRAIN);
		const struct split in = {.test_fraction = p / 2, .validation_fraction = p / 2 + near};
		const struct split out = {.test_fraction = p / 2, .validation_fraction = p / 2 - near};
		assert_int_equal(split_by_hash(&in, &h), PART_VALIDATION);
		assert_int_equal(split_by_hash(&out, &h), PART_TRAIN);
	}
}

static void test_the_smallest_point_is_zero_and_a_fraction_of_zero_is_empty(void **state)
{
	struct hash zero = {0};
	struct hash last;

	(void)state;
	for (size_t i = 0; i < HASH_SIZE; i++)
		last.b[i] = 0xff;
	assert_int_equal(split_by_hash(&(struct split){0}, &zero), PART_TRAIN);
	assert_int_equal(split_by_hash(&(struct split){.validation_fraction = 1e-9}, &zero), PART_VALIDATION);
	assert_int_equal(split_by_hash(&(struct split){.test_fraction = 1 - 1e-9}, &last), PART_TRAIN);
}

/* 20,000 patients: each share within 4 standard deviations (0.0033 for .3, 0.0021 for .1). */
static void test_shares_are_as_asked(void **state)
{
	const struct split s = {.test_fraction = 0.3, .validation_fraction = 0.1, .seed = 5};
	enum { PATIENTS = 20000 };
	uint32_t counts[PART_COUNT] = {0};

	(void)state;
	for (int i = 0; i < PATIENTS; i++) {
		char id[16];
		struct hash h;
		snprintf(id, sizeof id, "P%d", i);
		split_hash(&h, s.seed, bytes_text(id));
		counts[split_by_hash(&s, &h)]++;
	}
	assert_close((double)counts[PART_TEST] / PATIENTS, 0.3, 4 * 0.0033);
	assert_close((double)counts[PART_VALIDATION] / PATIENTS, 0.1, 4 * 0.0022);
}

static void test_patients_are_numbered_in_order_of_appearance(void **state)
{
	enum { PATIENTS = 5000 };
	struct patients p = {0};
	uint32_t number;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		for (uint32_t i = 0; i < PATIENTS; i++) {
			char id[16];
			struct hash h;
			snprintf(id, sizeof id, "%u", i);
			split_hash(&h, 1, bytes_text(id));
			assert_true(patients_number(&p, &number, &h, i % 2 ? PART_TEST : PART_TRAIN));
			assert_int_equal(number, i);
			assert_int_equal(patients_number(&p, &number, &h, PART_TRAIN), i % 2 == 0);
			assert_int_equal(number, i);
		}
		assert_int_equal(p.count, PATIENTS);
	}
	patients_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_is_that_of_the_recipe),
		cmocka_unit_test(test_the_point_decides),
		cmocka_unit_test(test_the_smallest_point_is_zero_and_a_fraction_of_zero_is_empty),
		cmocka_unit_test(test_shares_are_as_asked),
		cmocka_unit_test(test_patients_are_numbered_in_order_of_appearance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
