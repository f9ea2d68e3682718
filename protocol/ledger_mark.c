/* A ledger's mark: its text in a header, and the octets that are signed. */
#include "protocol/ledger_mark.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

#define TAG "COHRTled"
#define DIGITS_MAX 16

void ledger_mark_write(char out[LEDGER_MARK_TEXT_SIZE], const struct ledger_mark *m)
{
	char head[HASH_HEX_SIZE], signature[2 * LEDGER_MARK_SIGNATURE_SIZE + 1];
	int n;

	CHECK(m->counter > 0 && m->counter <= LEDGER_COUNTER_MAX);
	hash_hex(head, &m->head);
	hex_encode(signature, bytes_of(m->signature, sizeof m->signature));
	n = snprintf(out, LEDGER_MARK_TEXT_SIZE, "%llu %s %s", (unsigned long long)m->counter, head, signature);
	CHECK(n > 0 && n < LEDGER_MARK_TEXT_SIZE);
}

bool ledger_mark_read(struct ledger_mark *out, const char *text)
{
	char head[HASH_HEX_SIZE];
	struct ledger_mark m = {0};
	size_t digits = text != NULL ? strcspn(text, " ") : 0;

	if (digits == 0 || digits > DIGITS_MAX || text[0] == '0' || !parse_u64(&m.counter, bytes_of(text, digits)) ||
	    m.counter > LEDGER_COUNTER_MAX)
		return false;
	text += digits;
	if (strlen(text) != 1 + HASH_HEX_SIZE + 2 * LEDGER_MARK_SIGNATURE_SIZE || text[HASH_HEX_SIZE] != ' ')
		return false;
	memcpy(head, text + 1, HASH_HEX_SIZE - 1);
	head[HASH_HEX_SIZE - 1] = '\0';
	if (!hash_from_hex(&m.head, head) || hash_is_zero(&m.head) ||
	    !hex_decode(m.signature, sizeof m.signature, text + 1 + HASH_HEX_SIZE))
		return false;
	*out = m;
	return true;
}

void ledger_mark_message(struct buf *out, const char *federation, uint32_t site, const struct ledger_mark *m)
{
	uint8_t number[4], counter[8];

	store_u32(number, site);
	store_u64(counter, m->counter);
	buf_clear(out);
	buf_put_text(out, TAG);
	buf_put_field(out, bytes_text(federation));
	buf_put_field(out, bytes_of(number, sizeof number));
	buf_put_field(out, bytes_of(counter, sizeof counter));
	buf_put_field(out, bytes_of(m->head.b, HASH_SIZE));
	CHECK(!out->failed);
}
