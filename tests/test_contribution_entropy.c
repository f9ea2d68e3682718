/*
 * client/contribution with the system's entropy, as a hospital runs it: what a process that crashed had drawn is drawn by no other,
 * for the same round or a later one. Two sums with the same noise, one with a patient and one without, would tell all of that
 * patient by their difference. (What was on disk before the crash is sent again as it is: test_session.c.)
 */
#include "base/secret.h"
#include "tests/support/private_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOISE 100

/* The octets of the statistics of a process that begins, answers once and is gone; the table has no rows, so they are noise. */
static void answer_once(struct buf *octets, const struct private_study *s, const struct table *none)
{
	static uint32_t numbers[3] = {1, 2, 3};
	struct round_plan plan = {.study_hash = s->study.hash,
	                          .round = 1,
	                          .attempt = 1,
	                          .asks = ASK_STATISTICS,
	                          .sites = numbers,
	                          .site_count = 3};
	struct contribution_report report;
	struct contributor c;
	struct diag why = {{0}};

	contributor_init(&c, &s->study, none, "st-mary");
	if (contribution_compute(&c, octets, &report, &plan, (struct bytes){0}, NULL, &why) != OK)
		fail_msg("%s", why.text);
	contributor_free(&c);
}

static void test_noise_is_not_reused_after_a_crash(void **state)
{
	struct private_study s;
	struct table none;
	struct buf before, after;
	uint32_t same = 0;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED, UNIT_PATIENT, NOISE, false);
	private_table(&none, &s, 0, 3);
	buf_init(&before, 1 << 16);
	buf_init(&after, 1 << 16);
	answer_once(&before, &s, &none);
	answer_once(&after, &s, &none);
	assert_int_equal(before.len, after.len);
	for (size_t i = 0; i < before.len; i += 4)
		same += memcmp(before.ptr + i, after.ptr + i, 4) == 0;
	assert_true(same < before.len / 16); /* of words; each has hundreds of likely values */
	buf_free(&before);
	buf_free(&after);
	table_free(&none);
	private_study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_noise_is_not_reused_after_a_crash),
	};

	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
