#include "coordinator/campaign_record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const phases[PHASE_COUNT] = {"ready", "running", "finished", "stopped", "failed"};

void campaign_record_free(struct campaign_record *r)
{
	message_free(&r->round);
	message_free(&r->closed);
	message_free(&r->finished);
	memset(r, 0, sizeof *r);
}

static struct json *model_save(const struct campaign_model *m)
{
	struct json *node = json_new_object();

	json_set_hash(node, "sha256", &m->sha256);
	json_set_integer(node, "octets", (int64_t)m->octets);
	json_set_integer(node, "step", m->step);
	return node;
}

static enum err model_load(struct campaign_model *m, const struct json *node, const char *what, struct diag *why)
{
	struct json_reader r;

	json_read_begin(&r, node, what, why);
	json_read_hash(&r, "sha256", &m->sha256);
	m->octets = (uint64_t)json_read_integer(&r, "octets", 0, (int64_t)MODEL_FILE_MAX);
	m->step = (uint32_t)json_read_integer(&r, "step", 0, ROUNDS_MAX);
	if (json_read_end(&r) != OK)
		return ERR_DATA;
	if (hash_is_zero(&m->sha256) != (m->octets == 0))
		return diag_set(why, ERR_DATA, "campaign record: %s has a hash or a length, but not both", what);
	return OK;
}

/* A message that is there, or null. */
static void message_save(struct json *record, const char *key, const struct message *m)
{
	json_set(record, key, m->seq == 0 ? json_new_null() : message_to_json(m));
}

static enum err message_load(struct message *m, struct json_reader *r, enum message_type type, struct diag *why)
{
	const char *key = message_type_name(type);
	const struct json *node;
	enum err e;

	if (!json_has(r, key)) {
		json_read_null(r, key);
		return OK;
	}
	node = json_read_object(r, key);
	if (node == NULL)
		return ERR_DATA;
	e = message_from_json(m, node, key, why);
	if (e == OK && m->type != type)
		e = diag_set(why, ERR_DATA, "campaign record: \"%s\" holds a message of another type", key);
	return e;
}

struct json *campaign_record_save(const struct campaign_record *r)
{
	struct json *node = json_new_object();

	json_set_string(node, "phase", phases[r->phase]);
	json_set_bool(node, "paused", r->paused);
	json_set_integer(node, "seq", (int64_t)r->seq);
	json_set_integer(node, "step", r->step);
	json_set_bool(node, "open", r->open);
	json_set_bool(node, "retry", r->retry);
	message_save(node, "round", &r->round);
	message_save(node, "closed", &r->closed);
	message_save(node, "finished", &r->finished);
	json_set(node, "model", model_save(&r->model));
	json_set(node, "best", model_save(&r->best));
	json_set(node, "best_value", isnan(r->best_value) ? json_new_null() : json_new_real(r->best_value));
	json_set_string(node, "failure", r->failure);
	if (r->clip > 0)
		json_set_real(node, "clip", r->clip);
	if (r->lost > 0)
		json_set_integer(node, "lost", r->lost);
	if (r->released)
		json_set_bool(node, "released", true);
	return node;
}

static bool phase_from(enum campaign_phase *out, const char *name)
{
	for (int i = 0; i < PHASE_COUNT; i++) {
		if (strcmp(name, phases[i]) == 0) {
			*out = (enum campaign_phase)i;
			return true;
		}
	}
	return false;
}

static void read_privacy(struct campaign_record *out, struct json_reader *r)
{
	if (json_has(r, "clip"))
		out->clip = json_read_real(r, "clip", DBL_MIN, DBL_MAX);
	if (json_has(r, "lost"))
		out->lost = (uint32_t)json_read_integer(r, "lost", 1, ROUNDS_MAX);
	if (json_has(r, "released"))
		out->released = json_read_bool(r, "released");
}

static enum err read_all(struct campaign_record *out, struct json_reader *r, struct diag *why)
{
	enum err e;

	if (!phase_from(&out->phase, json_read_string(r, "phase", NAME_SIZE)))
		return diag_set(why, ERR_DATA, "campaign record: unknown phase");
	out->paused = json_read_bool(r, "paused");
	out->seq = (uint64_t)json_read_integer(r, "seq", 0, MESSAGE_INTEGER_MAX);
	out->step = (uint32_t)json_read_integer(r, "step", 0, ROUNDS_MAX + 2);
	out->open = json_read_bool(r, "open");
	out->retry = json_read_bool(r, "retry");
	e = message_load(&out->round, r, MESSAGE_ROUND, why);
	if (e == OK)
		e = message_load(&out->closed, r, MESSAGE_CLOSED, why);
	if (e == OK)
		e = message_load(&out->finished, r, MESSAGE_FINISHED, why);
	if (e == OK)
		e = model_load(&out->model, json_read_object(r, "model"), "model", why);
	if (e == OK)
		e = model_load(&out->best, json_read_object(r, "best"), "best", why);
	if (e != OK)
		return e;
	out->best_value = NAN;
	if (json_has(r, "best_value"))
		out->best_value = json_read_real(r, "best_value", -INFINITY, INFINITY);
	else
		json_read_null(r, "best_value");
	snprintf(out->failure, sizeof out->failure, "%s", json_read_string(r, "failure", DIAG_MAX - 1));
	read_privacy(out, r);
	return json_read_end(r);
}

enum err campaign_record_load(struct campaign_record *out, const struct json *node, struct diag *why)
{
	struct json_reader r;
	enum err e;

	memset(out, 0, sizeof *out);
	json_read_begin(&r, node, "campaign record", why);
	e = read_all(out, &r, why);
	if (e != OK)
		campaign_record_free(out);
	return e == OK ? OK : ERR_DATA;
}

/* ---- whether it can be gone on with */

static bool is_of(const struct message *m, const struct campaign_record *r, const struct study *s)
{
	return m->seq == 0 ||
	       (m->seq <= r->seq && strcmp(m->study, s->name) == 0 && hash_equal(&m->plan.study_hash, &s->hash));
}

static bool privacy_fits(const struct campaign_record *r, const struct study *s)
{
	const struct privacy_plan *p = &s->privacy;
	bool ranged = r->clip >= p->clip / ROUND_CLIP_RANGE && r->clip <= p->clip * ROUND_CLIP_RANGE;

	return r->lost <= p->spare_rounds && (!r->released || p->mechanism != PRIVACY_NONE) &&
	       (r->clip == 0 || (round_plan_adapts(s) && ranged));
}

/* What contradicts itself; NULL: nothing. */
static const char *contradiction(const struct campaign_record *r, const struct study *s)
{
	bool over = r->phase >= PHASE_FINISHED, has_model = !hash_is_zero(&r->model.sha256);

	if (!is_of(&r->round, r, s) || !is_of(&r->closed, r, s) || !is_of(&r->finished, r, s))
		return "a message is not of this study, or newer than the newest";
	if (over != (r->finished.seq != 0))
		return "the end of the study and the message about it do not agree";
	if ((r->phase == PHASE_FAILED) != (r->failure[0] != '\0'))
		return "a study that has failed, and no other, has words for it";
	if ((r->open || r->retry) && (r->phase != PHASE_RUNNING || r->open == r->retry || r->round.seq == 0))
		return "a round is open or to be tried again, but not both, while the study runs, and has a plan";
	if ((r->open || r->retry) && r->round.plan.step != r->step)
		return "the round is not of the study's step";
	if (has_model != (r->step > 0) || has_model == hash_is_zero(&r->best.sha256))
		return "there are models from the first step on, and not before";
	if (r->phase == PHASE_RUNNING && round_plan_asks(s, r->step) == 0)
		return "the study runs, but has no round left";
	if (!privacy_fits(r, s))
		return "lost rounds or a clip are not what the contract permits";
	return NULL;
}

enum err campaign_record_check(const struct campaign_record *r, const struct study *s, struct diag *why)
{
	const char *words = contradiction(r, s);

	if (words != NULL)
		return diag_set(why, ERR_DATA, "campaign record: %s", words);
	if (r->round.seq != 0 && round_plan_check(&r->round.plan, s, r->round.plan.sites[0], why) != OK)
		return diag_prefix(why, ERR_DATA, "campaign record");
	return OK;
}
