#include "client/desk.h"

#include "base/name.h"
#include "client/agent.h"
#include "client/approval.h"
#include "client/contract.h"
#include "client/records.h"
#include "client/roster_file.h"
#include "client/state.h"
#include "client/words.h"
#include "net/local.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES_MAX 20 /* of 100 ms: another command has the folder for milliseconds, a daemon that begins for as long */
#define TRY_AGAIN_MS 100

enum err desk_config(struct client_config *out, const struct command_line *line, struct diag *why)
{
	const char *path = command_value(line, "config", 0);
	enum err e = client_config_load(out, path != NULL ? path : CLIENT_CONFIG_FILE, why);

	if (e == ERR_NO_INPUT && path == NULL)
		diag_set(why, e, "no %s in this folder; go to it, or name it: --config FILE", CLIENT_CONFIG_FILE);
	return e;
}

enum err desk_study(const char **out, const struct command_line *line, struct diag *why)
{
	*out = line->operands[0];
	if (name_is_study(*out))
		return OK;
	return diag_set(why, ERR_USAGE, "\"%s\" is no study's name; `cohort-client studies` lists them", *out);
}

enum err desk_connect(struct requester **out, const struct client_config *c, struct diag *why)
{
	struct request_config config = client_config_request(c);
	enum err e = request_open(out, &config, why);

	if (e == OK && strcmp(request_self(*out)->name, c->site) != 0) {
		e = yaml_complain(c->document, why, ERR_CONFIG, "site", "the certificate %s is that of %s",
		                  c->tls.certificate, request_self(*out)->name);
		request_close(*out);
		*out = NULL;
	}
	return e;
}

enum err desk_contract(struct study *out, const struct client_config *c, const char *study, const char *hash,
                       struct diag *why)
{
	struct hash wanted;
	enum err e;

	memset(out, 0, sizeof *out);
	if (hash == NULL)
		return contract_find(out, c->state, study, why);
	if (!hash_from_hex(&wanted, hash))
		return diag_set(
			why, ERR_USAGE,
			"--hash: all 64 digits [0-9a-f], as `cohort-client show %s` prints them: whoever wrote the "
			"study could make two contracts that begin alike",
			study);
	e = contract_load(out, c->state, &wanted, why);
	if (e == OK && strcmp(out->name, study) != 0) {
		e = diag_set(why, ERR_NOT_FOUND, "%s is the hash of study %s, not of %s", hash, out->name, study);
		study_free(out);
	}
	return e;
}

void desk_words(struct buf *out, const struct study *s, const struct client_config *c)
{
	struct roster roster;
	bool has_roster = roster_file_load(&roster, c->state, c->tls.authority, NULL) == OK;
	struct budget budget = {0};
	bool spends = s->privacy.mechanism != PRIVACY_NONE && desk_budget(&budget, c, NULL) == OK;
	const struct words_place place = {.policy = &c->policy,
	                                  .budget = spends ? &budget : NULL,
	                                  .roster = has_roster ? &roster : NULL,
	                                  .site = c->site,
	                                  .now_s = (int64_t)time(NULL)};

	words_contract(out, s, &place);
	budget_free(&budget);
	roster_free(&roster);
}

/* ---- the daemon */

static enum err ask(struct json **out, const struct client_config *c, const char *target, struct diag *why)
{
	char path[PATH_SIZE];
	struct buf answer;
	unsigned status = 0;
	enum err e = state_path(path, c->state, AGENT_SOCKET, why);

	*out = NULL;
	buf_init(&answer, AGENT_ANSWER_MAX);
	if (e == OK)
		e = local_call(path, "GET", target, bytes_of(NULL, 0), &status, &answer, why);
	if (e == OK && status != 200)
		e = diag_set(why, ERR_PROTOCOL, "%s: the daemon answered %u; is it of another version?", path, status);
	if (e == OK)
		e = json_parse(out, buf_bytes(&answer), AGENT_ANSWER_MAX, "the daemon's answer", why);
	buf_free(&answer);
	return e;
}

enum err desk_daemon(struct json **out, const struct client_config *c, struct diag *why)
{
	struct diag words = {{0}};
	enum err e = ask(out, c, "/v1/status", &words);

	return e == OK || e == ERR_UNREACHABLE ? OK : diag_set(why, e, "%s", words.text);
}

static enum err read_ledger(struct json **out, const struct client_config *c, const char *study, struct diag *why)
{
	struct ledger *ledger = NULL;
	int lock;
	enum err e = state_lock(&lock, c->state, why);

	if (e == OK)
		e = ledger_open(&ledger, c->state, why);
	if (e == OK)
		*out = records_of(ledger, c->state, study);
	ledger_close(ledger);
	state_unlock(lock);
	return e;
}

enum err desk_records(struct json **out, const struct client_config *c, const char *study, struct diag *why)
{
	char target[NAME_SIZE + sizeof "/v1/ledger?study="];
	struct diag words = {{0}};
	enum err e = ERR_AGAIN;

	if (study != NULL && !name_is_study(study))
		return diag_set(why, ERR_USAGE, "\"%s\" is no study's name", study);
	snprintf(target, sizeof target, "/v1/ledger%s%s", study != NULL ? "?study=" : "", study != NULL ? study : "");
	for (int i = 0; e == ERR_AGAIN && i < TRIES_MAX; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_MS * 1000000L}, NULL);
		e = ask(out, c, target, &words);
		if (e == ERR_UNREACHABLE && ledger_exists(c->state)) {
			e = read_ledger(out, c, study, &words);
		} else if (e == ERR_UNREACHABLE) {
			*out = records_none();
			e = OK;
		}
	}
	return e == OK ? OK : diag_set(why, e, "%s", words.text);
}

enum err desk_budget(struct budget *out, const struct client_config *c, struct diag *why)
{
	struct json *records = NULL;
	enum err e = desk_records(&records, c, NULL, why);

	if (e == OK)
		records_budget(out, records);
	json_free(records);
	return e;
}

enum err desk_loss(uint64_t *out, const struct client_config *c, struct diag *why)
{
	struct json *records = NULL;
	enum err e = desk_records(&records, c, NULL, why);
	const struct json *losses = e == OK ? json_get(records, "losses") : NULL;

	*out = 0;
	if (losses != NULL && json_count(losses) > 0)
		*out = (uint64_t)records_integer(json_at(losses, json_count(losses) - 1), "entry");
	json_free(records);
	return e;
}

/* ---- standing */

const struct json *desk_entry(const struct json *root, const char *list, const struct hash *study_hash)
{
	const struct json *array = root != NULL ? json_get(root, list) : NULL;
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, study_hash);
	for (size_t i = 0; array != NULL && i < json_count(array); i++) {
		const struct json *hash = json_get(json_at(array, i), "study_hash");

		if (hash != NULL && json_kind(hash) == JSON_IS_STRING && strcmp(json_as_string(hash), hex) == 0)
			return json_at(array, i);
	}
	return NULL;
}

const char *desk_standing(const struct client_config *c, const struct json *records, const struct json *daemon,
                          const struct hash *study_hash)
{
	const struct json *ending = desk_entry(records, "endings", study_hash);
	const struct json *member = desk_entry(daemon, "members", study_hash);
	struct study contract;
	struct approval a;

	if (ending != NULL)
		return json_as_bool(json_get(ending, "complete")) ? "finished" : "stopped";
	if (approval_read(&a, c->state, study_hash, APPROVAL_REJECTED, NULL) == OK)
		return "rejected";
	if (approval_read(&a, c->state, study_hash, APPROVAL_GIVEN, NULL) == OK)
		return member != NULL && strcmp(json_as_string(json_get(member, "state")), "running") == 0 ? "running"
		                                                                                           : "approved";
	if (contract_load(&contract, c->state, study_hash, NULL) != OK)
		return "new";
	study_free(&contract);
	return "fetched";
}
