/*
 * A site written from docs/SECURE-AGGREGATION.md in another language (tests/masked_site.py) says in every phase, octet for octet, what the core of a
 * hospital says with the same draws: over the transcripts of an independent implementation and over attempts of the cores. And it
 * checks what the page says that a site checks.
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

#define VECTORS "tests/vectors/secagg_n4_one_drop.json tests/vectors/secagg_n5_no_drop.json"

static struct tempdir folder;
static struct program p;

static void agrees(const struct masked *w)
{
	struct buf text;

	buf_init(&text, 8u << 20);
	masked_transcript(&text, w, "model");
	tempdir_write(&folder, "attempt.json", buf_text(&text));
	program_shell(&p, "python3 tests/masked_site.py '%s'", tempdir_path(&folder, "attempt.json"));
	if (p.exit_code != 0)
		fail_msg("%s%s", p.out, p.err);
	assert_non_null(strstr(p.out, " 0 differ"));
	buf_free(&text);
}

static void transcripts_agree(void **state)
{
	(void)state;
	program_shell(&p, "python3 tests/masked_site.py " VECTORS);
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "17 messages compared, 0 differ"));
	assert_non_null(strstr(p.out, "25 messages compared, 0 differ"));
}

/* A site is lost in each phase, or none is. */
static void attempts_of_the_cores_agree(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_PHASE_COUNT; phase++) {
		struct masked w;
		masked_init(&w, 190 + phase, 7, 1, 0, 5, 32);
		w.sites[3].lasts = phase;
		masked_begin(&w, 1 + phase);
		masked_run(&w);
		assert_true(masked_exact(&w));
		agrees(&w);
		masked_free(&w);
	}
}

static void a_graph_agrees(void **state)
{
	(void)state;
	struct masked w;
	masked_init(&w, 195, 24, 0, 0, 7, 32);
	w.plan.degree = 8;
	w.plan.share_threshold = 5;
	w.sites[4].lasts = SECAGG_INPUT;
	masked_begin(&w, 1);
	masked_run(&w);
	assert_true(masked_exact(&w));
	agrees(&w);
	masked_free(&w);
}

/* What is wrong in a transcript is said; `words` are those of the site that refuses, or name the message that differs. */
static void changed(const char *sed, const char *words)
{
	program_shell(&p, "sed '%s' tests/vectors/secagg_n4_one_drop.json >'%s'", sed,
	              tempdir_path(&folder, "changed.json"));
	program_expect(&p, 0, "");
	program_shell(&p, "python3 tests/masked_site.py '%s'", tempdir_path(&folder, "changed.json"));
	assert_int_equal(p.exit_code, 1);
	if (!strstr(p.out, words))
		fail_msg("\"%s\" is not said: %s%s", words, p.out, p.err);
}

static void it_looks(void **state)
{
	(void)state;
	changed("s/\"identity_seed\": \"bc5d/\"identity_seed\": \"bc5e/", "site 11's keys are not signed");
	changed("s/\"18\": \"4070f211a3/\"18\": \"4070f211a4/", "its message of phase shares differs");
	changed("s/^    \"11\": \"........../    \"11\": \"0000000000/", "do not open");
	changed("s/\"quorum\": 3/\"quorum\": 4/", "3 sites survive, the quorum is 4");
	changed("s/\"plan\": \"04/\"plan\": \"05/", "its message of phase keys differs");
	changed("s/    56107,/    56108,/", "its message of phase input differs");
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
		cmocka_unit_test(transcripts_agree),
		cmocka_unit_test(attempts_of_the_cores_agree),
		cmocka_unit_test(a_graph_agrees),
		cmocka_unit_test(it_looks),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
