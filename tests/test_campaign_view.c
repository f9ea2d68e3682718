/* What a campaign tells: inboxes, verdicts on uploads of attempts long gone, words for people; and nothing before it
 * is durable. */
#include "tests/support/conduct.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES CONDUCT_SITES
#define EMPTY "{\"messages\":[]}"

static int setup(void **state)
{
	static struct conductor c;

	conduct_begin(&c, NULL);
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	conduct_end(*state);
	return 0;
}

static void begin(struct conductor *c)
{
	conduct_approve(c, SITES);
	conduct_start(c);
}

/* "round 3, closed 2" for what is in the inbox, "410 " before it when messages are gone. */
static const char *brief(const struct conductor *c, uint32_t site, uint64_t after)
{
	static const char *const types[] = {"round", "closed", "finished"};
	static char text[128];
	const struct message *m[3];
	uint32_t count;
	bool kept = campaign_inbox(c->campaign, site, after, m, &count);
	int used = snprintf(text, sizeof text, "%s", kept ? "" : "410 ");

	for (uint32_t i = 0; i < count; i++) {
		assert_true(i == 0 || m[i]->seq > m[i - 1]->seq);
		assert_true(m[i]->seq > after || !kept);
		used += snprintf(text + used, sizeof text - (size_t)used, "%s%s %d", i > 0 ? ", " : "",
		                 types[m[i]->type], (int)m[i]->seq);
	}
	return text;
}

static void test_what_is_kept(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	assert_string_equal(brief(c, 1, 0), "");
	begin(c);
	assert_string_equal(brief(c, 1, 0), "round 1");
	assert_string_equal(brief(c, 1, 1), "");
	assert_string_equal(brief(c, SITES + 1, 0), ""); /* not invited */
	conduct_round(c, SITES);
	assert_string_equal(brief(c, 1, 0), "closed 2, round 3");
	assert_string_equal(brief(c, 1, 1), "closed 2, round 3");
	assert_string_equal(brief(c, 1, 2), "round 3");
	assert_string_equal(brief(c, 1, 3), "");
	assert_string_equal(brief(c, SITES + 1, 0), "closed 2");
	conduct_round(c, SITES);
	assert_string_equal(brief(c, 1, 2), "410 closed 4, round 5"); /* it has not heard that round 3 was opened */
	assert_string_equal(brief(c, 1, 3), "closed 4, round 5");
	conduct_to(c, c->now_ms + CONDUCT_DEADLINE_MS);
	assert_string_equal(brief(c, 1, 5), "closed 6"); /* failed: the next attempt comes later */
	assert_string_equal(brief(c, 1, 4), "410 closed 6");
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_string_equal(brief(c, 1, 5), "closed 6, round 7");
	assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), OK);
	conduct(c);
	assert_string_equal(brief(c, 1, 7), "closed 8, finished 9");
	assert_string_equal(brief(c, 1, 9), "");
	assert_string_equal(brief(c, 1, 6), "410 closed 8, finished 9");
	assert_string_equal(brief(c, 1, 0), "closed 8, finished 9");
}

/* A site that has seen more than there was: the database is an older copy. */
static void test_after_from_the_future(void **state)
{
	struct conductor *c = *state;

	assert_string_equal(brief(c, 1, 1), "410 ");
	begin(c);
	conduct_round(c, SITES);
	assert_string_equal(brief(c, 1, 4), "410 closed 2, round 3");
	assert_string_equal(brief(c, 1, UINT64_MAX), "410 closed 2, round 3");
}

/* ---- nothing before its record is durable, and the same after a restart */

/* All that any site could be told now. */
static char *everything(const struct conductor *c)
{
	struct buf all;
	char *copy;

	buf_init(&all, 1u << 20);
	for (uint32_t site = 1; site <= SITES + 2; site++)
		for (uint64_t after = 0; after < 40; after++) {
			buf_put_text(&all, conduct_inbox(c, site, after));
			buf_put_text(&all, "\n");
		}
	copy = strdup(buf_text(&all));
	buf_free(&all);
	return copy;
}

static void assert_nobody_is_told(const struct conductor *c)
{
	for (uint32_t site = 1; site <= SITES + 2; site++)
		for (uint64_t after = 0; after < 40; after++)
			assert_string_equal(conduct_inbox(c, site, after), EMPTY);
}

static bool is_asking(const struct conductor *c)
{
	return campaign_state(c->campaign) == CAMPAIGN_EXPECT_OPENED ||
	       campaign_state(c->campaign) == CAMPAIGN_EXPECT_CLOSED;
}

/* As conduct(), with a look into every inbox on both sides of every record that is awaited, and after a restart with
 * it. */
static void conduct_spying(struct conductor *c)
{
	struct campaign_action a;

	while (campaign_next(c->campaign, &a)) {
		if (is_asking(c))
			assert_nobody_is_told(c); /* the record is neither stored ... */
		conduct_do(c, &a);
		if (is_asking(c))
			assert_nobody_is_told(c); /* ... nor is it known to be */
		conduct_answer(c, &a);
	}
	assert_false(is_asking(c));
	if (campaign_state(c->campaign) != CAMPAIGN_EXPECT_RETRY) { /* after it a restart opens the next attempt */
		char *before = everything(c), *after;

		conduct_restart(c);
		after = everything(c);
		assert_string_equal(before, after);
		free(before);
		free(after);
		conduct(c);
	}
}

static void spy_on_a_round(struct conductor *c, uint32_t sites)
{
	for (uint32_t site = 1; site <= sites; site++) {
		campaign_polled(c->campaign, site, c->now_ms);
		assert_int_equal(conduct_upload(c, site), UPLOAD_WANTED);
		if (site < sites)
			conduct_spying(c);
	}
	conduct_spying(c);
}

static void test_nothing_is_told_before_it_is_durable(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	conduct_approve(c, SITES);
	assert_int_equal(campaign_start(c->campaign, c->now_ms, &why), OK);
	assert_nobody_is_told(c);
	conduct_spying(c);
	spy_on_a_round(c, SITES);
	for (uint32_t site = 1; site < SITES; site++) /* an attempt fails */
		assert_int_equal(campaign_refused(c->campaign, site, 2, 1, REFUSAL_MODEL, c->now_ms), OK);
	conduct_spying(c);
	assert_int_equal(c->outcome, OUTCOME_FAILED);
	campaign_answer(c->campaign, SITES + 1, ANSWER_APPROVED, c->now_ms);
	c->now_ms += CONDUCT_PAUSE_MS;
	campaign_tick(c->campaign, c->now_ms);
	assert_nobody_is_told(c);
	conduct_spying(c);
	spy_on_a_round(c, SITES + 1);
	assert_int_equal(campaign_pause(c->campaign, &why), OK);
	conduct_spying(c);
	assert_int_equal(campaign_unpause(c->campaign, c->now_ms, &why), OK);
	conduct_spying(c);
	spy_on_a_round(c, SITES + 1);
	assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), OK);
	assert_nobody_is_told(c);
	conduct_spying(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_STOPPED);
}

/* The answer to an older record releases nothing that follows from a newer one. */
static void test_an_older_record_releases_nothing(void **state)
{
	struct conductor *c = *state;
	struct campaign_action first, second;
	struct diag why = {{0}};

	conduct_approve(c, SITES);
	assert_int_equal(campaign_start(c->campaign, c->now_ms, &why), OK);
	assert_true(campaign_next(c->campaign, &first) && first.kind == CAMPAIGN_PERSIST);
	assert_true(campaign_next(c->campaign, &second) && second.kind == CAMPAIGN_PERSIST);
	assert_true(second.token > first.token);
	conduct_answer(c, &first);
	assert_nobody_is_told(c);
	conduct_answer(c, &second);
	assert_string_equal(brief(c, 1, 0), "round 1");
	conduct(c);
	assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), OK);
	conduct_answer(c, &second); /* told twice */
	assert_nobody_is_told(c);
}

/* ---- uploads */

static enum upload_verdict ask(const struct conductor *c, uint32_t site, uint64_t round, uint32_t attempt)
{
	struct hash content = conduct_content(site, round);
	uint64_t octets = layout_octets(campaign_layout(c->campaign));
	enum upload_verdict v = campaign_wants(c->campaign, site, round, attempt, octets, &content);

	if (v != UPLOAD_WANTED) /* and uploading it says the same */
		assert_int_equal(campaign_upload(c->campaign, site, round, attempt, octets, &content, c->now_ms), v);
	return v;
}

static void test_uploads_for_attempts_that_are_over(void **state)
{
	struct conductor *c = *state;

	assert_int_equal(ask(c, 1, 1, 1), UPLOAD_UNINVITED);
	begin(c);
	conduct_contribute(c, 1);
	conduct_to(c, CONDUCT_DEADLINE_MS + CONDUCT_PAUSE_MS); /* the first attempt fails, the second is open */
	assert_int_equal(ask(c, 1, 1, 1), UPLOAD_LATE); /* its sum was never made */
	assert_int_equal(ask(c, 1, 1, 2), UPLOAD_WANTED);
	assert_int_equal(ask(c, 1, 1, 3), UPLOAD_UNINVITED);
	conduct_contribute(c, 1);
	conduct_contribute(c, 2);
	conduct_to(c, c->now_ms + CONDUCT_JOIN_MS); /* without 3 */
	assert_int_equal(c->outcome, OUTCOME_DONE);
	for (int restarted = 0; restarted <= 1; restarted++) {
		assert_int_equal(ask(c, 1, 1, 2), UPLOAD_ACCEPTED); /* the acknowledgement was lost */
		assert_int_equal(ask(c, 2, 1, 2), UPLOAD_ACCEPTED);
		assert_int_equal(ask(c, 3, 1, 2), UPLOAD_LATE);
		assert_int_equal(ask(c, 3, 1, 1), UPLOAD_LATE);
		assert_int_equal(ask(c, 1, 2, 1), UPLOAD_WANTED);
		assert_int_equal(ask(c, SITES + 1, 2, 1), UPLOAD_UNINVITED);
		assert_int_equal(ask(c, 1, 2, 2), UPLOAD_UNINVITED);
		assert_int_equal(ask(c, 1, 3, 1), UPLOAD_UNINVITED);
		assert_int_equal(ask(c, 1, UINT64_MAX, UINT32_MAX), UPLOAD_UNINVITED);
		assert_int_equal(ask(c, 1, 0, 0), UPLOAD_LATE);
		conduct_restart(c);
		conduct(c);
	}
	conduct_round(c, SITES);
	assert_int_equal(ask(c, 1, 1, 2), UPLOAD_LATE); /* of the newest round only it is known who took part */
	assert_int_equal(ask(c, 1, 2, 1), UPLOAD_ACCEPTED);
}

/* A crash would open the attempt again, so a site that is not in the sum hears that it is late only when that is on
 * disk. */
static void test_nobody_is_late_before_the_end_is_durable(void **state)
{
	struct conductor *c = *state;
	struct campaign_action a;

	begin(c);
	conduct_contribute(c, 1);
	conduct_contribute(c, 2);
	assert_int_equal(ask(c, 3, 1, 1), UPLOAD_WANTED);
	c->now_ms = CONDUCT_JOIN_MS;
	campaign_tick(c->campaign, c->now_ms);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_OUTCOME);
	assert_int_equal(ask(c, 3, 1, 1), UPLOAD_PENDING);
	assert_int_equal(ask(c, 1, 1, 1), UPLOAD_ACCEPTED); /* its row is committed: this is true whatever comes */
	conduct_until(c, CAMPAIGN_COMPUTE, &a);
	conduct_answer(c, &a);
	assert_int_equal(ask(c, 3, 1, 1), UPLOAD_PENDING);
	assert_int_equal(ask(c, 1, 1, 1), UPLOAD_ACCEPTED);
	conduct_until(c, CAMPAIGN_PERSIST, &a);
	conduct_do(c, &a);
	assert_int_equal(ask(c, 3, 1, 1), UPLOAD_PENDING);
	conduct_answer(c, &a);
	assert_int_equal(ask(c, 3, 1, 1), UPLOAD_LATE);
}

static void test_an_upload_of_another_length(void **state)
{
	struct conductor *c = *state;
	struct hash content = conduct_content(1, 1);
	uint64_t octets;

	begin(c);
	octets = layout_octets(campaign_layout(c->campaign));
	assert_int_equal(campaign_wants(c->campaign, 1, 1, 1, octets - 1, &content), UPLOAD_LENGTH);
	assert_int_equal(campaign_upload(c->campaign, 1, 1, 1, UINT64_MAX, &content, 0), UPLOAD_LENGTH);
	conduct_contribute(c, 1);
	content.b[0] ^= 1;
	assert_int_equal(campaign_wants(c->campaign, 1, 1, 1, octets, &content), UPLOAD_CONFLICT);
	assert_int_equal(campaign_upload(c->campaign, 1, 1, 1, octets, &content, 0), UPLOAD_CONFLICT);
}

/* ---- words */

static const char *waits_for(const struct conductor *c)
{
	static char words[200];

	campaign_waiting_for(c->campaign, words, sizeof words);
	return words;
}

static void test_words_for_people(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	assert_string_equal(waits_for(c), "the operator: cohort-coordinator study start small");
	conduct_start(c);
	assert_string_equal(campaign_state_name(c->campaign), "waiting");
	assert_string_equal(waits_for(c), "2 more hospitals to approve (0 of 2)");
	conduct_approve(c, SITES);
	conduct_contribute(c, 1);
	assert_string_equal(campaign_state_name(c->campaign), "running");
	assert_string_equal(waits_for(c), "contributions: 1 of 2 hospitals, at least 2");
	conduct_to(c, CONDUCT_DEADLINE_MS);
	assert_string_equal(campaign_state_name(c->campaign), "waiting");
	assert_string_equal(waits_for(c), "the next attempt: too few hospitals contributed to the last");
	assert_int_equal(campaign_pause(c->campaign, &why), OK);
	assert_string_equal(campaign_state_name(c->campaign), "paused");
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_string_equal(waits_for(c), "the operator: cohort-coordinator study resume small");
	assert_int_equal(campaign_stop(c->campaign, 0, &why), OK);
	conduct(c);
	assert_string_equal(campaign_state_name(c->campaign), "stopped");
	assert_string_equal(waits_for(c), "");
	assert_int_equal(campaign_start(c->campaign, 0, &why), ERR_CONFLICT);
	assert_string_equal(why.text, "study small was started already; it is stopped");
}

static void test_who_has_answered(void **state)
{
	struct conductor *c = *state;
	enum site_answer answer;

	assert_false(campaign_site_answer(c->campaign, 1, &answer));
	conduct_approve(c, 2);
	campaign_answer(c->campaign, 2, ANSWER_REJECTED, 0);
	assert_true(campaign_site_answer(c->campaign, 2, &answer));
	assert_int_equal(answer, ANSWER_REJECTED);
	assert_int_equal(campaign_approved(c->campaign), 1);
	campaign_revoked(c->campaign, 1, 0);
	assert_int_equal(campaign_approved(c->campaign), 0);
	assert_true(campaign_site_answer(c->campaign, 1, &answer));
	assert_int_equal(answer, ANSWER_APPROVED); /* that is what it said */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_from_the_future, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_told_before_it_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_older_record_releases_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uploads_for_attempts_that_are_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_is_late_before_the_end_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_upload_of_another_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words_for_people, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_has_answered, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign_view", tests, NULL, NULL);
}
