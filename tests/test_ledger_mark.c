/* A ledger's mark: one spelling in a header, and the octets that are signed (known answers of Python, from docs/PROTOCOL.md). */
#include "crypto/keys.h"
#include "protocol/ledger_mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char message_hex[] =
	"434f4852546c6564050000006865617274040000000b000000080000002900000000000000200000000909090909090909090909"
	"090909090909090909090909090909090909090909";
static const char signature_hex[] = "b54feea276a26df20ec86b5563afb9f9eb4bab6f1be775ca4a91c50d2ba613eb"
				    "c48697200c15e8c2ae3d2cc89c3d6485ff4446a498a124b30d6e8ff715e0300f";

static struct ledger_mark example(void)
{
	struct ledger_mark m = {.counter = 41};

	memset(m.head.b, 9, sizeof m.head.b);
	assert_true(hex_decode(m.signature, sizeof m.signature, signature_hex));
	return m;
}

static void test_the_octets_that_are_signed(void **state)
{
	uint8_t public_key[KEYS_IDENTITY_PUBLIC_SIZE], identity[KEYS_IDENTITY_SECRET_SIZE], seed[KEYS_SIZE];
	struct ledger_mark m = example();
	uint8_t signature[KEYS_SIGNATURE_SIZE];
	char hex[sizeof message_hex];
	struct buf message;

	(void)state;
	for (int i = 0; i < KEYS_SIZE; i++)
		seed[i] = (uint8_t)i;
	keys_identity(public_key, identity, seed);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	for (int twice = 0; twice < 2; twice++) { /* it is cleared first */
		ledger_mark_message(&message, "heart", 11, &m);
		assert_int_equal(2 * message.len, sizeof message_hex - 1);
		hex_encode(hex, buf_bytes(&message));
		assert_string_equal(hex, message_hex);
	}
	keys_sign(signature, identity, buf_bytes(&message));
	assert_memory_equal(signature, m.signature, sizeof signature);
	assert_true(keys_verify(public_key, buf_bytes(&message), m.signature));
	buf_free(&message);
}

static void assert_differs(const char *federation, uint32_t site, const struct ledger_mark *m)
{
	char hex[2 * LEDGER_MARK_MESSAGE_MAX + 1];
	struct buf message;

	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, federation, site, m);
	hex_encode(hex, buf_bytes(&message));
	assert_string_not_equal(hex, message_hex);
	buf_free(&message);
}

static void test_everything_is_signed(void **state)
{
	struct ledger_mark m = example();

	(void)state;
	assert_differs("hearts", 11, &m);
	assert_differs("heart", 12, &m);
	m.counter++;
	assert_differs("heart", 11, &m);
	m = example();
	m.head.b[31] ^= 1;
	assert_differs("heart", 11, &m);
}

static void test_what_is_written_is_read(void **state)
{
	static const uint64_t counters[] = {1, 9, 10, 41, LEDGER_COUNTER_MAX};
	char text[LEDGER_MARK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
		struct ledger_mark m = example(), again;

		m.counter = counters[i];
		ledger_mark_write(text, &m);
		assert_true(ledger_mark_read(&again, text));
		assert_int_equal(again.counter, m.counter);
		assert_true(hash_equal(&again.head, &m.head));
		assert_memory_equal(again.signature, m.signature, sizeof m.signature);
	}
}

static void test_one_spelling(void **state)
{
	static const char h[] = "0909090909090909090909090909090909090909090909090909090909090909";
	static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct ledger_mark m = {.counter = 7};
	char text[400];
	static const struct {
		const char *counter, *head, *between, *more;
	} wrong[] = {
		{"0", h, " ", ""},
		{"041", h, " ", ""},
		{"+41", h, " ", ""},
		{"-1", h, " ", ""},
		{"", h, " ", ""},
		{"41x", h, " ", ""},
		{"41", zero, " ", ""},
		{"41", h, "  ", ""},
		{"41", h, " ", " "},
		{"41", h, "-", ""},
		{"41", h, " ", "0"},
		{"9007199254740992", h, " ", ""},
		{"18446744073709551616", h, " ", ""},
		{" 41", h, " ", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(text, sizeof text, "%s %s%s%s%s", wrong[i].counter, wrong[i].head, wrong[i].between,
		         signature_hex, wrong[i].more);
		if (ledger_mark_read(&m, text))
			fail_msg("read: %s", text);
	}
	snprintf(text, sizeof text, "41 %s %s", h, signature_hex);
	text[4] = 'A'; /* upper case */
	assert_false(ledger_mark_read(&m, text));
	text[4] = '9';
	text[strlen(text) - 1] = 'F';
	assert_false(ledger_mark_read(&m, text));
	text[strlen(text) - 1] = '\0';
	assert_false(ledger_mark_read(&m, text));
	assert_false(ledger_mark_read(&m, NULL));
	assert_int_equal(m.counter, 7); /* untouched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_octets_that_are_signed),
		cmocka_unit_test(test_everything_is_signed),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_one_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
