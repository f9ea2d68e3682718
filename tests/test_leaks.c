/*
 * What is pointed out as following from the label: by name, and by what one feature tells, held against counts made by hand.
 */
#include "simulator/leaks.h"
#include "tests/support/shared.h"
#include "tests/support/studies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct tempdir dir;
	char found[1024]; /* "a b": features that were pointed out */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	tempdir_make(&f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static void find(struct fixture *f, const char *path, const char *label)
{
	struct profile profile;
	struct roles roles;
	struct diag why;
	bool *out;

	if (profile_read(&profile, path, &why) != OK || roles_find(&roles, &profile, path, label, &why) != OK)
		fail_msg("%s", why.text);
	out = mem_array(profile.count, sizeof *out);
	if (leaks_find(out, &roles, path, &why) != OK)
		fail_msg("%s", why.text);
	f->found[0] = '\0';
	for (uint32_t i = 0; i < profile.count; i++)
		if (out[i])
			snprintf(f->found + strlen(f->found), sizeof f->found - strlen(f->found), "%s%s",
			         f->found[0] != '\0' ? " " : "", profile.columns[i].name);
	free(out);
	roles_free(&roles);
	profile_free(&profile);
}

/* 200 rows with a label of this name, half of them ill, and columns with nothing to say under the other names. */
static void assert_names(struct fixture *f, const char *label, const char *names, const char *expected)
{
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_printf(&text, "%s,%s\n", label, names);
	for (unsigned i = 0; i < 200; i++) {
		buf_printf(&text, "%u", i % 2);
		for (const char *c = names - 1; c != NULL; c = strchr(c + 1, ','))
			buf_printf(&text, ",%u", i / 2 % 7 + 1);
		buf_put_text(&text, "\n");
	}
	tempdir_write(&f->dir, "names.csv", buf_text(&text));
	buf_free(&text);
	find(f, tempdir_path(&f->dir, "names.csv"), label);
	assert_string_equal(f->found, expected);
}

static void test_names(void **state)
{
	struct fixture *f = *state;

	assert_names(f, "y_dead_6m", "y_dead_14d,y.alive,y,yes_or_no,ref_y,age_y", "y_dead_14d y.alive y");
	assert_names(f, "outcome.6m", "outcome_2,outcomes_2,Outcome_2", "outcome_2");
	assert_names(f, "disease", "disease_date,dis_2,a", ""); /* the label has no such part */
	assert_names(f, "_ill", "_age,_b", "");
	assert_names(f, "6_ill", "6_age,6", ""); /* no letter: a numbering */
}

/* 200 rows; x is the class, but for `wrong` of the 100 ill; the file says `cell` of it. */
static void write_rows(struct fixture *f, unsigned wrong, const char *ill, const char *well, unsigned rows)
{
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "x,z,ill\n");
	for (unsigned i = 0; i < rows; i++) {
		bool is_ill = i % 2 != 0, told = is_ill && i / 2 >= wrong;

		buf_printf(&text, "%s,%u.5,%u\n", told ? ill : well, i / 2 % 7, is_ill);
	}
	tempdir_write(&f->dir, "rows.csv", buf_text(&text));
	buf_free(&text);
	find(f, tempdir_path(&f->dir, "rows.csv"), "ill");
}

/* Of two values AUC is (1 + sensitivity) / 2 here: 10 wrong of 100 make .95, 11 make .945. */
static void test_the_bound(void **state)
{
	struct fixture *f = *state;

	write_rows(f, 10, "1", "0", 200);
	assert_string_equal(f->found, "x");
	write_rows(f, 11, "1", "0", 200);
	assert_string_equal(f->found, "");
	write_rows(f, 10, "0", "1", 200); /* the other way round */
	assert_string_equal(f->found, "x");
	write_rows(f, 10, "aspirin", "none taken", 200);
	assert_string_equal(f->found, "x");
}

static void test_too_few_rows_tell_nothing(void **state)
{
	struct fixture *f = *state;

	write_rows(f, 0, "1", "0", 38); /* 19 of each class */
	assert_string_equal(f->found, "");
	write_rows(f, 0, "1", "0", 40);
	assert_string_equal(f->found, "x");
}

/* Levels 1, 3 are well and 2, 4 ill: their order says nothing (AUC .75 as numbers), their shares all. Amounts go by order. */
static void test_levels_go_by_their_share_and_amounts_by_order(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "level,amount,lab,ill\n");
	for (unsigned i = 0; i < 200; i++) {
		unsigned ill = i % 2, half = i / 2 % 2;

		buf_printf(&text, "%u,%u.25,", 1 + ill + 2 * half, 10 * (ill + 2 * half) + i / 4 % 9);
		if (i / 2 % 3 == 0)
			buf_put_text(&text, i % 4 == 0 ? "?" : "-999"); /* missing says nothing */
		else
			buf_printf(&text, "%u.5", (ill ? 5 : 40) + i / 2 % 30);
		buf_printf(&text, ",%u\n", ill);
	}
	tempdir_write(&f->dir, "levels.csv", buf_text(&text));
	buf_free(&text);
	find(f, tempdir_path(&f->dir, "levels.csv"), "ill");
	assert_string_equal(f->found, "level lab");
}

static void test_real_files(void **state)
{
	struct fixture *f = *state;

	find(f, shared_data("heart/cleveland.csv"), "disease");
	assert_string_equal(f->found, "");
	find(f, shared_data("ist_public.csv.gz"), "y_dead_or_dependent_6m");
	assert_string_equal(f->found, "y_dead_6m y_dead_14d");
	find(f, studies_digits(&f->dir), "digit");
	assert_string_equal(f->found, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_names),
		TEST(test_the_bound),
		TEST(test_too_few_rows_tell_nothing),
		TEST(test_levels_go_by_their_share_and_amounts_by_order),
		TEST(test_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
