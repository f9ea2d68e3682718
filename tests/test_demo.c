/* `make demo` as a newcomer sees it: it ends well, says what it should, and leaves nothing running, also when it is interrupted. Without
 * noise its model, made under masks with one hospital missing from one round, is the plain sum's over the same hospitals, byte for byte. */
#include "base/file.h"
#include "base/json.h"
#include "simulator/federation.h"
#include "tests/support/federate.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DEMO "COHORT_DEMO='%s/demo' %s examples/breast-cancer/demo"

static struct program p;

/* Programs whose command line names the folder. */
static void expect_nothing_runs(const struct tempdir *t)
{
	static struct program looked;

	program_shell(&looked, "grep -lz '%s/dem[o]/' /proc/[0-9]*/cmdline 2>/dev/null | wc -l", t->path);
	assert_int_equal(atoi(looked.out), 0);
}

static int count(const char *text, const char *words)
{
	int n = 0;

	for (; (text = strstr(text, words)) != NULL; text += strlen(words))
		n++;
	return n;
}

/* ---- the model, made anew from the rows and from who was in each sum */

#define HOSPITALS 5
#define STEPS 32

struct participants {
	const struct federation *federation;
	bool in[STEPS][HOSPITALS]; /* by training step, and site in the federation's order */
	unsigned missing;
};

static bool took_part(void *context, uint32_t step, uint32_t number)
{
	return ((const struct participants *)context)->in[step][number - 1];
}

static void read_round(struct participants *out, const char *line)
{
	struct json *round;
	struct diag why;

	assert_int_equal(json_parse(&round, bytes_text(line), 1u << 20, "round", &why), OK);
	const struct json *sites = json_get(round, "sites");
	int64_t step = json_as_integer(json_get(round, "step"));
	assert_true(step < STEPS);
	for (size_t i = 0; i < json_count(sites) && strcmp(json_as_string(json_get(round, "outcome")), "done") == 0;
	     i++)
		for (uint32_t k = 0; k < HOSPITALS; k++) {
			const struct json *site = json_at(sites, i);

			if (strcmp(json_as_string(json_get(site, "site")), out->federation->sites[k].name) == 0)
				out->in[step][k] = strcmp(json_as_string(json_get(site, "state")), "contributed") == 0;
		}
	json_free(round);
}

static void read_rounds(struct participants *out, char *lines)
{
	for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
		read_round(out, line);
	for (int i = 0; i < STEPS; i++)
		for (int k = 0; k < HOSPITALS; k++)
			out->missing += !out->in[i][k];
}

static void expect_the_model_of_the_plain_sums(struct tempdir *t)
{
	const struct federation_options rows = {.data = "examples/breast-cancer/together.csv",
	                                        .site_column = "hospital"};
	const char *names[HOSPITALS];
	struct table tables[HOSPITALS];
	struct participants who = {0};
	struct federation federation;
	struct federated plain;
	struct study study;
	struct diag why = {{0}};
	struct buf text;

	assert_int_equal(file_read(&text, "examples/breast-cancer/study-none.yaml", 1u << 20, &why), OK);
	assert_int_equal(study_parse(&study, buf_bytes(&text), "study.yaml", true, &why), OK);
	assert_int_equal(federation_load(&federation, &study, &rows, &why), OK);
	assert_int_equal(federation.count, HOSPITALS);
	for (uint32_t i = 0; i < HOSPITALS; i++) {
		names[i] = federation.sites[i].name;
		tables[i] = federation.sites[i].table;
	}
	who.federation = &federation;
	program_run(&p, "cohort-coordinator",
	            "rounds breast-cancer --json --config '%s/demo/coordinator/coordinator.yaml'", t->path);
	program_expect(&p, 0, "");
	read_rounds(&who, p.out);
	assert_true(who.missing >= 1);
	federate_among(&plain, &study, tables, names, HOSPITALS, took_part, &who);
	buf_free(&text);
	assert_int_equal(file_read(&text, tempdir_path(t, "demo/model.safetensors"), 1u << 20, &why), OK);
	assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&plain.model)));
	buf_free(&plain.model);
	buf_free(&text);
	federation_free(&federation);
	study_free(&study);
}

/* ---- what it says */

static void expect_no_long_line(const struct tempdir *t)
{
	for (const char *line = p.out; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strstr(line, t->path) == NULL || strstr(line, t->path) > strchr(line, '\n')) /* a long TMPDIR */
			assert_true(strcspn(line, "\n") <= 80);
}

static void expect_its_commands_work(void)
{
	char *commands;

	assert_non_null(strstr(p.out, "Look around"));
	commands = strdup(strchr(strstr(p.out, "Look around"), '\n'));
	*strstr(commands, "\n\n") = '\0';
	program_shell(&p, "set -e\n%s", commands);
	program_expect(&p, 0, "");
	assert_true(strlen(p.out) > 1000);
	free(commands);
}

/* `lines`: of figures; on a busy machine another hospital may be too slow for a round, too. */
static void expect_a_good_end(struct tempdir *t, int lines)
{
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "stays at the hospital\n"));
	assert_int_equal(count(p.out, " 5 of 5 ") + count(p.out, " 4 of 5 "), lines);
	assert_non_null(strstr(p.out, "hilltop is killed in round "));
	assert_non_null(strstr(p.out, "Its report: hilltop dropped (in phase input)\n"));
	expect_no_long_line(t);
	assert_true(tempdir_exists(t, "demo/model.safetensors"));
	expect_nothing_runs(t);
}

static void test_its_study_is_private(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	program_shell(&p, DEMO, t.path, "");
	expect_a_good_end(&t, 10);
	assert_non_null(strstr(p.out, "epsilon 3, delta 0.0001 for each patient"));
	assert_non_null(strstr(p.out, "NOT covered by epsilon"));
	assert_non_null(strstr(p.out, "\n  epsilon 2.9")); /* nothing was lost: the spare rounds are left */
	assert_non_null(strstr(p.out, " of 3, at delta 0.0001\n  3."));
	assert_non_null(strstr(p.out, "expected), AUC 0.9"));
	expect_its_commands_work();
	program_run(&p, "cohort-client", "ledger --config '%s/demo/lakeview/client.yaml'", t.path);
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "All studies together: epsilon 3."));
	tempdir_remove(&t);
}

static void test_without_noise_its_model_is_that_of_plain_sums(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	program_shell(&p, DEMO, t.path, "PRIVACY=none");
	expect_a_good_end(&t, 30);
	assert_in_range(count(p.out, " 4 of 5 "), 1, 5);
	assert_non_null(strstr(p.out, "expected), AUC 0.99"));
	assert_null(strstr(p.out, "epsilon 3"));
	expect_the_model_of_the_plain_sums(&t);
	tempdir_remove(&t);
}

static void test_what_it_cannot_do_is_refused_at_once(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	program_shell(&p, DEMO, t.path, "PRIVACY=some");
	program_expect(&p, 64, "PRIVACY=some: distributed or none are possible");
	program_shell(&p, DEMO, t.path, "EPSILON=much");
	program_expect(&p, 64, "EPSILON=much: a number above 0 is needed");
	expect_nothing_runs(&t);
	tempdir_remove(&t);
}

/* At moments when the authority, the coordinator, and the hospitals are at work. */
static void test_interrupted_it_leaves_nothing_running(void **state)
{
	static const char *const after_s[] = {"0.2", "0.4", "0.6", "0.8"};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	for (size_t i = 0; i < sizeof after_s / sizeof *after_s; i++) {
		program_shell(&p, "COHORT_DEMO='%s/demo' timeout -s %s %s examples/breast-cancer/demo", t.path,
		              i % 2 ? "INT" : "TERM", after_s[i]);
		assert_int_not_equal(p.exit_code, 0);
		expect_nothing_runs(&t);
	}
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_study_is_private),
		cmocka_unit_test(test_without_noise_its_model_is_that_of_plain_sums),
		cmocka_unit_test(test_what_it_cannot_do_is_refused_at_once),
		cmocka_unit_test(test_interrupted_it_leaves_nothing_running),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
