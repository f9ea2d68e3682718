/*
 * Writing and reading of control messages. Each type is one function that writes its fields and one that reads them, over
 * the parts that several types share. Readings go on after a failure and are asked once, at the end; a failure of ours
 * (a list that is not ascending) sticks in the same place as one of the JSON reader.
 */
#include "protocol/message.h"

#include "base/name.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 32 /* the longest of our own words, with room: "policy_evaluation" */

static const char *const type_names[MESSAGE_TYPE_COUNT] = {"round", "closed", "finished", "answer", "refusal"};
static const char *const outcome_names[OUTCOME_COUNT] = {"done", "failed", "abandoned"};
static const char *const answer_names[ANSWER_COUNT] = {"approved", "rejected", "withdrawn"};
static const char *const ask_names[] = {"statistics", "train", "evaluate"}; /* bit 0, 1, 2 of enum ask */
enum { ASK_BITS = 3 };

void message_free(struct message *m)
{
	round_plan_free(&m->plan);
	free(m->participants);
	*m = (struct message){0};
}

const char *message_type_name(enum message_type t)
{
	CHECK((unsigned)t < MESSAGE_TYPE_COUNT);
	return type_names[t];
}

const char *outcome_name(enum round_outcome o)
{
	CHECK((unsigned)o < OUTCOME_COUNT);
	return outcome_names[o];
}

const char *answer_name(enum site_answer a)
{
	CHECK((unsigned)a < ANSWER_COUNT);
	return answer_names[a];
}

bool message_from_coordinator(enum message_type t)
{
	return t == MESSAGE_ROUND || t == MESSAGE_CLOSED || t == MESSAGE_FINISHED;
}

/* ---- writing */

static void set_sites(struct json *o, const char *key, const uint32_t *sites, uint32_t count)
{
	struct json *list = json_new_array();
	for (uint32_t i = 0; i < count; i++)
		json_add(list, json_new_integer(sites[i]));
	json_set(o, key, list);
}

static void set_asks(struct json *o, unsigned asks)
{
	CHECK(asks != 0 && asks < 1u << ASK_BITS);
	struct json *list = json_new_array();
	for (unsigned i = 0; i < ASK_BITS; i++)
		if (asks & 1u << i)
			json_add(list, json_new_string(ask_names[i]));
	json_set(o, "asks", list);
}

static void set_model(struct json *o, const struct hash *model, uint64_t octets)
{
	CHECK(hash_is_zero(model) == (octets == 0));
	json_set_hash(o, "model", model);
	json_set_integer(o, "model_octets", (int64_t)octets);
}

static void set_attempt(struct json *o, const struct round_plan *p)
{
	json_set_integer(o, "round", (int64_t)p->round);
	json_set_integer(o, "attempt", p->attempt);
}

static void write_round(struct json *o, const struct message *m)
{
	set_attempt(o, &m->plan);
	json_set_integer(o, "step", m->plan.step);
	set_asks(o, m->plan.asks);
	set_model(o, &m->plan.model, m->plan.model_octets);
	if (!hash_is_zero(&m->plan.roster))
		json_set_hash(o, "roster", &m->plan.roster);
	if (m->plan.clip > 0)
		json_set_real(o, "clip", m->plan.clip);
	set_sites(o, "sites", m->plan.sites, m->plan.site_count);
}

static void write_closed(struct json *o, const struct message *m)
{
	CHECK((m->outcome == OUTCOME_DONE) == (m->participant_count > 0));
	set_attempt(o, &m->plan);
	json_set_string(o, "outcome", outcome_name(m->outcome));
	set_sites(o, "participants", m->participants, m->participant_count);
	set_model(o, &m->model, m->model_octets);
}

static void write_finished(struct json *o, const struct message *m)
{
	json_set_bool(o, "complete", m->complete);
	set_model(o, &m->model, m->model_octets);
}

static void write_answer(struct json *o, const struct message *m)
{
	json_set_string(o, "answer", answer_name(m->answer));
}

static void write_refusal(struct json *o, const struct message *m)
{
	CHECK(m->refusal != REFUSAL_NONE);
	set_attempt(o, &m->plan);
	json_set_string(o, "refusal", refusal_name(m->refusal));
}

struct json *message_to_json(const struct message *m)
{
	static void (*const write[MESSAGE_TYPE_COUNT])(struct json *, const struct message *) = {
		[MESSAGE_ROUND] = write_round,   [MESSAGE_CLOSED] = write_closed,   [MESSAGE_FINISHED] = write_finished,
		[MESSAGE_ANSWER] = write_answer, [MESSAGE_REFUSAL] = write_refusal,
	};
	CHECK(message_from_coordinator(m->type) == (m->seq > 0));
	struct json *o = json_new_object();
	json_set_string(o, "type", message_type_name(m->type));
	if (m->seq > 0)
		json_set_integer(o, "seq", (int64_t)m->seq);
	json_set_string(o, "study", m->study);
	json_set_hash(o, "study_hash", &m->plan.study_hash);
	write[m->type](o, m);
	return o;
}

void message_write(struct buf *out, const struct message *m)
{
	struct json *o = message_to_json(m);
	json_write(out, o, false);
	json_free(o);
}

/* ---- reading */

static void broken(struct json_reader *r, const char *key, const char *words)
{
	if (!r->failed)
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" %s", r->what, key, words);
}

static unsigned read_word(struct json_reader *r, const char *key, const char *const *names, unsigned count)
{
	const char *word = json_read_string(r, key, WORD_SIZE);
	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	broken(r, key, "is a word that is not on its list");
	return 0;
}

static uint32_t *read_sites(struct json_reader *r, const char *key, uint32_t *count)
{
	const struct json *list = json_read_array(r, key, SITES_MAX);
	*count = 0;
	if (!list || json_count(list) == 0)
		return NULL;
	uint32_t *sites = mem_array(json_count(list), sizeof(*sites));
	int64_t last = 0;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		int64_t site = json_kind(item) == JSON_IS_INTEGER ? json_as_integer(item) : 0;
		if (site <= last || site > UINT32_MAX) {
			broken(r, key, "must hold site numbers from 1 on, in ascending order");
			break;
		}
		sites[(*count)++] = (uint32_t)site;
		last = site;
	}
	return sites;
}

static unsigned read_asks(struct json_reader *r)
{
	const struct json *list = json_read_array(r, "asks", ASK_BITS);
	unsigned asks = 0;
	for (size_t i = 0; list && i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		unsigned bit = 0;
		while (bit < ASK_BITS &&
		       (json_kind(item) != JSON_IS_STRING || strcmp(ask_names[bit], json_as_string(item)) != 0))
			bit++;
		if (bit == ASK_BITS || asks >> bit != 0) {
			asks = 0;
			break;
		}
		asks |= 1u << bit;
	}
	if (asks == 0)
		broken(r, "asks", "must hold some of statistics, train, evaluate, in this order");
	return asks;
}

static void read_model(struct json_reader *r, struct hash *model, uint64_t *octets)
{
	json_read_hash(r, "model", model);
	*octets = (uint64_t)json_read_integer(r, "model_octets", 0, MODEL_FILE_MAX);
	if (hash_is_zero(model) != (*octets == 0))
		broken(r, "model_octets", "must be 0 when, and only when, \"model\" is null");
}

static void read_attempt(struct json_reader *r, struct round_plan *p)
{
	p->round = (uint64_t)json_read_integer(r, "round", 1, MESSAGE_INTEGER_MAX);
	p->attempt = (uint32_t)json_read_integer(r, "attempt", 1, ATTEMPTS_MAX);
}

static void read_round(struct json_reader *r, struct message *m)
{
	read_attempt(r, &m->plan);
	m->plan.step = (uint32_t)json_read_integer(r, "step", 0, ROUNDS_MAX + 1);
	m->plan.asks = read_asks(r);
	read_model(r, &m->plan.model, &m->plan.model_octets);
	if (json_has(r, "roster")) /* not null: a clear round has no such key */
		json_read_hash(r, "roster", &m->plan.roster);
	if (json_has(r, "clip")) /* not null either: only where the clip follows the updates */
		m->plan.clip = json_read_real(r, "clip", DBL_MIN, DBL_MAX);
	m->plan.sites = read_sites(r, "sites", &m->plan.site_count);
	if (m->plan.site_count == 0)
		broken(r, "sites", "must not be empty");
}

static void read_closed(struct json_reader *r, struct message *m)
{
	read_attempt(r, &m->plan);
	m->outcome = (enum round_outcome)read_word(r, "outcome", outcome_names, OUTCOME_COUNT);
	m->participants = read_sites(r, "participants", &m->participant_count);
	if ((m->outcome == OUTCOME_DONE) != (m->participant_count > 0))
		broken(r, "participants", "must be empty unless the outcome is done, and not empty then");
	read_model(r, &m->model, &m->model_octets);
}

static void read_finished(struct json_reader *r, struct message *m)
{
	m->complete = json_read_bool(r, "complete");
	read_model(r, &m->model, &m->model_octets);
}

static void read_answer(struct json_reader *r, struct message *m)
{
	m->answer = (enum site_answer)read_word(r, "answer", answer_names, ANSWER_COUNT);
}

static void read_refusal(struct json_reader *r, struct message *m)
{
	read_attempt(r, &m->plan);
	if (!refusal_from(&m->refusal, json_read_string(r, "refusal", WORD_SIZE)))
		broken(r, "refusal", "is a code that is not on the list");
}

static void read_common(struct json_reader *r, struct message *m)
{
	m->type = (enum message_type)read_word(r, "type", type_names, MESSAGE_TYPE_COUNT);
	if (message_from_coordinator(m->type))
		m->seq = (uint64_t)json_read_integer(r, "seq", 1, MESSAGE_INTEGER_MAX);
	const char *study = json_read_string(r, "study", NAME_SIZE - 1);
	if (!name_is_study(study))
		broken(r, "study", "is no name of a study");
	snprintf(m->study, sizeof(m->study), "%s", study);
	json_read_hash(r, "study_hash", &m->plan.study_hash);
	if (hash_is_zero(&m->plan.study_hash))
		broken(r, "study_hash", "must be a hash");
}

static enum err read_message(struct message *out, const struct json *node, const char *what, struct diag *why)
{
	static void (*const read[MESSAGE_TYPE_COUNT])(struct json_reader *, struct message *) = {
		[MESSAGE_ROUND] = read_round,   [MESSAGE_CLOSED] = read_closed,   [MESSAGE_FINISHED] = read_finished,
		[MESSAGE_ANSWER] = read_answer, [MESSAGE_REFUSAL] = read_refusal,
	};
	struct message m = {0};
	struct json_reader r;
	json_read_begin(&r, node, what, why);
	read_common(&r, &m);
	if (!r.failed)
		read[m.type](&r, &m);
	if (json_read_end(&r)) {
		message_free(&m);
		return ERR_PEER_MESSAGE;
	}
	*out = m;
	return OK;
}

enum err message_from_json(struct message *out, const struct json *node, const char *from, struct diag *why)
{
	char what[2 * NAME_SIZE];
	snprintf(what, sizeof(what), "message from %s", from);
	return read_message(out, node, what, why);
}

enum err message_parse(struct message *out, struct bytes text, const char *from, struct diag *why)
{
	char what[2 * NAME_SIZE];
	snprintf(what, sizeof(what), "message from %s", from);
	struct json *node;
	if (json_parse(&node, text, MESSAGE_MAX, what, why))
		return ERR_PEER_MESSAGE;
	enum err e = read_message(out, node, what, why);
	json_free(node);
	return e;
}
