/* The campaign's record: the same after a round trip from every state, and refused when it is anything else. */
#include "coordinator/campaign_record.h"
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
#define RECORD_MAX 4096

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

static void save(char out[RECORD_MAX], const struct campaign *k)
{
	struct json *node = campaign_save(k);
	struct buf text;

	buf_init(&text, RECORD_MAX);
	json_write(&text, node, false);
	json_free(node);
	snprintf(out, RECORD_MAX, "%s", buf_text(&text));
	buf_free(&text);
}

/* Restores from `text` as a coordinator does and lets everything run that the record has waiting. */
static enum err restore(struct conductor *c, const char *text, size_t len, struct diag *why)
{
	struct campaign *k;
	struct json *node;
	enum err e = json_parse(&node, bytes_of(text, len), RECORD_MAX, "record", why);

	if (e != OK)
		return e;
	e = campaign_restore(&k, &c->config, node, c->now_ms, why);
	json_free(node);
	if (e != OK) {
		assert_int_equal(e, ERR_DATA);
		assert_null(k);
		return e;
	}
	for (uint32_t site = 1; site <= SITES; site++)
		campaign_restore_answer(k, site, ANSWER_APPROVED);
	campaign_resume(k, c->now_ms);
	campaign_free(c->campaign);
	c->campaign = k;
	memset(c->rows, 0, sizeof c->rows);
	conduct(c);
	(void)conduct_inbox(c, 1, 0);
	return OK;
}

/* ---- what campaign_save writes is read back */

static void assert_round_trip(struct conductor *c)
{
	char before[RECORD_MAX], after[RECORD_MAX];
	struct campaign *k;
	struct json *node;
	struct diag why = {{0}};

	save(before, c->campaign);
	assert_int_equal(json_parse(&node, bytes_text(before), RECORD_MAX, "record", &why), OK);
	if (campaign_restore(&k, &c->config, node, 0, &why) != OK)
		fail_msg("%s: %s", why.text, before);
	json_free(node);
	save(after, k);
	assert_string_equal(before, after);
	campaign_free(k);
}

static void test_round_trip_in_every_state(void **state)
{
	struct conductor *c = *state;
	struct campaign_action a;
	struct diag why = {{0}};
	unsigned states = 0;

	c->validation[2] = 0.125;
	for (int ending = 0; ending < 3; ending++) { /* finished, stopped, failed */
		assert_round_trip(c);
		conduct_approve(c, SITES);
		assert_int_equal(campaign_start(c->campaign, 0, &why), OK);
		while (campaign_state(c->campaign) < CAMPAIGN_FINISHED) {
			assert_round_trip(c);
			states |= 1u << campaign_state(c->campaign);
			if (campaign_next(c->campaign, &a)) {
				conduct_do(c, &a);
				conduct_answer(c, &a);
			} else if (campaign_state(c->campaign) == CAMPAIGN_EXPECT_RETRY) {
				conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
			} else if (campaign_plan(c->campaign)->round == 2 && campaign_plan(c->campaign)->attempt == 1) {
				assert_int_equal(campaign_pause(c->campaign, &why), OK);
				assert_round_trip(c);
				assert_int_equal(campaign_unpause(c->campaign, 0, &why), OK);
				c->now_ms += CONDUCT_DEADLINE_MS;
				campaign_tick(c->campaign, c->now_ms);
			} else {
				for (uint32_t site = 1; site <= SITES; site++)
					conduct_upload(c, site);
			}
			if (ending == 1 && campaign_plan(c->campaign)->round == 3)
				(void)!campaign_stop(c->campaign, 0, &why);
			if (ending == 2 && campaign_plan(c->campaign)->round == 3)
				c->impossible = "no longer finite";
		}
		assert_round_trip(c);
		states |= 1u << campaign_state(c->campaign);
		conduct_again(c, NULL);
	}
	states |= 1u << CAMPAIGN_READY; /* above, before the approvals */
	conduct_start(c);
	assert_round_trip(c);
	states |= 1u << campaign_state(c->campaign);
	assert_int_equal(states, (1u << CAMPAIGN_STATE_COUNT) - 1);
}

/* A failure is told in words that came from anywhere; they must not keep the coordinator from starting again. */
static void test_any_words_of_a_failure_can_be_read_back(void **state)
{
	struct conductor *c = *state;
	char longest[DIAG_MAX + 100];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (int i = 0; i < 3; i++) {
		conduct_approve(c, SITES);
		conduct_start(c);
		c->impossible = i == 0   ? "models/\xe2\x80\xae"
		                           "fdp.first: gone"
		                : i == 1 ? "a\tb\x1b[31m\xff\nc"
		                         : longest;
		conduct_round(c, SITES);
		assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FAILED);
		assert_round_trip(c);
		conduct_again(c, NULL);
	}
}

/* ---- anything else is refused, or is at least a record that can be gone on with */

static void test_spoilt_records(void **state)
{
	struct conductor *c = *state;
	char good[RECORD_MAX], bad[RECORD_MAX];
	size_t len;

	conduct_approve(c, SITES);
	conduct_start(c);
	conduct_round(c, SITES);
	save(good, c->campaign);
	len = strlen(good);
	assert_in_range(len, 800, 2047);
	assert_int_equal(restore(c, good, len, NULL), OK);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(restore(c, good, cut, NULL), OK);
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(bad, good, len);
			bad[at] ^= (char)(1 << bit);
			(void)!restore(c, bad, len, NULL); /* some are still records: a digit, a model's hash */
		}
}

static struct json *tree(const struct conductor *c)
{
	return campaign_save(c->campaign);
}

static enum err restore_tree(struct conductor *c, struct json *node, struct diag *why)
{
	struct buf text;
	enum err e;

	buf_init(&text, RECORD_MAX);
	json_write(&text, node, false);
	e = restore(c, buf_text(&text), text.len, why);
	buf_free(&text);
	json_free(node);
	return e;
}

static void test_every_key_is_needed_and_no_other(void **state)
{
	struct conductor *c = *state;
	const struct json *value;
	struct json *all;
	struct diag why = {{0}};
	unsigned keys = 0;

	conduct_approve(c, SITES);
	conduct_start(c);
	conduct_round(c, SITES);
	all = tree(c);
	for (const char *key = json_key_after(all, NULL, &value); key != NULL; key = json_key_after(all, key, &value)) {
		struct json *less = json_new_object(), *other = json_clone(all);
		const struct json *copied;

		for (const char *k = json_key_after(all, NULL, &copied); k != NULL; k = json_key_after(all, k, &copied))
			if (strcmp(k, key) != 0)
				json_set(less, k, json_clone(copied));
		assert_int_equal(restore_tree(c, less, &why), ERR_DATA);
		json_set(other, key, json_new_array());
		assert_int_equal(restore_tree(c, other, &why), ERR_DATA);
		keys++;
	}
	assert_int_equal(keys, 13);
	json_set_integer(all, "more", 1);
	assert_int_equal(restore_tree(c, all, &why), ERR_DATA);
}

/* ---- what contradicts itself */

static void set_model(struct json *record, const char *key, const struct hash *sha256, int64_t octets, int64_t step)
{
	struct json *model = json_new_object();

	json_set_hash(model, "sha256", sha256);
	json_set_integer(model, "octets", octets);
	json_set_integer(model, "step", step);
	json_set(record, key, model);
}

static struct json *part(struct json *record, const char *key)
{
	return (struct json *)(uintptr_t)json_get(record, key);
}

static void spoil(struct json *r, int how)
{
	static const struct hash zero, other = {{9}};
	static const uint32_t one_site[] = {2};
	struct json *sites = json_new_array();

	for (size_t i = 0; i < 1; i++)
		json_add(sites, json_new_integer(one_site[i]));
	switch (how) {
	case 0:
		json_set_string(r, "phase", "finished"); /* without its message */
		break;
	case 1:
		json_set_string(r, "phase", "ready"); /* with an open round */
		break;
	case 2:
		json_set_string(r, "failure", "words");
		break;
	case 3:
		json_set_bool(r, "retry", true); /* and open */
		break;
	case 4:
		json_set(r, "round", json_new_null());
		break;
	case 5:
		json_set_integer(r, "step", 2); /* the round is of step 1 */
		break;
	case 6:
		json_set_integer(r, "seq", 2); /* the round has 3 */
		break;
	case 7:
		set_model(r, "model", &zero, 0, 0);
		break;
	case 8:
		set_model(r, "model", &zero, 1000, 0);
		break;
	case 9:
		set_model(r, "best", &other, 0, 0);
		break;
	case 10:
		json_set_string(part(r, "round"), "study", "other");
		break;
	case 11:
		json_set_hash(part(r, "closed"), "study_hash", &other);
		break;
	case 12:
		json_set(part(r, "round"), "sites", sites); /* fewer than the quorum */
		return;
	case 13:
		json_set_integer(part(r, "round"), "step", 2); /* a step that asks something else */
		json_set_integer(r, "step", 2);
		break;
	case 14:
		json_set(r, "closed", json_clone(part(r, "round")));
		break;
	case 15:
		json_set_bool(r, "open", false);
		json_set_integer(r, "step", 5); /* no round is left */
		break;
	default:
		fail();
	}
	json_free(sites);
}

static void test_contradictions(void **state)
{
	struct conductor *c = *state;

	conduct_approve(c, SITES);
	conduct_start(c);
	conduct_round(c, SITES);
	for (int how = 0; how < 16; how++) {
		struct json *r = tree(c);
		struct diag why = {{0}};

		spoil(r, how);
		if (restore_tree(c, r, &why) == OK)
			fail_msg("contradiction %d was taken for a record", how);
		assert_non_null(strstr(why.text, "campaign record"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip_in_every_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_words_of_a_failure_can_be_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spoilt_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_key_is_needed_and_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_contradictions, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign_record", tests, NULL, NULL);
}
