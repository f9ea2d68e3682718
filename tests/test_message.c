/* protocol/message: the golden bytes of every message, what they mean, and that the largest fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/messages.h"

static void golden_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		struct message m;
		assert_int_equal(messages_parse(&m, bytes_text(messages_golden[i])), OK);
		assert_string_equal(messages_rewritten(&m), messages_golden[i]);
	}
}

static void built_by_hand(void **state)
{
	(void)state;
	uint32_t sites[] = {7, UINT32_MAX};
	struct message m = {.type = MESSAGE_ROUND, .seq = 8, .study = "heart"};
	m.plan = (struct round_plan){.round = 4, .attempt = 16, .step = 3, .asks = ASK_TRAIN | ASK_EVALUATE};
	m.plan.model_octets = 51204;
	m.plan.sites = sites;
	m.plan.site_count = 2;
	assert_true(hash_from_hex(&m.plan.study_hash, MESSAGES_STUDY_HASH));
	assert_true(hash_from_hex(&m.plan.model, MESSAGES_MODEL_HASH));
	struct buf b;
	buf_init(&b, MESSAGE_MAX);
	message_write(&b, &m);
	assert_string_equal(buf_text(&b), messages_golden[1]);

	struct message back;
	assert_int_equal(messages_parse(&back, buf_bytes(&b)), OK);
	assert_int_equal(back.type, MESSAGE_ROUND);
	assert_int_equal(back.seq, 8);
	assert_string_equal(back.study, "heart");
	assert_true(hash_equal(&back.plan.study_hash, &m.plan.study_hash));
	assert_true(hash_equal(&back.plan.model, &m.plan.model));
	assert_true(back.plan.round == 4 && back.plan.attempt == 16 && back.plan.step == 3);
	assert_int_equal(back.plan.asks, ASK_TRAIN | ASK_EVALUATE);
	assert_int_equal(back.plan.model_octets, 51204);
	assert_int_equal(back.plan.site_count, 2);
	assert_memory_equal(back.plan.sites, sites, sizeof(sites));
	message_free(&back);
	message_free(&back); /* a freed one may be freed again */
	buf_free(&b);
}

/* A masked round names the roster; a clear one has no such key. */
static void a_masked_round_names_the_roster(void **state)
{
	struct message m;
	struct json *node = messages_tree(messages_golden[1]);

	(void)state;
	assert_int_equal(messages_parse(&m, bytes_text(messages_golden[1])), OK);
	assert_true(hash_is_zero(&m.plan.roster));
	assert_true(hash_from_hex(&m.plan.roster, MESSAGES_MODEL_HASH));
	struct json *masked = message_to_json(&m);
	assert_string_equal(json_as_string(json_get(masked, "roster")), MESSAGES_MODEL_HASH);
	message_free(&m);
	assert_int_equal(message_from_json(&m, masked, "st-mary", NULL), OK);
	struct hash roster;
	assert_true(hash_from_hex(&roster, MESSAGES_MODEL_HASH));
	assert_true(hash_equal(&m.plan.roster, &roster));
	message_free(&m);
	json_free(masked);
	json_set(node, "roster", json_new_null());
	messages_assert_refused(messages_text(node), "roster");
	node = messages_tree(messages_golden[1]);
	json_set(node, "roster", json_new_string("FFEEDDCCBBAA99887766554433221100ffeeddccbbaa99887766554433221100"));
	messages_assert_refused(messages_text(node), "roster");
}

static void every_refusal_travels(void **state)
{
	(void)state;
	for (unsigned r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
		struct json *node = messages_tree(messages_golden[10]);
		json_set_string(node, "refusal", refusal_name((enum refusal)r));
		struct message m;
		assert_int_equal(messages_parse(&m, bytes_text(messages_text(node))), OK);
		assert_int_equal(m.refusal, r);
		message_free(&m);
	}
	assert_string_equal(outcome_name(OUTCOME_ABANDONED), "abandoned");
	assert_string_equal(answer_name(ANSWER_WITHDRAWN), "withdrawn");
}

static void key_order_and_blanks_are_free(void **state)
{
	(void)state;
	struct message m;
	assert_int_equal(
		messages_parse(&m, bytes_text("{ \"answer\" : \"rejected\",\n\"study_hash\":\"" MESSAGES_STUDY_HASH
	                                      "\", \"study\":\"heart\", \"type\":\"answer\" }")),
		OK);
	assert_string_equal(messages_rewritten(&m), messages_golden[8]);
}

static void the_largest_message_fits(void **state)
{
	(void)state;
	static uint32_t sites[SITES_MAX];
	for (uint32_t i = 0; i < SITES_MAX; i++)
		sites[i] = UINT32_MAX - SITES_MAX + i + 1;
	struct message m = {.type = MESSAGE_ROUND, .seq = MESSAGE_INTEGER_MAX}, back;
	memset(m.study, 'a', NAME_SIZE - 1);
	m.plan = (struct round_plan){
		.round = MESSAGE_INTEGER_MAX, .attempt = ATTEMPTS_MAX, .step = ROUNDS_MAX + 1, .asks = 7};
	memset(m.plan.study_hash.b, 0xff, HASH_SIZE);
	memset(m.plan.model.b, 0xff, HASH_SIZE);
	m.plan.model_octets = MODEL_FILE_MAX;
	m.plan.sites = sites;
	m.plan.site_count = SITES_MAX;
	struct buf b;
	buf_init(&b, MESSAGE_MAX);
	message_write(&b, &m);
	assert_false(b.failed);
	assert_int_equal(messages_parse(&back, buf_bytes(&b)), OK);
	assert_int_equal(back.plan.site_count, SITES_MAX);
	message_free(&back);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(built_by_hand),
		cmocka_unit_test(a_masked_round_names_the_roster),
		cmocka_unit_test(every_refusal_travels),
		cmocka_unit_test(key_order_and_blanks_are_free),
		cmocka_unit_test(the_largest_message_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
