/* What the agent answers to commands, on the local socket alone. */
#include "client/agent_inside.h"
#include "client/records.h"

#include <string.h>
#include <unistd.h>

static void answer_json(struct exchange *x, unsigned status, struct json *root)
{
	struct answer a = {.status = status, .content_type = "application/json"};
	struct buf text;

	buf_init(&text, AGENT_ANSWER_MAX);
	json_write(&text, root, false);
	if (text.failed) {
		a.status = 500;
		a.content_type = NULL;
	} else {
		a.body = buf_bytes(&text);
	}
	server_answer(x, &a);
	buf_free(&text);
	json_free(root);
}

static void answer_error(struct exchange *x, unsigned status, const char *words)
{
	struct json *root = json_new_object();

	json_set_string(root, "error", words);
	answer_json(x, status, root);
}

static struct json *seat_of(const struct seat *s)
{
	static const char *const states[] = {
		[SEAT_RUNNING] = "running", [SEAT_LEAVING] = "leaving", [SEAT_OVER] = "over", [SEAT_GONE] = "leaving"};
	struct json *node = json_new_object();
	struct member_view view = {.doing = states[s->state], .trouble = s->trouble};

	if (s->state == SEAT_RUNNING)
		member_look(s->member, &view);
	json_set_string(node, "study", s->approval.study);
	json_set_integer(node, "revision", s->approval.revision);
	json_set_hash(node, "study_hash", &s->approval.study_hash);
	json_set_string(node, "state", states[s->state]);
	json_set_string(node, "doing", view.doing);
	json_set_integer(node, "round", (int64_t)view.round);
	json_set_integer(node, "attempt", view.attempt);
	json_set_integer(node, "step", view.step);
	json_set_string(node, "trouble", view.trouble.text[0] != '\0' ? view.trouble.text : NULL);
	return node;
}

static struct json *status_of(const struct agent *a)
{
	struct json *root = json_new_object(), *members = json_new_array();

	json_set_integer(root, "process", getpid());
	for (const struct seat *s = a->seats; s != NULL; s = s->next)
		json_add(members, seat_of(s));
	json_set(root, "members", members);
	return root;
}

void agent_answer(void *agent, struct exchange *x)
{
	struct agent *a = agent;

	if (x->method != HTTP_GET)
		answer_error(x, 405, "only GET is known here");
	else if (strcmp(x->path, "/v1/status") == 0)
		answer_json(x, 200, status_of(a));
	else if (strcmp(x->path, "/v1/ledger") == 0)
		answer_json(x, 200, records_of(a->ledger, a->config->state, server_parameter(x, "study")));
	else
		answer_error(x, 404, "only /v1/status and /v1/ledger are known here");
}
