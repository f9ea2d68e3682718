/*
 * protocol/message, inbox and refusal: the golden bytes of every message, and what a strict reader must refuse: every field
 * removed, doubled, of another type, too long; unknown ones added; every truncation and every flipped bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/inbox.h"
#include "protocol/message.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define STUDY_HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MODEL_HASH "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define COMMON "\"study\":\"heart\",\"study_hash\":\"" STUDY_HASH "\","

static const char *const golden[] = {
	"{\"type\":\"round\",\"seq\":1," COMMON "\"round\":1,\"attempt\":1,\"step\":0,\"asks\":[\"statistics\"],"
	"\"model\":null,\"model_octets\":0,\"sites\":[3,11,25]}",
	"{\"type\":\"round\",\"seq\":8," COMMON
	"\"round\":4,\"attempt\":16,\"step\":3,\"asks\":[\"train\",\"evaluate\"],"
	"\"model\":\"" MODEL_HASH "\",\"model_octets\":51204,\"sites\":[7,4294967295]}",
	"{\"type\":\"closed\",\"seq\":9007199254740991," COMMON "\"round\":9007199254740991,\"attempt\":2,\"outcome\":"
	"\"done\",\"participants\":[3,25],\"model\":\"" MODEL_HASH "\",\"model_octets\":268435456}",
	"{\"type\":\"closed\",\"seq\":10," COMMON
	"\"round\":4,\"attempt\":2,\"outcome\":\"failed\",\"participants\":[],"
	"\"model\":null,\"model_octets\":0}",
	"{\"type\":\"closed\",\"seq\":11," COMMON
	"\"round\":4,\"attempt\":3,\"outcome\":\"abandoned\",\"participants\":[],"
	"\"model\":null,\"model_octets\":0}",
	"{\"type\":\"finished\",\"seq\":12," COMMON "\"complete\":true,\"model\":\"" MODEL_HASH
	"\",\"model_octets\":1}",
	"{\"type\":\"finished\",\"seq\":12," COMMON "\"complete\":false,\"model\":null,\"model_octets\":0}",
	"{\"type\":\"answer\"," COMMON "\"answer\":\"approved\"}",
	"{\"type\":\"answer\"," COMMON "\"answer\":\"rejected\"}",
	"{\"type\":\"answer\"," COMMON "\"answer\":\"withdrawn\"}",
	"{\"type\":\"refusal\"," COMMON "\"round\":4,\"attempt\":1,\"refusal\":\"policy_evaluation\"}",
};

static struct diag why;

static enum err parse(struct message *m, struct bytes text)
{
	why.text[0] = 0;
	return message_parse(m, text, "st-mary", &why);
}

static void assert_refused(const char *text, const char *words)
{
	struct message m = {0};
	if (parse(&m, bytes_text(text)) != ERR_PEER_MESSAGE)
		fail_msg("accepted: %s", text);
	if (!strstr(why.text, "st-mary") || !strstr(why.text, words))
		fail_msg("\"%s\" does not hold \"%s\", for %s", why.text, words, text);
}

static struct json *tree(const char *text)
{
	struct json *node;
	assert_int_equal(json_parse(&node, bytes_text(text), MESSAGE_MAX, "golden", &why), OK);
	return node;
}

/* The text of a tree, in a buffer of the test's own; the tree is freed. */
static const char *text_of(struct json *node)
{
	static struct buf b;
	buf_free(&b);
	buf_init(&b, INBOX_MAX);
	json_write(&b, node, false);
	json_free(node);
	return buf_text(&b);
}

static const char *rewritten(struct message *m)
{
	struct json *node = message_to_json(m);
	message_free(m);
	return text_of(node);
}

/* ---- what is said */

static void golden_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(golden); i++) {
		struct message m;
		assert_int_equal(parse(&m, bytes_text(golden[i])), OK);
		assert_string_equal(rewritten(&m), golden[i]);
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
	assert_true(hash_from_hex(&m.plan.study_hash, STUDY_HASH));
	assert_true(hash_from_hex(&m.plan.model, MODEL_HASH));
	struct buf b;
	buf_init(&b, MESSAGE_MAX);
	message_write(&b, &m);
	assert_string_equal(buf_text(&b), golden[1]);

	struct message back;
	assert_int_equal(parse(&back, buf_bytes(&b)), OK);
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

static void every_code_has_one_word(void **state)
{
	(void)state;
	for (unsigned r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
		enum refusal back = REFUSAL_NONE;
		assert_true(refusal_from(&back, refusal_name((enum refusal)r)));
		assert_int_equal(back, r);
		assert_true(strlen(refusal_text((enum refusal)r)) > 10);
		struct json *node = tree(golden[10]);
		json_set_string(node, "refusal", refusal_name((enum refusal)r));
		struct message m;
		assert_int_equal(parse(&m, bytes_text(text_of(node))), OK);
		assert_int_equal(m.refusal, r);
		message_free(&m);
	}
	enum refusal untouched = REFUSAL_BUDGET;
	assert_false(refusal_from(&untouched, "none"));
	assert_false(refusal_from(&untouched, ""));
	assert_false(refusal_from(&untouched, "Budget"));
	assert_int_equal(untouched, REFUSAL_BUDGET);
	assert_string_equal(refusal_name(REFUSAL_POLICY_EVALUATION), "policy_evaluation");
	assert_string_equal(outcome_name(OUTCOME_ABANDONED), "abandoned");
	assert_string_equal(answer_name(ANSWER_WITHDRAWN), "withdrawn");
}

static void key_order_and_blanks_are_free(void **state)
{
	(void)state;
	struct message m;
	assert_int_equal(parse(&m, bytes_text("{ \"answer\" : \"rejected\",\n\"study_hash\":\"" STUDY_HASH
	                                      "\", \"study\":\"heart\", \"type\":\"answer\" }")),
	                 OK);
	assert_string_equal(rewritten(&m), golden[8]);
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
	assert_int_equal(parse(&back, buf_bytes(&b)), OK);
	assert_int_equal(back.plan.site_count, SITES_MAX);
	message_free(&back);
	buf_free(&b);
}

/* ---- what is refused, for every message and field */

static bool may_be_null(const char *key)
{
	return strcmp(key, "model") == 0;
}

/* A copy of `node` without `key`, or with `value` (taken) in its place. */
static struct json *changed(const struct json *node, const char *key, struct json *value)
{
	struct json *copy = json_new_object();
	const struct json *v;
	for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
		if (strcmp(k, key) != 0)
			json_set(copy, k, json_clone(v));
		else if (value)
			json_set(copy, k, value);
	}
	return copy;
}

static void each_field_removed(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(golden); i++) {
		struct json *node = tree(golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			char words[64];
			snprintf(words, sizeof(words), "\"%s\" is missing", k);
			assert_refused(text_of(changed(node, k, NULL)), words);
		}
		json_free(node);
	}
}

static void each_field_doubled(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(golden); i++) {
		struct json *node = tree(golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			struct buf b;
			buf_init(&b, MESSAGE_MAX);
			buf_put(&b, bytes_of(golden[i], strlen(golden[i]) - 1));
			buf_printf(&b, ",\"%s\":", k);
			json_write(&b, v, false);
			buf_put_text(&b, "}");
			assert_refused(buf_text(&b), k);
			buf_free(&b);
		}
		json_free(node);
	}
}

static void each_field_of_another_type(void **state)
{
	(void)state;
	static const char *const values[] = {"null", "true", "7", "7.5", "\"x\"", "[]", "[[]]", "{}", "{\"x\":1}"};
	for (size_t i = 0; i < LENGTH(golden); i++) {
		struct json *node = tree(golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			for (size_t j = 0; j < LENGTH(values); j++) {
				struct json *other = tree(values[j]);
				bool same = json_kind(other) == json_kind(v) ||
				            (may_be_null(k) && json_kind(other) == JSON_IS_NULL);
				const char *text = text_of(changed(node, k, other));
				if (!same)
					assert_refused(text, k);
			}
		}
		json_free(node);
	}
}

static void unknown_fields(void **state)
{
	(void)state;
	static const char *const keys[] = {"extra", "", "Type", "seq ", "rows", "reason"};
	for (size_t i = 0; i < LENGTH(golden); i++) {
		for (size_t j = 0; j < LENGTH(keys); j++) {
			struct json *node = tree(golden[i]);
			json_set_integer(node, keys[j], 1);
			assert_refused(text_of(node), "unknown key");
		}
	}
	/* What another type has is unknown too: no number rides along with a refusal. */
	struct json *node = tree(golden[10]);
	json_set_integer(node, "step", 1);
	assert_refused(text_of(node), "unknown key \"step\"");
	node = tree(golden[7]);
	json_set_integer(node, "seq", 1);
	assert_refused(text_of(node), "unknown key \"seq\"");
}

static void over_long_texts(void **state)
{
	(void)state;
	char text[4096];
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < LENGTH(golden); i++) {
		struct json *node = tree(golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			if (json_kind(v) != JSON_IS_STRING)
				continue;
			for (size_t len = 65; len < sizeof(text); len = len * 2 - 1) {
				text[len] = 0;
				assert_refused(text_of(changed(node, k, json_new_string(text))), k);
				text[len] = 'a';
			}
		}
		json_free(node);
	}
	text[64] = 0;
	struct json *node = tree(golden[7]);
	json_set_string(node, "study", text);
	struct message m;
	assert_int_equal(parse(&m, bytes_text(text_of(node))), OK);
	message_free(&m);
}

static void truncated_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(golden); i++) {
		for (size_t len = 0; len < strlen(golden[i]); len++) {
			struct message m = {0};
			uint8_t *exact = mem_alloc(len + 1); /* of its own, so that a read beyond it is seen */
			memcpy(exact, golden[i], len);
			uint8_t *cut = realloc(exact, len ? len : 1);
			assert_int_equal(parse(&m, bytes_of(cut, len)), ERR_PEER_MESSAGE);
			free(cut);
		}
	}
}

static void remove_blanks(char *text)
{
	char *to = text;
	for (const char *c = text; *c; c++)
		if (*c != ' ')
			*to++ = *c;
	*to = 0;
}

/* A flipped bit either spoils the message or makes another one: nothing is read in two ways. A digit may become a blank. */
static void every_bit_flipped(void **state)
{
	(void)state;
	size_t accepted = 0, refused = 0;
	for (size_t i = 0; i < LENGTH(golden); i++) {
		char *text = mem_copy_text(golden[i]);
		size_t len = strlen(text);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			struct message m = {0};
			text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
			if (parse(&m, bytes_of(text, len)) == OK) {
				char *plain = mem_copy_text(text);
				remove_blanks(plain);
				assert_string_equal(rewritten(&m), plain);
				free(plain);
				accepted++;
			} else {
				refused++;
			}
			text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		}
		free(text);
	}
	assert_true(accepted > 100 && refused > 100);
}

/* ---- what is refused, value by value */

static void values_out_of_range(void **state)
{
	(void)state;
	static const struct {
		size_t message;
		const char *key, *value, *words;
	} rows[] = {
		{0, "seq", "0", "seq"},
		{0, "seq", "9007199254740992", "seq"},
		{0, "seq", "-1", "seq"},
		{0, "seq", "1.5", "seq"},
		{0, "round", "0", "round"},
		{0, "round", "9007199254740992", "round"},
		{0, "attempt", "0", "attempt"},
		{0, "attempt", "17", "attempt"},
		{0, "step", "-1", "step"},
		{0, "step", "100002", "step"},
		{0, "asks", "[]", "asks"},
		{0, "asks", "[\"statistics\",\"statistics\"]", "asks"},
		{0, "asks", "[\"evaluate\",\"train\"]", "asks"},
		{0, "asks", "[\"train\",\"evaluate\",\"statistics\"]", "asks"},
		{0, "asks", "[\"Train\"]", "asks"},
		{0, "asks", "[1]", "asks"},
		{0, "asks", "[\"train\",\"evaluate\",\"x\",\"y\"]", "asks"},
		{0, "model_octets", "1", "model_octets"},
		{0, "model", "\"" MODEL_HASH "\"", "model_octets"},
		{1, "model_octets", "0", "model_octets"},
		{1, "model", "null", "model_octets"},
		{1, "model_octets", "285212681", "model_octets"}, /* MODEL_FILE_MAX + 1 */
		{1, "model_octets", "-1", "model_octets"},
		{1, "model", "\"FFEEDDCCBBAA99887766554433221100ffeeddccbbaa99887766554433221100\"", "model"},
		{1, "model", "\"0000000000000000000000000000000000000000000000000000000000000000\"", "model"},
		{1, "study_hash", "null", "study_hash"},
		{1, "study", "\"\"", "study"},
		{1, "study", "\"He\"", "study"},
		{1, "study", "\"a/b\"", "study"},
		{1, "type", "\"rounds\"", "type"},
		{1, "type", "\"\"", "type"},
		{0, "sites", "[]", "sites"},
		{0, "sites", "[0]", "sites"},
		{0, "sites", "[2,2]", "sites"},
		{0, "sites", "[3,2]", "sites"},
		{0, "sites", "[-1]", "sites"},
		{0, "sites", "[4294967296]", "sites"},
		{0, "sites", "[1.5]", "sites"},
		{0, "sites", "[\"1\"]", "sites"},
		{0, "sites", "[1,null]", "sites"},
		{2, "outcome", "\"failed\"", "participants"},
		{2, "participants", "[]", "participants"},
		{2, "participants", "[25,3]", "participants"},
		{3, "participants", "[3]", "participants"},
		{3, "outcome", "\"done\"", "participants"},
		{3, "outcome", "\"lost\"", "outcome"},
		{7, "answer", "\"approve\"", "answer"},
		{10, "refusal", "\"none\"", "refusal"},
		{10, "refusal", "\"no idea\"", "refusal"},
		{10, "refusal", "\"\"", "refusal"},
	};
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct json *node = tree(golden[rows[i].message]);
		/* json_parse reads texts and numbers on their own too */
		struct json *copy = changed(node, rows[i].key, tree(rows[i].value));
		json_free(node);
		assert_refused(text_of(copy), rows[i].words);
	}
}

/* One spelling per integer: neither a fraction that is zero nor an exponent. */
static void integers_are_plain(void **state)
{
	(void)state;
	static const char *const spellings[] = {"1.0", "1e0", "10E-1", "+1", "01", "0x1", "\"1\"", "1.", "true"};
	for (size_t i = 0; i < LENGTH(spellings); i++) {
		char text[512];
		snprintf(text, sizeof(text),
		         "{\"type\":\"refusal\"," COMMON "\"round\":%s,\"attempt\":1,\"refusal\":\"plan\"}",
		         spellings[i]);
		assert_refused(text, "message from st-mary");
	}
}

static void too_many_sites(void **state)
{
	(void)state;
	struct json *node = tree(golden[0]), *list = json_new_array();
	for (int64_t i = 1; i <= SITES_MAX; i++)
		json_add(list, json_new_integer(i));
	struct message m;
	json_set(node, "sites", json_clone(list));
	assert_int_equal(parse(&m, bytes_text(text_of(json_clone(node)))), OK);
	message_free(&m);
	json_add(list, json_new_integer(SITES_MAX + 1));
	json_set(node, "sites", list);
	assert_refused(text_of(node), "sites");
}

static void too_large_or_no_object(void **state)
{
	(void)state;
	struct message m = {0};
	char *text = mem_alloc(MESSAGE_MAX + 2);
	memset(text, ' ', MESSAGE_MAX + 1);
	memcpy(text, golden[7], strlen(golden[7]));
	assert_int_equal(parse(&m, bytes_of(text, MESSAGE_MAX)), OK);
	message_free(&m);
	assert_int_equal(parse(&m, bytes_of(text, MESSAGE_MAX + 1)), ERR_PEER_MESSAGE);
	free(text);
	static const char *const others[] = {"", " ", "null", "[]", "7", "\"answer\"", "[{}]", "{}", "{\"type\":7}"};
	for (size_t i = 0; i < LENGTH(others); i++)
		assert_refused(others[i], "message from st-mary");
}

/* ---- inboxes */

static const char *inbox_text(const size_t *which, size_t count)
{
	struct json *node = json_new_object(), *list = json_new_array();
	for (size_t i = 0; i < count; i++)
		json_add(list, tree(golden[which[i]]));
	json_set(node, "messages", list);
	return text_of(node);
}

static enum err parse_inbox(const char *text, uint32_t *count)
{
	struct message *messages = NULL;
	why.text[0] = 0;
	enum err e = inbox_parse(&messages, count, bytes_text(text), "the coordinator", &why);
	if (e)
		return e;
	struct buf b;
	buf_init(&b, INBOX_MAX);
	inbox_write(&b, messages, *count);
	assert_string_equal(buf_text(&b), text);
	buf_free(&b);
	for (uint32_t i = 0; i < *count; i++)
		message_free(&messages[i]);
	free(messages);
	return OK;
}

static void inboxes(void **state)
{
	(void)state;
	uint32_t count = 99;
	assert_int_equal(parse_inbox("{\"messages\":[]}", &count), OK);
	assert_int_equal(count, 0);
	assert_int_equal(parse_inbox(inbox_text((size_t[]){0, 1, 3, 4, 5, 2}, 6), &count), OK);
	assert_int_equal(count, 6);

	assert_int_equal(parse_inbox(inbox_text((size_t[]){1, 0}, 2), &count), ERR_PEER_MESSAGE);
	assert_non_null(strstr(why.text, "messages[1]"));
	assert_int_equal(parse_inbox(inbox_text((size_t[]){0, 0}, 2), &count), ERR_PEER_MESSAGE);
	assert_int_equal(parse_inbox(inbox_text((size_t[]){0, 7}, 2), &count), ERR_PEER_MESSAGE);
	assert_non_null(strstr(why.text, "sends no answer"));
	assert_int_equal(parse_inbox("{\"messages\":[7]}", &count), ERR_PEER_MESSAGE);
	assert_int_equal(parse_inbox("{\"messages\":{}}", &count), ERR_PEER_MESSAGE);
	assert_int_equal(parse_inbox("{\"messages\":[],\"more\":1}", &count), ERR_PEER_MESSAGE);
	assert_int_equal(parse_inbox("{}", &count), ERR_PEER_MESSAGE);
	assert_int_equal(parse_inbox("[]", &count), ERR_PEER_MESSAGE);
}

static const char *long_inbox(int64_t count)
{
	struct json *node = json_new_object(), *list = json_new_array();
	for (int64_t i = 1; i <= count; i++) {
		struct json *m = tree(golden[0]);
		json_set_integer(m, "seq", i);
		json_add(list, m);
	}
	json_set(node, "messages", list);
	return text_of(node);
}

static void inbox_is_bounded(void **state)
{
	(void)state;
	uint32_t count;
	assert_int_equal(parse_inbox(long_inbox(INBOX_BATCH_MAX), &count), OK);
	assert_int_equal(count, INBOX_BATCH_MAX);
	assert_int_equal(parse_inbox(long_inbox(INBOX_BATCH_MAX + 1), &count), ERR_PEER_MESSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(built_by_hand),
		cmocka_unit_test(every_code_has_one_word),
		cmocka_unit_test(key_order_and_blanks_are_free),
		cmocka_unit_test(the_largest_message_fits),
		cmocka_unit_test(each_field_removed),
		cmocka_unit_test(each_field_doubled),
		cmocka_unit_test(each_field_of_another_type),
		cmocka_unit_test(unknown_fields),
		cmocka_unit_test(over_long_texts),
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(every_bit_flipped),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(integers_are_plain),
		cmocka_unit_test(too_many_sites),
		cmocka_unit_test(too_large_or_no_object),
		cmocka_unit_test(inboxes),
		cmocka_unit_test(inbox_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
