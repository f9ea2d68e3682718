#include "client/records.h"

#include "client/contract.h"
#include "client/cost_json.h"
#include "model/metrics_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void set_moment(struct json *node, const char *key, int64_t moment_s)
{
	time_t at = (time_t)moment_s;
	char text[32];
	struct tm utc;

	CHECK(gmtime_r(&at, &utc) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
	json_set_string(node, key, text);
}

static const struct {
	enum ask ask;
	const char *name;
} asks_table[] = {{ASK_STATISTICS, "statistics"}, {ASK_TRAIN, "train"}, {ASK_EVALUATE, "evaluate"}};

#define ASKS (sizeof asks_table / sizeof *asks_table)

static struct json *asks_of(unsigned asks)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < ASKS; i++)
		if (asks & asks_table[i].ask)
			json_add(list, json_new_string(asks_table[i].name));
	return list;
}

static void set_text_or_null(struct json *node, const char *key, const char *text)
{
	json_set_string(node, key, text[0] != '\0' ? text : NULL);
}

static struct json *own_of(const struct contribution_report *own)
{
	struct json *node = json_new_object();

	json_set_real(node, "training_rows", own->training_rows);
	json_set_real(node, "weight", own->weight);
	json_set_real(node, "training_loss", own->training_loss);
	json_set_integer(node, "saturated", (int64_t)own->saturated);
	json_set(node, "validation", own->evaluated ? metrics_json_of(&own->validation) : json_new_null());
	json_set(node, "test", own->evaluated ? metrics_json_of(&own->test) : json_new_null());
	return node;
}

static void set_privacy(struct json *node, const struct release_record *r)
{
	const struct budget_debit *d = &r->debit;
	bool spends = d->part_count > 0;

	json_set_string(node, "mechanism", privacy_mechanism_name(d->mechanism));
	json_set(node, "clip", r->clip > 0 ? json_new_real(r->clip) : json_new_null());
	json_set_string(node, "unit", spends ? privacy_unit_name(d->unit) : NULL);
	json_set_string(node, "kind", spends ? budget_what_name(d->what) : NULL);
	json_set(node, "cost", cost_json_of(d));
}

static void add_release(void *context, const struct ledger_line *line)
{
	const struct release_record *r = &line->record;
	struct json *node = json_new_object();
	bool done = line->participants > 0;

	json_set_string(node, "study", line->study);
	json_set_hash(node, "study_hash", &r->study_hash);
	json_set_integer(node, "round", (int64_t)r->round);
	json_set_integer(node, "step", r->step);
	json_set(node, "asks", asks_of(r->asks));
	json_set_integer(node, "sites", r->sites);
	json_set_integer(node, "octets", (int64_t)r->octets);
	json_set_hash(node, "sha256", &r->content);
	if (hash_is_zero(&line->masked))
		json_set(node, "masked_sha256", json_new_null());
	else
		json_set_hash(node, "masked_sha256", &line->masked);
	json_set_hash(node, "plan_hash", &r->plan_hash);
	set_moment(node, "released", line->released_s);
	json_set_string(node, "allowed", line->allowed);
	set_text_or_null(node, "sent", line->sent);
	json_set(node, "attempt", line->attempt > 0 ? json_new_integer(line->attempt) : json_new_null());
	set_text_or_null(node, "outcome", line->outcome);
	json_set(node, "participants", done ? json_new_integer(line->participants) : json_new_null());
	json_set_bool(node, "kept", line->kept);
	set_privacy(node, r);
	json_set(node, "own", line->has_own ? own_of(&line->own) : json_new_null());
	json_add(context, node);
}

struct endings {
	struct ledger *ledger;
	struct json *list;
};

static void add_ending(void *context, const struct study *study)
{
	struct endings *e = context;
	struct ledger_ending ending;
	struct json *node;

	if (!ledger_ending(e->ledger, &study->hash, &ending))
		return;
	node = json_new_object();
	json_set_string(node, "study", study->name);
	json_set_hash(node, "study_hash", &study->hash);
	json_set_bool(node, "complete", ending.complete);
	json_set_hash(node, "model", &ending.model);
	json_set_integer(node, "model_octets", (int64_t)ending.model_octets);
	json_add(e->list, node);
}

static struct json *sums_of(const struct rdp *r)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < RDP_ORDERS; i++)
		json_add(list, json_new_real(r->sums[i]));
	return list;
}

static struct json *spent_of(struct ledger *l)
{
	struct json *list = json_new_array();
	struct budget budget = {0};
	char name[NAME_SIZE];

	ledger_budget(l, &budget);
	for (uint32_t i = 0; i < budget.count; i++) {
		const struct budget_study *s = &budget.studies[i];
		struct json *node = json_new_object();

		ledger_study_name(l, name, &s->study_hash);
		json_set_string(node, "study", name);
		json_set_hash(node, "study_hash", &s->study_hash);
		json_set_string(node, "unit", privacy_unit_name(s->unit));
		for (int what = 0; what < BUDGET_WHATS; what++)
			json_set_integer(node, budget_what_name((enum privacy_debit)what), (int64_t)s->releases[what]);
		json_set(node, "training_sums", sums_of(&s->training));
		json_set(node, "evaluation_sums", sums_of(&s->evaluation));
		json_add(list, node);
	}
	budget_free(&budget);
	return list;
}

static void add_loss(void *context, uint64_t number, uint64_t had, int64_t stated_s)
{
	struct json *node = json_new_object();

	json_set_integer(node, "entry", (int64_t)number);
	json_set_integer(node, "had", (int64_t)had);
	set_moment(node, "stated", stated_s);
	json_add(context, node);
}

/* How the ledger stands by itself; of none: no entry. */
static void set_chain(struct json *root, struct ledger *l)
{
	struct json *losses = json_new_array();
	struct hash head = {{0}};

	json_set_integer(root, "entries", l != NULL ? (int64_t)ledger_head(l, &head) : 0);
	if (hash_is_zero(&head))
		json_set(root, "head", json_new_null());
	else
		json_set_hash(root, "head", &head);
	if (l != NULL)
		ledger_each_loss(l, add_loss, losses);
	json_set(root, "losses", losses);
}

struct json *records_of(struct ledger *l, const char *state, const char *study)
{
	struct json *root = json_new_object(), *releases = json_new_array();
	struct endings endings = {l, json_new_array()};

	ledger_each(l, study, add_release, releases);
	contract_each(state, add_ending, &endings);
	json_set(root, "releases", releases);
	json_set(root, "endings", endings.list);
	json_set(root, "spent", spent_of(l));
	set_chain(root, l);
	return root;
}

struct json *records_none(void)
{
	struct json *root = json_new_object();

	json_set(root, "releases", json_new_array());
	json_set(root, "endings", json_new_array());
	json_set(root, "spent", json_new_array());
	set_chain(root, NULL);
	return root;
}

/* ---- what was spent */

/* Anything but a number is more than any. */
static void read_sums(struct rdp *out, const struct json *list)
{
	for (size_t i = 0; i < RDP_ORDERS; i++) {
		const struct json *sum = i < json_count(list) ? json_at(list, i) : NULL;
		bool number = sum != NULL && (json_kind(sum) == JSON_IS_INTEGER || json_kind(sum) == JSON_IS_REAL);

		out->sums[i] = number ? json_as_real(sum) : (double)INFINITY;
	}
}

void records_budget(struct budget *out, const struct json *records)
{
	const struct json *list = json_get(records, "spent");

	budget_free(out);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *node = json_at(list, i);
		struct budget_study *study;
		struct hash study_hash;

		CHECK(hash_from_hex(&study_hash, records_text(node, "study_hash")));
		study = budget_study_of(out, &study_hash);
		read_sums(&study->training, json_get(node, "training_sums"));
		read_sums(&study->evaluation, json_get(node, "evaluation_sums"));
		for (int what = 0; what < BUDGET_WHATS; what++)
			study->releases[what] =
				(uint64_t)records_integer(node, budget_what_name((enum privacy_debit)what));
	}
}

/* ---- looking into it */

const char *records_text(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_STRING ? json_as_string(value) : "-";
}

int64_t records_integer(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_INTEGER ? json_as_integer(value) : 0;
}

double records_real(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);
	bool number = value != NULL && (json_kind(value) == JSON_IS_INTEGER || json_kind(value) == JSON_IS_REAL);

	return number ? json_as_real(value) : 0;
}

unsigned records_asks(const struct json *release)
{
	const struct json *list = json_get(release, "asks");
	unsigned asks = 0;

	for (size_t i = 0; list != NULL && i < json_count(list); i++)
		for (size_t k = 0; k < ASKS; k++)
			if (strcmp(json_as_string(json_at(list, i)), asks_table[k].name) == 0)
				asks |= asks_table[k].ask;
	return asks;
}

const char *records_asks_text(char out[RECORDS_ASKS_SIZE], unsigned asks)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ASKS; i++)
		if (asks & asks_table[i].ask)
			used += (size_t)snprintf(out + used, RECORDS_ASKS_SIZE - used, "%s%s", used > 0 ? ", " : "",
			                         asks_table[i].name);
	return out;
}
