/* protocol/inbox: what a poll is answered with, and every inbox that a site must not believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/inbox.h"

static uint32_t sites[] = {3, 11, 25};
static struct diag why;

static struct message a_message(enum message_type type, uint64_t seq)
{
	struct message m = {.type = type, .study = "heart"};
	memset(m.plan.study_hash.b, 7, HASH_SIZE);
	m.seq = message_from_coordinator(type) ? seq : 0;
	m.plan.round = m.plan.attempt = 1;
	m.plan.asks = ASK_STATISTICS;
	m.plan.sites = sites;
	m.plan.site_count = 3;
	m.outcome = OUTCOME_FAILED;
	m.refusal = REFUSAL_PLAN;
	return m;
}

/* {"messages":[...]} of `count` messages, as bytes that inbox_write would not make of them. */
static void put_inbox(struct buf *out, const struct message *messages, uint32_t count)
{
	buf_init(out, 2 * INBOX_MAX);
	buf_put_text(out, "{\"messages\":[");
	for (uint32_t i = 0; i < count; i++) {
		buf_put_text(out, i > 0 ? "," : "");
		message_write(out, &messages[i]);
	}
	buf_put_text(out, "]}");
	assert_false(out->failed);
}

static enum err parse(struct bytes text, uint32_t *count)
{
	struct message *messages = NULL;
	why.text[0] = 0;
	enum err e = inbox_parse(&messages, count, text, "the coordinator", &why);
	if (e)
		return e;
	struct buf again;
	buf_init(&again, INBOX_MAX);
	inbox_write(&again, messages, *count);
	assert_true(bytes_equal(buf_bytes(&again), text));
	buf_free(&again);
	for (uint32_t i = 0; i < *count; i++)
		message_free(&messages[i]);
	free(messages);
	return OK;
}

static void assert_refused(const char *text, const char *words)
{
	uint32_t count;
	assert_int_equal(parse(bytes_text(text), &count), ERR_PEER_MESSAGE);
	if (!strstr(why.text, words) || !strstr(why.text, "from the coordinator"))
		fail_msg("\"%s\" does not hold \"%s\"", why.text, words);
}

static void assert_pair_refused(struct message first, struct message second, const char *words)
{
	struct buf b;
	put_inbox(&b, (struct message[]){first, second}, 2);
	assert_refused(buf_text(&b), words);
	buf_free(&b);
}

static void inboxes_are_read(void **state)
{
	(void)state;
	uint32_t count = 99;
	assert_int_equal(parse(bytes_text("{\"messages\":[]}"), &count), OK);
	assert_int_equal(count, 0);
	struct buf b;
	put_inbox(&b,
	          (struct message[]){a_message(MESSAGE_CLOSED, 4), a_message(MESSAGE_ROUND, 5),
	                             a_message(MESSAGE_FINISHED, 900)},
	          3);
	assert_int_equal(parse(buf_bytes(&b), &count), OK);
	assert_int_equal(count, 3);
	buf_free(&b);
}

static void order_and_types(void **state)
{
	(void)state;
	struct message five = a_message(MESSAGE_ROUND, 5), six = a_message(MESSAGE_CLOSED, 6);
	assert_pair_refused(six, five, "messages[1] from the coordinator: seq does not ascend");
	assert_pair_refused(five, five, "messages[1]");
	assert_pair_refused(five, a_message(MESSAGE_ANSWER, 0), "sends no answer");
	assert_pair_refused(a_message(MESSAGE_REFUSAL, 0), five, "sends no refusal");
}

static void shapes(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"messages\":null}",
		"{\"messages\":{}}",
		"{\"messages\":[7]}",
		"{\"messages\":[[]]}",
		"{\"messages\":[],\"more\":1}",
		"{\"messages\":[],\"messages\":[]}",
		"{\"Messages\":[]}",
		"{\"messages\":[]} x",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "");
}

static void number_and_size_are_bounded(void **state)
{
	(void)state;
	struct message list[INBOX_BATCH_MAX + 1];
	struct buf b;
	uint32_t count;
	for (uint32_t i = 0; i <= INBOX_BATCH_MAX; i++)
		list[i] = a_message(MESSAGE_ROUND, i + 1);
	put_inbox(&b, list, INBOX_BATCH_MAX);
	assert_int_equal(parse(buf_bytes(&b), &count), OK);
	assert_int_equal(count, INBOX_BATCH_MAX);
	buf_free(&b);
	put_inbox(&b, list, INBOX_BATCH_MAX + 1);
	assert_refused(buf_text(&b), "messages");
	buf_free(&b);

	char *text = mem_alloc(INBOX_MAX + 2);
	memset(text, ' ', INBOX_MAX + 1);
	memcpy(text, "{\"messages\":[]}", 15);
	assert_refused(text, "");
	free(text);
}

static void truncated_and_flipped(void **state)
{
	(void)state;
	struct buf b;
	uint32_t count;
	put_inbox(&b, (struct message[]){a_message(MESSAGE_CLOSED, 4), a_message(MESSAGE_ROUND, 5)}, 2);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(parse(bytes_of(b.ptr, len), &count), ERR_PEER_MESSAGE);
	unsigned refused = 0;
	for (size_t i = 0; i < b.len; i++) {
		struct message *messages;
		b.ptr[i] ^= 0xff; /* never UTF-8 any more */
		refused += inbox_parse(&messages, &count, buf_bytes(&b), "the coordinator", &why) == ERR_PEER_MESSAGE;
		b.ptr[i] ^= 0xff;
	}
	assert_int_equal(refused, b.len);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inboxes_are_read),
		cmocka_unit_test(order_and_types),
		cmocka_unit_test(shapes),
		cmocka_unit_test(number_and_size_are_bounded),
		cmocka_unit_test(truncated_and_flipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
