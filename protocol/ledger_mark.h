/*
 * A ledger's mark: what a site says, and signs, about its own ledger: how many entries it has, and what they are.
 *
 *   counter     entries of the ledger, over all studies; it only grows
 *   head        of the chain over them: head 0 is zero, head k = H("COHRTlhd", head k - 1, what entry k is) (client/ledger.h)
 *   signature   Ed25519 of the site's identity key over "COHRTled" || F(federation) F(site u32) F(counter u64) F(head)
 *
 *   header Cohort-Ledger: COUNTER HEAD SIGNATURE        decimal, and 64 and 128 characters [0-9a-f], a blank between them
 *
 * A site sends its mark with a contribution; the coordinator keeps the highest of each site and shows it in every inbox. So a site whose
 * ledger was set back to an older copy sees its own signature on a later one. No cryptography in here: protocol is text and layout.
 */
#ifndef COHORT_PROTOCOL_LEDGER_MARK_H
#define COHORT_PROTOCOL_LEDGER_MARK_H

#include "base/bytes.h"
#include "base/hash.h"

#include <stdint.h>

#define LEDGER_MARK_HEADER "Cohort-Ledger"
#define LEDGER_MARK_SIGNATURE_SIZE 64 /* Ed25519, RFC 8032 */
#define LEDGER_MARK_TEXT_SIZE (16 + 1 + 64 + 1 + 128 + 1) /* 2^53 - 1 has 16 digits */
#define LEDGER_MARK_MESSAGE_MAX 256 /* tag, four lengths, a name, 4 + 8 + 32 octets */
#define LEDGER_COUNTER_MAX ((UINT64_C(1) << 53) - 1) /* what JSON can say, too */

struct ledger_mark {
	uint64_t counter; /* 0: no mark at all */
	struct hash head;
	uint8_t signature[LEDGER_MARK_SIGNATURE_SIZE];
};

void ledger_mark_write(char out[LEDGER_MARK_TEXT_SIZE],
                       const struct ledger_mark *m); /* CHECK: the counter is in range */

/* From a header's value. False, and `out` untouched, for NULL, a counter that is not 1 ... LEDGER_COUNTER_MAX in its shortest spelling, a
 * zero head, and anything else that ledger_mark_write does not write. Nothing is believed yet. */
bool ledger_mark_read(struct ledger_mark *out, const char *text);

/* The octets that `signature` signs, into `out` (initialised, LEDGER_MARK_MESSAGE_MAX), cleared first. */
void ledger_mark_message(struct buf *out, const char *federation, uint32_t site, const struct ledger_mark *m);

#endif
