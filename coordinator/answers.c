#include "coordinator/answers.h"

#include "base/json.h"
#include "protocol/inbox.h"

#include <stdio.h>

#define JSON_TYPE "application/json"
#define BODY_MAX (64u << 20) /* the event log or the rounds of a large study, by the page */

void answer_empty(struct exchange *x, unsigned status)
{
	server_answer(x, &(struct answer){.status = status});
}

void answer_json(struct exchange *x, unsigned status, struct json *body)
{
	struct buf text;

	buf_init(&text, BODY_MAX);
	json_write(&text, body, false);
	CHECK(!text.failed);
	server_answer(x, &(struct answer){.status = status, .content_type = JSON_TYPE, .body = buf_bytes(&text)});
	buf_free(&text);
	json_free(body);
}

void answer_text(struct exchange *x, unsigned status, const char *content_type, struct bytes body, const char *tag)
{
	char quoted[HASH_HEX_SIZE + 2];
	struct answer a = {.status = status, .content_type = content_type, .body = body};

	if (tag != NULL) {
		snprintf(quoted, sizeof quoted, "\"%s\"", tag);
		a.headers[0] = (struct http_pair){"ETag", quoted};
	}
	server_answer(x, &a);
}

void answer_error(struct exchange *x, unsigned status, unsigned retry_s, const char *fmt, ...)
{
	struct json *body = json_new_object();
	struct diag line = {{0}};
	struct buf text;
	char seconds[16];
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	json_set_string(body, "error", line.text);
	buf_init(&text, MESSAGE_MAX);
	json_write(&text, body, false);
	struct answer a = {.status = status, .content_type = JSON_TYPE, .body = buf_bytes(&text)};
	snprintf(seconds, sizeof seconds, "%u", retry_s);
	if (retry_s > 0)
		a.headers[0] = (struct http_pair){"Retry-After", seconds};
	server_answer(x, &a);
	buf_free(&text);
	json_free(body);
}

void answer_inbox(struct exchange *x, unsigned status, const struct message *const *messages, uint32_t count,
                  const struct ledger_mark *ledger)
{
	struct answer a = {.status = status, .content_type = JSON_TYPE};
	char mark[LEDGER_MARK_TEXT_SIZE];
	struct message shallow[3];
	struct buf text;

	CHECK(count <= sizeof shallow / sizeof *shallow);
	for (uint32_t i = 0; i < count; i++)
		shallow[i] = *messages[i];
	buf_init(&text, INBOX_MAX);
	inbox_write(&text, shallow, count);
	CHECK(!text.failed);
	a.body = buf_bytes(&text);
	if (ledger->counter > 0) {
		ledger_mark_write(mark, ledger);
		a.headers[0] = (struct http_pair){LEDGER_MARK_HEADER, mark};
	}
	server_answer(x, &a);
	buf_free(&text);
}

static void answer_literal(struct exchange *x, unsigned status, const char *text)
{
	server_answer(x, &(struct answer){.status = status, .content_type = JSON_TYPE, .body = bytes_text(text)});
}

void answer_accepted(struct exchange *x)
{
	answer_literal(x, 200, "{\"accepted\":true}");
}

void answer_offset(struct exchange *x, uint64_t next)
{
	struct json *body = json_new_object();

	json_set_integer(body, "offset", (int64_t)next);
	answer_json(x, 200, body);
}

void answer_late(struct exchange *x)
{
	answer_literal(x, 410, "{\"outcome\":\"late\"}");
}
