/*
 * A study under masking by the real programs, whose secrets are known afterwards: the hospitals' clients write down what they
 * draw (tests/secret_log.c), the coordinator the sums that it makes. One hospital stops for good before it sends its masked vector of
 * round 2, so secrets of a lost site are opened too. Then every attempt is judged by a checker that shares no code with the programs, and
 * replayed; and the coordinator's memory, the files, and the memory of a hospital are searched for everything that was secret.
 */
#include "model/layers.h"
#include "protocol/study.h"
#include "tests/support/contracts.h"
#include "tests/support/federate.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 5
#define LIMIT_MS 240000 /* half a minute of it are deadlines, on a machine that has nothing else to do */
#define ROUNDS 5 /* statistics, three of training, the last evaluation */
#define LOST 4 /* the one that stops */

static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2", "hilltop", "eastgate"};
static struct program said;

/* n = 5, n_C = 1: t = m = 4. */
static void make(struct federation *f)
{
	struct buf yaml;
	struct study study;
	struct diag why = {{0}};

	buf_init(&yaml, YAML_TEXT_MAX);
	small_study_yaml(&yaml, "sites: {min: 4, max_dropouts: 1, max_colluders: 1, cell_min: 1}");
	char *text = contract_edited(buf_text(&yaml), "masking: off", "masking: required");
	if (study_parse(&study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	federation_make(f, text, names, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		struct table rows;
		small_table(&rows, &f->dir, &study, i);
		table_free(&rows);
		federation_command(f, "mv site-%u.csv %s/data.csv", i, names[i]);
	}
	federation_settings(f, "rounds: {join: 5, deadline: 15, phase: 15, pause: 0.1}\n");
	study_free(&study);
	free(text);
	buf_free(&yaml);
}

/* A script of tests/, over the transcripts; it must say that all is well. */
static void judge(const struct federation *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void judge(const struct federation *f, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	program_shell(&said, "%s '%s'/transcripts/*.json", line, f->dir.path);
	printf("%s: %s", line, said.out);
	if (said.exit_code != 0)
		fail_msg("exit %d\n%s%s", said.exit_code, said.out, said.err);
}

static void collect(struct federation *f)
{
	struct buf logs;

	buf_init(&logs, 1u << 16);
	tempdir_folder(&f->dir, "transcripts");
	for (uint32_t i = 0; i < SITES; i++)
		buf_printf(&logs, " '%s/%s/secrets'", f->dir.path, names[i]);
	program_shell(&said, "python3 tests/secagg_collect.py '%s/transcripts' '%s/coordinator/sums' %s", f->dir.path,
	              f->dir.path, buf_text(&logs));
	buf_free(&logs);
	if (said.exit_code != 0)
		fail_msg("%s%s", said.out, said.err);
	for (uint32_t round = 1; round <= ROUNDS; round++) { /* whichever attempt went through: one */
		char path[32], *first;
		snprintf(path, sizeof path, "/%u-", round);
		first = strstr(said.out, path);
		assert_non_null(first);
		assert_null(strstr(first + 1, path));
	}
}

static void test_a_run_is_judged_and_searched(void **state)
{
	struct federation f;

	(void)state;
	make(&f);
	f.logged = true;
	f.stops[LOST] = 2;
	federation_begin(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	collect(&f);
	judge(&f, "python3 tests/secagg_check.py");
	judge(&f, "for t in '%s'/transcripts/*.json; do \"$BIN/secagg_replay\" $t || exit 1; done; true", f.dir.path);
	if (!SANITIZED) { /* which keeps what was freed, and maps terabytes of shadow */
		judge(&f, "python3 tests/secagg_leaks.py nowhere %d", (int)f.coordinator);
		judge(&f, "python3 tests/secagg_leaks.py locked %d", (int)f.sites[LOST]);
	}
	judge(&f, "python3 tests/secagg_leaks.py files '%s/coordinator'", f.dir.path);
	for (uint32_t i = 0; i < SITES; i++)
		if (i != LOST) /* which needs its shares still, if it is woken */
			judge(&f, "python3 tests/secagg_leaks.py keys '%s/%s'", f.dir.path, names[i]);
	federation_remove(&f);
}

/* Nothing of the two logs is in the programs that are installed; it is in those of the tests. */
static void test_the_product_writes_nothing_down(void **state)
{
	(void)state;
	program_shell(&said, "grep -l 'COHORT_SECRET_LOG\\|COHORT_SUM_LOG\\|COHORT_SECRET_STOP' \"$BIN\"/cohort-* "
	                     "\"$BIN\"/../test/*");
	assert_null(strstr(said.out, "/bin/cohort-client"));
	assert_null(strstr(said.out, "/bin/cohort-coordinator"));
	assert_null(strstr(said.out, "/bin/cohort-sim"));
	assert_non_null(strstr(said.out, "/test/cohort-client"));
	assert_non_null(strstr(said.out, "/test/cohort-coordinator"));
	program_shell(&said, "grep -n 'build/test\\|secret_log\\|sum_log' packaging/install");
	assert_int_equal(said.exit_code, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_product_writes_nothing_down),
		cmocka_unit_test(test_a_run_is_judged_and_searched),
	};
	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
