/* What a site asks about studies, and says about them: the roster, contracts, its inbox, its answer, models. */
#include "coordinator/api.h"

#include "base/log.h"
#include "coordinator/answers.h"
#include "coordinator/runner.h"

#include <string.h>

#define ANSWER_RETRY_S 60

void api_get_roster(struct api_request *q)
{
	char tag[HASH_HEX_SIZE];

	hash_hex(tag, &q->office->listed.content);
	answer_text(q->x, 200, "text/plain", buf_bytes(&q->office->roster), tag);
}

void api_get_studies(struct api_request *q)
{
	struct json *body = json_new_object(), *list = json_new_array();

	for (uint32_t i = 0; i < q->office->count; i++) {
		const struct course *c = q->office->courses[i];
		struct json *item;

		if (!study_invites(c->study, q->site->name))
			continue;
		item = json_new_object();
		json_set_string(item, "study", c->study->name);
		json_set_integer(item, "revision", c->study->revision);
		json_set_hash(item, "study_hash", &c->study->hash);
		json_set_string(item, "state", campaign_state_name(c->campaign));
		json_set_string(item, "purpose", c->study->purpose);
		json_set_string(item, "expires", c->study->expires);
		json_add(list, item);
	}
	json_set(body, "studies", list);
	answer_json(q->x, 200, body);
}

void api_get_contract(struct api_request *q)
{
	char tag[HASH_HEX_SIZE];

	hash_hex(tag, &q->course->study->hash);
	answer_text(q->x, 200, "application/json", buf_bytes(&q->course->study->canonical), tag);
}

/* The hash of the contract that a hospital speaks of must be the current one's. */
static bool is_current(struct api_request *q, const struct hash *hash)
{
	if (hash_equal(hash, &q->course->study->hash))
		return true;
	answer_error(q->x, 409, 0, "that is not the contract in force: study %s has revision %u, read and approve it",
	             q->course->study->name, q->course->study->revision);
	return false;
}

/* A repeat of the site's answer changes nothing and costs nothing; changes are rationed. */
static bool may_answer(struct api_request *q, enum site_answer answer)
{
	enum site_answer before;

	if (campaign_site_answer(q->course->campaign, q->site->number, &before) && before == answer)
		return true;
	if (enrolled_may_answer(q->site, q->office->world.now_ms))
		return true;
	answer_error(q->x, 429, ANSWER_RETRY_S, "%s has changed its answers %u times within an hour", q->site->name,
	             ANSWERS_PER_HOUR_MAX);
	return false;
}

void api_get_inbox(struct api_request *q)
{
	const char *approved = server_parameter(q->x, "approved");
	struct runner_poll poll = {.site = q->site->number, .approving = approved != NULL};
	const uint64_t none = 0;
	uint64_t wait_s;
	struct hash hash;

	if (approved != NULL && !hash_from_hex(&hash, approved)) {
		answer_error(q->x, 400, 0, "the parameter approved must be a study hash of 64 hexadecimal digits");
		return;
	}
	if (!api_number(q, "after", &none, MESSAGE_INTEGER_MAX, &poll.after) ||
	    !api_number(q, "wait", &none, INBOX_WAIT_MAX_S, &wait_s) || !api_session(q, &poll.session) ||
	    (approved != NULL && (!is_current(q, &hash) || !may_answer(q, ANSWER_APPROVED))))
		return;
	poll.until_ms = q->office->world.now_ms + (int64_t)wait_s * 1000;
	runner_poll(q->course->runner, q->x, &poll);
}

void api_post_answer(struct api_request *q)
{
	struct message m = {0};
	struct session_id session;
	struct diag why = {{0}};

	if (message_parse(&m, server_body(q->x), q->site->name, &why) != OK) {
		answer_error(q->x, 400, 0, "%s", why.text);
		return;
	}
	if (m.type != MESSAGE_ANSWER || strcmp(m.study, q->course->study->name) != 0) {
		answer_error(q->x, 400, 0, "the body must be an answer to study %s", q->course->study->name);
	} else if (api_session(q, &session) && is_current(q, &m.plan.study_hash) && may_answer(q, m.answer)) {
		campaign_answer(q->course->campaign, q->site->number, m.answer, q->office->world.now_ms);
		answer_empty(q->x, 204);
	}
	message_free(&m);
}

/* Models that no study of this site refers to do not exist for it. */
static bool may_fetch(const struct api_request *q, const struct hash *sha256)
{
	for (uint32_t i = 0; i < q->office->count; i++) {
		const struct course *c = q->office->courses[i];

		if (study_invites(c->study, q->site->name) && course_uses_model(c, sha256))
			return true;
	}
	return false;
}

void api_get_model(struct api_request *q)
{
	const char *hex = q->segments[2];
	char path[PATH_SIZE];
	struct hash sha256;
	struct diag why = {{0}};

	if (!hash_from_hex(&sha256, hex) || !may_fetch(q, &sha256)) {
		answer_error(q->x, 404, 0, "there is no such model for %s", q->site->name);
		return;
	}
	office_model_path(path, sizeof path, q->office, &sha256);
	if (server_answer_file(q->x, path, "application/octet-stream", hex, &why) != OK) {
		log_error("%s; restore it from a backup", why.text);
		answer_error(q->x, 500, 0, "the coordinator has lost this model; its operator was told");
	}
}
