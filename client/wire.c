#include "client/wire.h"

#include "base/clock.h"
#include "base/json.h"
#include "client/roster_file.h"
#include "protocol/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_SIZE 512 /* the longest path with two names, two numbers and two hashes takes 330 */
#define STUDIES_MAX (1u << 20) /* a thousand studies in a list */
#define POLL_SLACK_S 15 /* beyond the wait itself: a slow line, a busy coordinator */
#define AT_ONCE_MS 500 /* a question that is held and answered sooner was not held: asking again at once would spin */
#define ONE_CALL_MS                                                                                                    \
	10000 /* list, contract, roster, answers: a coordinator that restarts is back, a person still waits */

/* The error of an HTTP status that the caller did not expect, with the coordinator's own words. */
static enum err status_error(unsigned status, const struct buf *body, const char *doing, struct diag *why)
{
	struct json *node = NULL;
	const char *words = "";
	enum err e = ERR_PROTOCOL;

	if (json_parse(&node, buf_bytes(body), MESSAGE_MAX, "the coordinator's answer", NULL) == OK) {
		const struct json *error = json_get(node, "error");

		if (error != NULL && json_kind(error) == JSON_IS_STRING && json_is_plain(json_as_string(error)))
			words = json_as_string(error);
	}
	if (status == 401 || status == 403)
		e = ERR_REFUSED;
	else if (status == 404)
		e = ERR_NOT_FOUND;
	else if (status == 409)
		e = ERR_CONFLICT;
	else if (status == 429 || status >= 500)
		e = ERR_AGAIN;
	e = diag_set(why, e, "%s: the coordinator answered %u%s%s", doing, status, *words != '\0' ? ": " : "", words);
	json_free(node);
	return e;
}

/* One exchange without a body to send, whose answer must have the status `want`. */
static enum err get(struct requester *r, const char *target, size_t max, struct buf *body, const char *doing,
                    struct diag *why)
{
	struct request q = {.method = "GET", .target = target};
	struct response response = {0};
	enum err e;

	buf_init(body, max);
	e = request_persist(r, &q, &response, body, ONE_CALL_MS, why);
	if (e == OK && response.status != 200)
		e = status_error(response.status, body, doing, why);
	return e;
}

enum err wire_studies(struct requester *r, struct json **out, struct diag *why)
{
	struct buf body;
	enum err e = get(r, "/v1/studies", STUDIES_MAX, &body, "asking for the studies", why);

	*out = NULL;
	if (e == OK)
		e = json_parse(out, buf_bytes(&body), STUDIES_MAX, "the list of studies", why);
	if (e == OK && (json_get(*out, "studies") == NULL || json_kind(json_get(*out, "studies")) != JSON_IS_ARRAY)) {
		json_free(*out);
		*out = NULL;
		e = diag_set(why, ERR_PROTOCOL, "the coordinator's list of studies has no \"studies\"");
	}
	buf_free(&body);
	return e;
}

enum err wire_contract(struct requester *r, const char *study, struct study *out, struct diag *why)
{
	char target[TARGET_SIZE];
	struct buf body;
	enum err e;

	snprintf(target, sizeof target, "/v1/studies/%s/contract", study);
	e = get(r, target, CONTRACT_MAX, &body, "fetching the contract", why);
	if (e == OK)
		e = study_from_canonical(out, buf_bytes(&body), why);
	if (e == OK && strcmp(out->name, study) != 0) {
		study_free(out);
		e = diag_set(why, ERR_PROTOCOL, "asked for the contract of %s, the coordinator sent another study's",
		             study);
	}
	buf_free(&body);
	return e;
}

enum err wire_roster(struct requester *r, const char *authority, struct roster *out, struct buf *file, struct diag *why)
{
	struct buf body;
	enum err e = get(r, "/v1/roster", ROSTER_MAX, &body, "fetching the roster", why);

	if (e == OK)
		e = roster_file_read(out, buf_bytes(&body), authority, why);
	if (e == OK && file != NULL)
		*file = body;
	else
		buf_free(&body);
	return e;
}

enum err wire_poll(struct requester *r, const struct study *study, uint64_t after, unsigned wait_s,
                   struct message **messages, uint32_t *count, bool *missed, struct ledger_mark *told, struct diag *why)
{
	char target[TARGET_SIZE], hex[HASH_HEX_SIZE];
	struct request q = {.method = "GET",
	                    .target = target,
	                    .wanted = LEDGER_MARK_HEADER,
	                    .timeout_ms = (int64_t)(wait_s + POLL_SLACK_S) * 1000};
	struct response response = {0};
	struct buf body;
	enum err e;

	*messages = NULL;
	*count = 0;
	*told = (struct ledger_mark){0};
	hash_hex(hex, &study->hash);
	snprintf(target, sizeof target, "/v1/studies/%s/inbox?after=%llu&wait=%u&approved=%s", study->name,
	         (unsigned long long)after, wait_s, hex);
	buf_init(&body, INBOX_MAX);
	e = request_send(r, &q, &response, &body, why);
	*missed = response.status == 410;
	if (e == OK && response.status != 200 && response.status != 410)
		e = status_error(response.status, &body, "polling", why);
	if (e == OK)
		e = inbox_parse(messages, count, buf_bytes(&body), "the coordinator", why);
	(void)ledger_mark_read(told, response.wanted); /* what is no mark shows none */
	buf_free(&body);
	return e == ERR_PEER_MESSAGE ? ERR_PROTOCOL : e;
}

enum err wire_model(struct requester *r, const struct hash *model, uint64_t octets, const char *path,
                    int64_t give_up_ms, struct diag *why)
{
	char target[TARGET_SIZE], hex[HASH_HEX_SIZE];
	struct response response = {0};
	enum err e;

	hash_hex(hex, model);
	snprintf(target, sizeof target, "/v1/models/%s", hex);
	e = request_download(r, target, path, octets, model, give_up_ms, &response, why);
	if (e == OK && response.status != 200 && response.status != 206)
		e = diag_set(why, response.status == 404 ? ERR_NOT_FOUND : ERR_PROTOCOL,
		             "fetching model %.12s: the coordinator answered %u", hex, response.status);
	return e;
}

/* ---- sending a contribution */

struct upload {
	char prefix[TARGET_SIZE]; /* up to "offset=" */
	char suffix[TARGET_SIZE];
	const char *path, *mark;
	uint64_t octets, offset;
};

/* What the coordinator's answer to a part says: {"offset": n} or {"accepted": true}. */
static enum err read_progress(struct upload *u, const struct buf *body, bool *accepted, struct diag *why)
{
	struct json *node = NULL;
	struct json_reader reader;
	enum err e = json_parse(&node, buf_bytes(body), MESSAGE_MAX, "the answer to a part", why);

	*accepted = false;
	if (e == OK) {
		json_read_begin(&reader, node, "the answer to a part", why);
		if (json_has(&reader, "accepted"))
			*accepted = json_read_bool(&reader, "accepted");
		else
			u->offset = (uint64_t)json_read_integer(&reader, "offset", 0, (int64_t)u->octets);
		e = json_read_end(&reader);
	}
	json_free(node);
	return e == OK ? OK : ERR_PROTOCOL;
}

static enum err send_part(struct requester *r, struct upload *u, bool *over, enum sent *how, struct diag *why)
{
	char target[2 * TARGET_SIZE + 32];
	uint64_t left = u->octets - u->offset;
	size_t most = u->offset == 0 && left > PART_MAX ? GRANT_PART_MAX : PART_MAX;
	struct request q = {
		.method = "PUT",
		.target = target,
		.content_type = "application/octet-stream",
		.body_path = u->path,
		.body_offset = u->offset,
		.body_size = left < most ? (size_t)left : most,
		.header = {u->mark != NULL ? LEDGER_MARK_HEADER : NULL, u->mark},
	};
	struct response response = {0};
	struct buf body;
	enum err e;

	snprintf(target, sizeof target, "%s%llu%s", u->prefix, (unsigned long long)u->offset, u->suffix);
	buf_init(&body, MESSAGE_MAX);
	*over = false;
	e = request_persist(r, &q, &response, &body, WIRE_FOREVER_MS, why);
	if (e == OK && response.status == 200) {
		e = read_progress(u, &body, over, why);
		*how = SENT_ACCEPTED;
	} else if (e == OK && response.status == 410) {
		*over = true;
		*how = SENT_LATE;
	} else if (e == OK) {
		(void)!status_error(response.status, &body, "sending the contribution", why);
		*over = true;
		*how = SENT_REJECTED;
	}
	buf_free(&body);
	return e;
}

enum err wire_send(struct requester *r, const char *study, uint64_t round, uint32_t attempt,
                   const struct release_record *record, const uint8_t *signature, const char *mark, const char *path,
                   enum sent *how, struct diag *why)
{
	struct upload u = {.path = path, .mark = mark, .octets = record->octets};
	struct entropy entropy = entropy_system();
	char hex[HASH_HEX_SIZE], signed_by[2 * KEYS_SIGNATURE_SIZE + 1] = "";
	unsigned setbacks = 0;
	bool over = false;
	enum err e = OK;

	hash_hex(hex, &record->content);
	snprintf(u.prefix, sizeof u.prefix, "/v1/studies/%s/rounds/%llu/attempts/%u/contribution?offset=", study,
	         (unsigned long long)round, attempt);
	if (signature != NULL)
		hex_encode(signed_by, bytes_of(signature, KEYS_SIGNATURE_SIZE));
	snprintf(u.suffix, sizeof u.suffix, "&octets=%llu&sha256=%s%s%s", (unsigned long long)record->octets, hex,
	         signature != NULL ? "&signature=" : "", signed_by);
	while (e == OK && !over) {
		uint64_t before = u.offset;

		e = send_part(r, &u, &over, how, why);
		if (e == OK && !over && u.offset <= before) /* set back: the coordinator restarted; do not hammer it */
			e = request_sleep(r, request_backoff_ms(setbacks++, -1, &entropy));
	}
	return e;
}

/* ---- a masked attempt */

static void phase_target(char out[TARGET_SIZE], const char *study, uint64_t round, uint32_t attempt,
                         enum secagg_phase phase)
{
	snprintf(out, TARGET_SIZE, "/v1/studies/%s/rounds/%llu/attempts/%u/%s", study, (unsigned long long)round,
	         attempt, secagg_phase_name(phase));
}

/* Of a status that says no; the words go into `why`. */
static enum masks_reply reply_of(unsigned status, const struct buf *body, const char *doing, struct diag *why)
{
	if (status == 410)
		return MASKS_OVER;
	(void)!status_error(status, body, doing, why);
	return status == 403 ? MASKS_DROPPED : MASKS_REJECTED;
}

enum err wire_say(struct requester *r, const char *study, uint64_t round, uint32_t attempt, enum secagg_phase phase,
                  struct bytes octets, enum masks_reply *reply, struct diag *why)
{
	char target[TARGET_SIZE];
	struct request q = {
		.method = "POST", .target = target, .content_type = "application/octet-stream", .body = octets};
	struct response response = {0};
	struct buf body;
	enum err e;

	phase_target(target, study, round, attempt, phase);
	buf_init(&body, MESSAGE_MAX);
	e = request_persist(r, &q, &response, &body, WIRE_FOREVER_MS, why);
	if (e == OK && response.status == 204)
		*reply = MASKS_YES;
	else if (e == OK && response.status == 425)
		*reply = MASKS_NOTHING;
	else if (e == OK)
		*reply = reply_of(response.status, &body, secagg_phase_name(phase), why);
	buf_free(&body);
	return e;
}

enum err wire_listen(struct requester *r, const char *study, uint64_t round, uint32_t attempt, enum secagg_phase phase,
                     uint32_t sites, unsigned wait_s, struct buf *octets, enum masks_reply *reply, struct diag *why)
{
	char target[TARGET_SIZE + 16], path[TARGET_SIZE];
	struct request q = {.method = "GET", .target = target, .timeout_ms = (int64_t)(wait_s + POLL_SLACK_S) * 1000};
	struct response response = {0};
	size_t most = secagg_message_max(sites, phase);
	int64_t asked_ms = clock_monotonic_ms();
	enum err e;

	phase_target(path, study, round, attempt, phase);
	snprintf(target, sizeof target, "%s?wait=%u", path, wait_s);
	buf_init(octets, most > MESSAGE_MAX ? most : MESSAGE_MAX); /* words of an error, too */
	e = request_persist(r, &q, &response, octets, WIRE_FOREVER_MS, why);
	if (e != OK)
		return e;
	if (response.status == 200)
		*reply = MASKS_YES;
	else if (response.status == 204)
		*reply = MASKS_NOTHING;
	else
		*reply = reply_of(response.status, octets, secagg_phase_name(phase), why);
	if (*reply == MASKS_NOTHING && wait_s > 0 && clock_monotonic_ms() - asked_ms < AT_ONCE_MS)
		return request_sleep(r, AT_ONCE_MS);
	return OK;
}

/* ---- messages of ours */

static enum err post(struct requester *r, const char *target, const struct message *m, const char *doing,
                     struct diag *why)
{
	struct buf text, body;
	struct response response = {0};
	struct request q = {.method = "POST", .target = target, .content_type = "application/json"};
	enum err e;

	buf_init(&text, MESSAGE_MAX);
	buf_init(&body, MESSAGE_MAX);
	message_write(&text, m);
	q.body = buf_bytes(&text);
	e = request_persist(r, &q, &response, &body, ONE_CALL_MS, why);
	if (e == OK && response.status != 204)
		e = status_error(response.status, &body, doing, why);
	buf_free(&text);
	buf_free(&body);
	return e;
}

enum err wire_refuse(struct requester *r, const struct study *study, uint64_t round, uint32_t attempt,
                     enum refusal refusal, struct diag *why)
{
	struct message m = {.type = MESSAGE_REFUSAL, .refusal = refusal};
	char target[TARGET_SIZE];

	snprintf(m.study, sizeof m.study, "%s", study->name);
	m.plan.study_hash = study->hash;
	m.plan.round = round;
	m.plan.attempt = attempt;
	snprintf(target, sizeof target, "/v1/studies/%s/rounds/%llu/attempts/%u/refusal", study->name,
	         (unsigned long long)round, attempt);
	return post(r, target, &m, "refusing the round", why);
}

enum err wire_answer(struct requester *r, const char *study, const struct hash *study_hash, enum site_answer answer,
                     struct diag *why)
{
	struct message m = {.type = MESSAGE_ANSWER, .answer = answer};
	char target[TARGET_SIZE];

	snprintf(m.study, sizeof m.study, "%s", study);
	m.plan.study_hash = *study_hash;
	snprintf(target, sizeof target, "/v1/studies/%s/answer", study);
	return post(r, target, &m, "answering the contract", why);
}
