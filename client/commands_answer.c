/*
 * approve, reject: what this hospital says to a contract. Both only write files (client/approval.h), so they work offline and beside a
 * running daemon, which acts on them within two seconds.
 */
#include "client/approval.h"
#include "client/commands.h"
#include "client/desk.h"
#include "client/extract.h"
#include "client/inspect.h"
#include "client/screen.h"
#include "client/standing.h"
#include "client/state.h"
#include "client/wire.h"
#include "client/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void describe(struct approval *a, const struct study *s)
{
	memset(a, 0, sizeof *a);
	snprintf(a->study, sizeof a->study, "%s", s->name);
	a->revision = s->revision;
	a->study_hash = s->hash;
	approval_date(a, (int64_t)time(NULL));
}

/* Ends all approvals of the study but that of the contract `but` (NULL: all); how many. */
static enum err end_approvals(const struct client_config *c, const char *study, const struct hash *but, uint32_t *ended,
                              struct diag *why)
{
	struct approval *list;
	uint32_t count;
	enum err e = OK;

	*ended = 0;
	approval_list(&list, &count, c->state, APPROVAL_GIVEN, NULL);
	for (uint32_t i = 0; i < count && e == OK; i++) {
		if (strcmp(list[i].study, study) != 0 || (but != NULL && hash_equal(&list[i].study_hash, but)))
			continue;
		e = approval_remove(c->state, &list[i].study_hash, APPROVAL_GIVEN, why);
		(*ended)++;
	}
	free(list);
	return e;
}

/* ---- approve */

/* Whether all that the study has paid for can be released here. */
static enum err judge_budget(const struct client_config *c, const struct study *s, enum refusal *no, struct diag *why)
{
	const struct budget_limit limit = {c->policy.budget_epsilon, c->policy.budget_delta};
	struct budget budget = {0};
	uint64_t lost = 0;
	enum err e = OK;

	if (*no != REFUSAL_NONE || s->privacy.mechanism == PRIVACY_NONE)
		return OK;
	e = desk_loss(&lost, c, why);
	if (e == OK)
		*no = standing_judge_study(lost, s, why);
	if (e == OK && *no == REFUSAL_NONE)
		e = desk_budget(&budget, c, why);
	if (e == OK && *no == REFUSAL_NONE)
		*no = budget_judge_study(&budget, s, &limit, why);
	budget_free(&budget);
	return e;
}

/* The contract and the data against the policy; the fingerprint last, when nothing speaks against writing its key. */
static enum err judge(const struct client_config *c, const struct study *s, struct hash *fingerprint, struct diag *why)
{
	struct extract_stamp stamp;
	struct table rows = {0};
	enum refusal no = policy_judge_study(&c->policy, s, (int64_t)time(NULL), why); /* before any row is read */
	enum err e = judge_budget(c, s, &no, why);

	if (e == OK && no == REFUSAL_NONE)
		e = extract_read(&rows, &stamp, c, s, why);
	if (e == OK && no == REFUSAL_NONE)
		no = inspect_judge(&rows, s, &c->policy, (int64_t)time(NULL), why);
	table_free(&rows);
	if (no != REFUSAL_NONE)
		return diag_prefix(why, ERR_REFUSED, "%s: refused (%s)", s->name, refusal_name(no));
	return e == OK ? extract_fingerprint(fingerprint, &stamp, c, s, why) : e;
}

static void print_approval(const struct study *s, const struct client_config *c, const struct approval *a, bool as_json)
{
	struct json *root;
	struct buf text;

	if (as_json) {
		root = json_new_object();
		json_set_string(root, "study", a->study);
		json_set_integer(root, "revision", a->revision);
		json_set_hash(root, "study_hash", &a->study_hash);
		json_set_string(root, "approved", a->when);
		screen_json(root);
		return;
	}
	buf_init(&text, WORDS_MAX);
	desk_words(&text, s, c);
	fputs(buf_text(&text), stdout);
	buf_free(&text);
	printf("\nApproved on %s.\n", a->when);
}

static enum err approve(const struct client_config *c, const struct study *s, struct approval *a, struct diag *why)
{
	uint32_t ended;
	enum err e;

	describe(a, s);
	e = judge(c, s, &a->fingerprint, why);
	if (e == OK)
		e = approval_write(c->state, a, APPROVAL_GIVEN, why);
	if (e == OK)
		e = end_approvals(c, s->name, &s->hash, &ended, why);
	return e;
}

int commands_approve(const struct command_line *line, struct diag *why)
{
	const char *name, *hash = command_value(line, "hash", 0);
	struct client_config config = {0};
	struct approval a;
	struct study s = {0};
	enum err e = desk_study(&name, line, why);

	if (e == OK && hash == NULL)
		e = diag_set(
			why, ERR_USAGE,
			"approve: --hash is needed, so that nobody approves what was not read; `cohort-client show "
			"%s` shows it",
			name);
	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_contract(&s, &config, name, hash, why);
	if (e == OK)
		e = approve(&config, &s, &a, why);
	if (e == OK) {
		print_approval(&s, &config, &a, command_flag(line, "json"));
		screen_next("`cohort-client run` takes part from now on; a running one begins within two seconds.");
	}
	study_free(&s);
	client_config_free(&config);
	return err_exit(e);
}

/* ---- reject */

/* With no daemon to do it. That the coordinator is away is no failure of the rejection: it holds here, at once. */
static void tell_coordinator(const struct client_config *c, const struct approval *a)
{
	struct entropy entropy = entropy_system();
	struct requester *r = NULL;
	struct diag why = {{0}};
	uint8_t id[16];
	char hex[2 * sizeof id + 1];
	int lock = -1;
	enum err e = state_lock(&lock, c->state, &why);

	if (e == OK)
		e = desk_connect(&r, c, &why);
	if (e == OK) {
		entropy_fill(&entropy, id, sizeof id);
		hex_encode(hex, bytes_of(id, sizeof id));
		request_set_header(r, "Cohort-Session", hex);
		e = wire_answer(r, a->study, &a->study_hash, a->withdrawn ? ANSWER_WITHDRAWN : ANSWER_REJECTED, &why);
	}
	if (e == OK || e == ERR_NOT_FOUND || e == ERR_CONFLICT)
		e = approval_told(c->state, &a->study_hash, &why);
	if (e == OK)
		screen_next("The coordinator knows.");
	else
		screen_next("The coordinator does not know yet (%s); `cohort-client run` will tell it.", why.text);
	request_close(r);
	state_unlock(lock);
}

static enum err reject(const struct client_config *c, const struct study *s, struct approval *a, struct diag *why)
{
	struct approval before;
	uint32_t ended = 0;
	enum err e;

	describe(a, s);
	a->withdrawn = approval_read(&before, c->state, &s->hash, APPROVAL_GIVEN, NULL) == OK;
	e = approval_write(c->state, a, APPROVAL_REJECTED, why);
	if (e == OK)
		e = end_approvals(c, s->name, NULL, &ended, why);
	return e;
}

static void print_rejection(const struct approval *a, bool as_json)
{
	struct json *root;

	if (!as_json) {
		printf("%s revision %u: %s on %s\n", a->study, a->revision, a->withdrawn ? "withdrawn" : "rejected",
		       a->when);
		return;
	}
	root = json_new_object();
	json_set_string(root, "study", a->study);
	json_set_integer(root, "revision", a->revision);
	json_set_hash(root, "study_hash", &a->study_hash);
	json_set_string(root, a->withdrawn ? "withdrawn" : "rejected", a->when);
	screen_json(root);
}

int commands_reject(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *daemon = NULL;
	struct approval a;
	struct study s = {0};
	const char *name;
	enum err e = desk_study(&name, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_contract(&s, &config, name, command_value(line, "hash", 0), why);
	if (e == OK)
		e = reject(&config, &s, &a, why);
	if (e == OK) {
		print_rejection(&a, command_flag(line, "json"));
		if (desk_daemon(&daemon, &config, NULL) == OK && daemon != NULL)
			screen_next("The running cohort-client stops taking part within two seconds and tells the "
			            "coordinator.");
		else
			tell_coordinator(&config, &a);
	}
	json_free(daemon);
	study_free(&s);
	client_config_free(&config);
	return err_exit(e);
}
