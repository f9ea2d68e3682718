/* The best model by figures on validation rows, and when a study stops looking for a better one. */
#include "tests/support/conduct.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SITES CONDUCT_SITES
#define ROUNDS 8
#define AUC SELECT_AUC
#define LOSS SELECT_LOSS

static const struct course {
	uint32_t patience, every;
	enum select_metric select;
	double values[ROUNDS + 1]; /* of the models that steps 1, 2, ... made; [0] is not used */
	uint32_t last; /* step whose model is the newest when the study finishes */
	uint32_t best;
	const char *reason;
} courses[] = {
	/* one that gets better to the end */
	{3, 1, AUC, {0, .1, .2, .3, .4, .5, .6, .7, .8}, 8, 8, ""},
	/* no patience at all: as many rounds as it has */
	{0, 1, AUC, {0, .9, .2, .3, .4, .5, .6, .7, .8}, 8, 1, ""},
	/* a plateau, of equals too: three evaluations after the best, when the next model is made already */
	{3, 1, AUC, {0, .6, .7, .7, .6, .7, .9, .9, .9}, 6, 2, "stopped early: no better auc in 3 evaluations"},
	{1, 1, AUC, {0, .6, .7, .7, .6, .7, .9, .9, .9}, 4, 2, "stopped early: no better auc in 1 evaluation"},
	/* a better one at the last moment begins the count anew */
	{3, 1, AUC, {0, .6, .7, .7, .6, .8, .8, .8, .9}, 8, 8, ""},
	{3, 1, AUC, {0, .6, .5, .5, .7, .6, .6, .6, .9}, 8, 4, "stopped early: no better auc in 3 evaluations"},
	/* smaller losses are better */
	{2, 1, LOSS, {0, .6, .5, .7, .6, .1, .1, .1, .1}, 5, 2, "stopped early: no better loss in 2 evaluations"},
	/* figures that are withheld are no better; without any there is nothing to wait for */
	{2, 1, AUC, {0, .6, NAN, NAN, .9, .9, .9, .9, .9}, 4, 1, "stopped early: no better auc in 2 evaluations"},
	{2, 1, AUC, {0, .6, NAN, .7, NAN, .8, NAN, .9, NAN}, 8, 7, ""},
	{2, 1, AUC, {0, NAN, NAN, NAN, NAN, .6, .5, .5, .9}, 8, 5, "stopped early: no better auc in 2 evaluations"},
	{2, 1, AUC, {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}, 8, 8, ""},
	/* evaluations are counted, not rounds */
	{2, 2, AUC, {0, .9, .7, .9, .6, .9, .6, .9, .9}, 7, 2, "stopped early: no better auc in 2 evaluations"},
	{3, 2, AUC, {0, .9, .7, .9, .6, .9, .6, .9, .9}, 8, 8, ""},
	/* the last evaluation of all ends the study anyway */
	{2, 1, AUC, {0, .1, .2, .3, .4, .5, .6, .5, .5}, 8, 6, ""},
};

static void begin(struct conductor *c, const struct course *k)
{
	conduct_again(c, NULL);
	c->study.rounds = ROUNDS;
	c->study.patience = k->patience;
	c->study.evaluate_every = k->every;
	c->study.select = k->select;
	memcpy(c->validation, k->values, sizeof k->values);
	conduct_approve(c, SITES);
	conduct_start(c);
}

static void play(struct conductor *c, const struct course *k, bool restarts)
{
	begin(c, k);
	while (campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND) {
		conduct_round(c, SITES);
		if (restarts) {
			conduct_restart(c);
			conduct(c);
		}
	}
}

static void assert_ended(const struct conductor *c, const struct course *k)
{
	const struct hash best = conduct_made(k->best);
	char reason[DIAG_MAX], hex[HASH_HEX_SIZE], expected[128];
	uint64_t octets;
	uint32_t step;

	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FINISHED);
	assert_string_equal(campaign_state_name(c->campaign), "finished");
	assert_string_equal(campaign_failure(c->campaign), "");
	campaign_reason(c->campaign, reason, sizeof reason);
	assert_string_equal(reason, k->reason);
	assert_int_equal(campaign_step(c->campaign), k->last);
	const struct hash found = campaign_best(c->campaign, &octets, &step);
	assert_int_equal(step, k->best);
	assert_true(hash_equal(&found, &best));
	hash_hex(hex, &best);
	snprintf(expected, sizeof expected, "\"complete\":true,\"model\":\"%s\"", hex);
	assert_non_null(strstr(conduct_inbox(c, 1, 0), expected)); /* the sites get the best */
	/* statistics, training, and the last evaluation when it came to that */
	assert_int_equal(c->reports, 1 + k->last + (k->reason[0] == '\0'));
}

static void test_courses(void **state)
{
	struct conductor c;

	(void)state;
	conduct_begin(&c, NULL);
	for (size_t i = 0; i < sizeof courses / sizeof *courses; i++)
		for (int restarts = 0; restarts <= 1; restarts++) {
			print_message("course %zu%s\n", i, restarts ? ", restarted after each round" : "");
			play(&c, &courses[i], restarts);
			assert_ended(&c, &courses[i]);
			conduct_restart(&c); /* the reason is in the record */
			conduct(&c);
			assert_ended(&c, &courses[i]);
		}
	conduct_end(&c);
}

/* Killed before the end is on disk: the round is open again, and ends the study again. */
static void test_killed_while_it_stops(void **state)
{
	static const struct course *k = &courses[2];
	struct conductor c;
	struct campaign_action a;

	(void)state;
	conduct_begin(&c, NULL);
	begin(&c, k);
	while (campaign_plan(c.campaign)->step < 6)
		conduct_round(&c, SITES);
	for (uint32_t site = 1; site <= SITES; site++)
		assert_int_equal(conduct_upload(&c, site), UPLOAD_WANTED);
	conduct_until(&c, CAMPAIGN_COMPUTE, &a);
	conduct_answer(&c, &a);
	assert_true(campaign_over(c.campaign));
	assert_string_equal(conduct_inbox(&c, 1, 0), "{\"messages\":[]}"); /* nobody hears of it yet */
	conduct_restart(&c);
	assert_int_equal(campaign_state(c.campaign), CAMPAIGN_EXPECT_ROUND);
	conduct(&c);
	assert_ended(&c, k);
	conduct_end(&c);
}

static void test_other_ends_have_their_own_reasons(void **state)
{
	struct conductor c;
	char reason[DIAG_MAX];

	(void)state;
	conduct_begin(&c, NULL);
	conduct_reach(&c, CAMPAIGN_STOPPED);
	campaign_reason(c.campaign, reason, sizeof reason);
	assert_string_equal(reason, "");
	conduct_reach(&c, CAMPAIGN_FAILED);
	campaign_reason(c.campaign, reason, sizeof reason);
	assert_string_equal(reason, "one class");
	conduct_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_courses),
		cmocka_unit_test(test_killed_while_it_stops),
		cmocka_unit_test(test_other_ends_have_their_own_reasons),
	};

	return cmocka_run_group_tests_name("campaign_judge", tests, NULL, NULL);
}
