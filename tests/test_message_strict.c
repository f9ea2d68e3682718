/*
 * protocol/message: what a strict reader must refuse. Every field removed, doubled, of another type, too long; unknown ones added;
 * every truncation and every flipped bit; and value by value what is out of range.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/messages.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

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
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		struct json *node = messages_tree(messages_golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			char words[64];
			snprintf(words, sizeof(words), "\"%s\" is missing", k);
			messages_assert_refused(messages_text(changed(node, k, NULL)), words);
		}
		json_free(node);
	}
}

static void each_field_doubled(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		struct json *node = messages_tree(messages_golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			struct buf b;
			buf_init(&b, MESSAGE_MAX);
			buf_put(&b, bytes_of(messages_golden[i], strlen(messages_golden[i]) - 1));
			buf_printf(&b, ",\"%s\":", k);
			json_write(&b, v, false);
			buf_put_text(&b, "}");
			messages_assert_refused(buf_text(&b), k);
			buf_free(&b);
		}
		json_free(node);
	}
}

static void each_field_of_another_type(void **state)
{
	(void)state;
	static const char *const values[] = {"null", "true", "7", "7.5", "\"x\"", "[]", "[[]]", "{}", "{\"x\":1}"};
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		struct json *node = messages_tree(messages_golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			for (size_t j = 0; j < LENGTH(values); j++) {
				struct json *other = messages_tree(values[j]);
				bool same = json_kind(other) == json_kind(v) ||
				            (may_be_null(k) && json_kind(other) == JSON_IS_NULL);
				const char *text = messages_text(changed(node, k, other));
				if (!same)
					messages_assert_refused(text, k);
			}
		}
		json_free(node);
	}
}

static void unknown_fields(void **state)
{
	(void)state;
	static const char *const keys[] = {"extra", "", "Type", "seq ", "rows", "reason"};
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		for (size_t j = 0; j < LENGTH(keys); j++) {
			struct json *node = messages_tree(messages_golden[i]);
			json_set_integer(node, keys[j], 1);
			messages_assert_refused(messages_text(node), "unknown key");
		}
	}
	/* What another type has is unknown too: no number rides along with a refusal. */
	struct json *node = messages_tree(messages_golden[10]);
	json_set_integer(node, "step", 1);
	messages_assert_refused(messages_text(node), "unknown key \"step\"");
	node = messages_tree(messages_golden[7]);
	json_set_integer(node, "seq", 1);
	messages_assert_refused(messages_text(node), "unknown key \"seq\"");
}

static void over_long_texts(void **state)
{
	(void)state;
	char text[4096];
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		struct json *node = messages_tree(messages_golden[i]);
		const struct json *v;
		for (const char *k = json_key_after(node, NULL, &v); k; k = json_key_after(node, k, &v)) {
			if (json_kind(v) != JSON_IS_STRING)
				continue;
			for (size_t len = 65; len < sizeof(text); len = len * 2 - 1) {
				text[len] = 0;
				messages_assert_refused(messages_text(changed(node, k, json_new_string(text))), k);
				text[len] = 'a';
			}
		}
		json_free(node);
	}
	text[64] = 0;
	struct json *node = messages_tree(messages_golden[7]);
	json_set_string(node, "study", text);
	struct message m;
	assert_int_equal(messages_parse(&m, bytes_text(messages_text(node))), OK);
	message_free(&m);
}

static void truncated_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		for (size_t len = 0; len < strlen(messages_golden[i]); len++) {
			struct message m = {0};
			uint8_t *exact = mem_alloc(len + 1); /* of its own, so that a read beyond it is seen */
			memcpy(exact, messages_golden[i], len);
			uint8_t *cut = realloc(exact, len ? len : 1);
			assert_int_equal(messages_parse(&m, bytes_of(cut, len)), ERR_PEER_MESSAGE);
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
	for (size_t i = 0; i < MESSAGES_COUNT; i++) {
		char *text = mem_copy_text(messages_golden[i]);
		size_t len = strlen(text);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			struct message m = {0};
			text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
			if (messages_parse(&m, bytes_of(text, len)) == OK) {
				char *plain = mem_copy_text(text);
				remove_blanks(plain);
				assert_string_equal(messages_rewritten(&m), plain);
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
		{0, "model", "\"" MESSAGES_MODEL_HASH "\"", "model_octets"},
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
		struct json *node = messages_tree(messages_golden[rows[i].message]);
		/* json_parse reads texts and numbers on their own too */
		struct json *copy = changed(node, rows[i].key, messages_tree(rows[i].value));
		json_free(node);
		messages_assert_refused(messages_text(copy), rows[i].words);
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
		         "{\"type\":\"refusal\"," MESSAGES_COMMON "\"round\":%s,\"attempt\":1,\"refusal\":\"plan\"}",
		         spellings[i]);
		messages_assert_refused(text, "message from st-mary");
	}
}

static void too_many_sites(void **state)
{
	(void)state;
	struct json *node = messages_tree(messages_golden[0]), *list = json_new_array();
	for (int64_t i = 1; i <= SITES_MAX; i++)
		json_add(list, json_new_integer(i));
	struct message m;
	json_set(node, "sites", json_clone(list));
	assert_int_equal(messages_parse(&m, bytes_text(messages_text(json_clone(node)))), OK);
	message_free(&m);
	json_add(list, json_new_integer(SITES_MAX + 1));
	json_set(node, "sites", list);
	messages_assert_refused(messages_text(node), "sites");
}

static void too_large_or_no_object(void **state)
{
	(void)state;
	struct message m = {0};
	char *text = mem_alloc(MESSAGE_MAX + 2);
	memset(text, ' ', MESSAGE_MAX + 1);
	memcpy(text, messages_golden[7], strlen(messages_golden[7]));
	assert_int_equal(messages_parse(&m, bytes_of(text, MESSAGE_MAX)), OK);
	message_free(&m);
	assert_int_equal(messages_parse(&m, bytes_of(text, MESSAGE_MAX + 1)), ERR_PEER_MESSAGE);
	free(text);
	static const char *const others[] = {"", " ", "null", "[]", "7", "\"answer\"", "[{}]", "{}", "{\"type\":7}"};
	for (size_t i = 0; i < LENGTH(others); i++)
		messages_assert_refused(others[i], "message from st-mary");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
