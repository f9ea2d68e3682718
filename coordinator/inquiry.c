#include "coordinator/inquiry.h"

#include "base/clock.h"
#include "coordinator/admin.h"
#include "net/local.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX (64u << 20) /* a page of rounds with SITES_MAX sites each */
#define TRIES 12 /* a daemon that is just starting or stopping has neither lock nor socket for long: 3 s in all */
#define TRY_MS 250
#define WHAT "the coordinator's answer"

static enum err error_named(const char *name)
{
	for (int e = OK + 1; e < ERR_COUNT; e++)
		if (strcmp(err_name((enum err)e), name) == 0)
			return (enum err)e;
	return ERR_PROTOCOL;
}

/* An answer that is an error becomes one of ours; it is freed then. */
static enum err take_answer(struct json **answer, unsigned status, struct diag *why)
{
	const struct json *words = json_get(*answer, "error"), *code = json_get(*answer, "code");
	enum err e = OK;

	if (status >= 200 && status < 300)
		return OK;
	if (words == NULL || json_kind(words) != JSON_IS_STRING || code == NULL || json_kind(code) != JSON_IS_STRING)
		e = diag_set(why, ERR_PROTOCOL, "the daemon answers with status %u", status);
	else
		e = diag_set(why, error_named(json_as_string(code)), "%s", json_as_string(words));
	json_free(*answer);
	*answer = NULL;
	return e;
}

/* ---- a daemon */

static enum err ask_daemon(const struct inquiry *q, struct json **answer, enum http_method method, const char *target,
                           struct bytes body, struct diag *why)
{
	static const char *const methods[] = {
		[HTTP_GET] = "GET", [HTTP_PUT] = "PUT", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
	struct buf text;
	unsigned status;

	buf_init(&text, ANSWER_MAX);
	enum err e = local_call(q->settings->control, methods[method], target, body, &status, &text, why);
	if (e == OK && json_parse(answer, buf_bytes(&text), ANSWER_MAX, WHAT, why) != OK)
		e = ERR_PROTOCOL;
	buf_free(&text);
	return e == OK ? take_answer(answer, status, why) : e;
}

/* ---- no daemon */

/* What a change asks to be persisted is written and committed; the next daemon goes on from there. */
static enum err settle(struct office *o, struct diag *why)
{
	enum err e;

	for (uint32_t i = 0; i < o->count; i++)
		course_drain(o->courses[i]);
	e = store_commit(o->store, why);
	return e;
}

static enum err ask_office(struct inquiry *q, struct json **answer, enum http_method method, const char *target,
                           struct bytes body, struct diag *why)
{
	struct http_target parsed = {0};
	struct admin_call call = {.office = q->office, .method = method, .body = body};
	enum err e = OK;

	CHECK(http_target_parse(&parsed, target));
	call.path = parsed.path;
	call.parameters = parsed.parameters;
	call.parameter_count = parsed.parameter_count;
	admin_call(&call);
	if (call.changes)
		e = settle(q->office, why);
	http_target_free(&parsed);
	if (e != OK) {
		json_free(call.answer);
		return e;
	}
	*answer = call.answer;
	return take_answer(answer, call.status, why);
}

/* ---- either */

enum err inquiry_ask(struct inquiry *q, struct json **answer, enum http_method method, const char *target,
                     struct bytes body, struct diag *why)
{
	enum err e = ERR_AGAIN;

	*answer = NULL;
	for (int i = 0; i < TRIES && e == ERR_AGAIN && q->office == NULL; i++) {
		e = ask_daemon(q, answer, method, target, body, why);
		if (e != ERR_UNREACHABLE)
			return e;
		if (why != NULL)
			why->text[0] = '\0';
		e = office_open(&q->office, q->settings, OFFICE_FOR_COMMAND, TRY_MS, clock_monotonic_ms(), why);
	}
	if (q->office == NULL)
		return e;
	return ask_office(q, answer, method, target, body, why);
}

void inquiry_close(struct inquiry *q)
{
	office_close(q->office);
	q->office = NULL;
}
