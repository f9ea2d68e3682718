/*
 * Attempts that the cores went through, written down with their secrets and judged by a checker that shares no code with them
 * (tests/secagg_check.py), and replayed: complete graph and k-regular graph, sites lost in each phase, every packing.
 */
#include "tests/support/masked_transcript.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tempdir folder;

static void check(const struct masked *w)
{
	struct program p;
	struct buf text;

	buf_init(&text, 8u << 20);
	masked_transcript(&text, w, "model");
	tempdir_write(&folder, "attempt.json", buf_text(&text));
	program_shell(&p, "python3 tests/secagg_check.py '%s'", tempdir_path(&folder, "attempt.json"));
	if (p.exit_code != 0)
		fail_msg("the checker: %s%s", p.out, p.err);
	assert_non_null(strstr(p.out, " 0 differ"));
	program_run(&p, "secagg_replay", "'%s'", tempdir_path(&folder, "attempt.json"));
	program_expect(&p, 0, "");
	buf_free(&text);
}

static void test_complete_graphs(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 13; n += 2)
		for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_PHASE_COUNT; phase += 2) {
			struct masked w;
			masked_init(&w, 90 + n, n, n / 6, 0, 5, 3 * n - 7);
			w.sites[n / 2].lasts = phase;
			masked_begin(&w, 1 + phase);
			masked_run(&w);
			assert_true(masked_exact(&w));
			check(&w);
			masked_free(&w);
		}
}

static void test_graphs(void **state)
{
	(void)state;
	for (uint32_t drop = 0; drop <= 2; drop++) {
		struct masked w;
		masked_init(&w, 95, 24, 0, 0, 7, 32);
		w.plan.degree = 8;
		w.plan.share_threshold = 5;
		for (uint32_t i = 0; i < drop; i++)
			w.sites[4 + 11 * i].lasts = SECAGG_INPUT;
		w.sites[9].lasts = SECAGG_SHARES;
		masked_begin(&w, 1);
		masked_run(&w);
		assert_true(masked_exact(&w));
		check(&w);
		masked_free(&w);
	}
}

/* The first value of a key gets another third digit. */
#define CHANGE                                                                                                         \
	"f=tests/vectors/secagg_n5_no_drop.json; "                                                                     \
	"sed '0,/\"%s\": \"\\(..\\)./s//\"%s\": \"\\1@/; s/@/7/' $f >'%s'"

/* The checker looks: the transcripts that nobody here made, and one of them with a digit changed. */
static void test_the_checker(void **state)
{
	static const char *const keys[] = {"sid", "y", "cmt", "phase3_sig", "share", "adv", NULL};
	struct program p;

	(void)state;
	program_shell(&p, "python3 tests/secagg_check.py tests/vectors/secagg_n4_one_drop.json "
	                  "tests/vectors/secagg_n5_no_drop.json");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "90 values compared, 0 differ"));
	for (const char *const *key = keys; *key != NULL; key++) {
		program_shell(&p, CHANGE, *key, *key, tempdir_path(&folder, "changed.json"));
		assert_int_equal(p.exit_code, 0);
		program_shell(&p, "python3 tests/secagg_check.py '%s'", tempdir_path(&folder, "changed.json"));
		assert_int_equal(p.exit_code, 1);
		assert_non_null(strstr(p.out, "differs"));
	}
}

static int begin(void **state)
{
	(void)state;
	tempdir_make(&folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tempdir_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete_graphs),
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_the_checker),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
