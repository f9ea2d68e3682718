/* The bodies of answers: JSON objects, and one line for a person where something is wrong. */
#ifndef COHORT_COORDINATOR_ANSWERS_H
#define COHORT_COORDINATOR_ANSWERS_H

#include "net/server.h"
#include "protocol/ledger_mark.h"
#include "protocol/message.h"

void answer_empty(struct exchange *x, unsigned status);
void answer_json(struct exchange *x, unsigned status, struct json *body); /* takes over `body` */
void answer_text(struct exchange *x, unsigned status, const char *content_type, struct bytes body,
                 const char *tag); /* tag: ETag without quotes, or NULL */
/* {"error": "one line"}; with Retry-After when `retry_s` is not 0. */
void answer_error(struct exchange *x, unsigned status, unsigned retry_s, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* With the newest mark of the site's ledger, when there is one. */
void answer_inbox(struct exchange *x, unsigned status, const struct message *const *messages, uint32_t count,
                  const struct ledger_mark *ledger);
void answer_accepted(struct exchange *x); /* an upload is durable */
void answer_offset(struct exchange *x, uint64_t next); /* an upload goes on from there */
void answer_late(struct exchange *x); /* its attempt has closed */

#endif
