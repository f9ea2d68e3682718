#include "client/inspect.h"

#include "protocol/promise.h"
#include "protocol/round_plan.h"

#include <math.h>

struct view {
	const struct table *table;
	const struct study *study;
	const struct policy *policy;
};

static struct json *guarded(const struct view *v, uint64_t count)
{
	bool small = count > 0 && count < v->policy->cell_min;

	return small ? json_new_null() : json_new_integer((int64_t)count);
}

static const char *class_name(const struct label *l, uint32_t class)
{
	if (l->type == COLUMN_BINARY)
		return class == 0 ? l->negative : l->positive;
	return l->levels.items[class];
}

static const char *level_name(const struct feature *f, uint32_t level)
{
	if (f->type == COLUMN_BINARY)
		return level == 0 ? f->negative : f->positive;
	return f->levels.items[level];
}

static struct json *counted(const char *key, const char *name, struct json *rows)
{
	struct json *node = json_new_object();

	json_set_string(node, key, name);
	json_set(node, "rows", rows);
	return node;
}

static struct json *parts_of(const struct view *v)
{
	static const char *const names[PART_COUNT] = {"train", "validation", "test"};
	const struct dictionary *d = &v->table->dictionary;
	struct json *list = json_new_array();

	for (int part = 0; part < PART_COUNT; part++) {
		struct json *node = json_new_object(), *classes = json_new_array();

		json_set_string(node, "part", names[part]);
		json_set(node, "rows", guarded(v, d->part_rows[part]));
		json_set(node, "patients", guarded(v, d->part_patients[part]));
		for (uint32_t i = 0; i < schema_classes(d->schema); i++)
			json_add(classes,
			         counted("label", class_name(&d->schema->label, i), guarded(v, d->classes[part][i])));
		json_set(node, "classes", classes);
		json_add(list, node);
	}
	return list;
}

static struct json *dropped_of(const struct dictionary *d)
{
	struct json *list = json_new_array();

	for (int reason = 0; reason < DROPPED_COUNT; reason++)
		if (d->dropped[reason] > 0)
			json_add(list, counted("reason", dictionary_reason((enum dropped_reason)reason),
			                       json_new_integer((int64_t)d->dropped[reason])));
	return list;
}

static struct json *feature_of(const struct view *v, const struct feature *f, const struct feature_report *r)
{
	static const char *const types[] = {"numeric", "binary", "categorical"};
	struct json *node = json_new_object(), *levels = json_new_array(), *unknowns = json_new_array();

	json_set_string(node, "name", f->name);
	json_set_integer(node, "field", r->field);
	json_set_string(node, "type", types[f->type]);
	json_set(node, "present", guarded(v, r->present));
	json_set_integer(node, "missing", (int64_t)r->missing);
	json_set_integer(node, "below", (int64_t)r->below);
	json_set_integer(node, "above", (int64_t)r->above);
	json_set_integer(node, "unknown", (int64_t)r->unknown);
	json_set_real(node, "lowest", r->lowest);
	json_set_real(node, "highest", r->highest);
	json_set_real(node, "mean", r->present < v->policy->cell_min ? (double)NAN : r->mean);
	for (uint32_t i = 0; i < r->level_count; i++)
		json_add(levels, counted("level", level_name(f, i), guarded(v, r->levels[i])));
	for (uint32_t i = 0; i < r->unknown_count; i++)
		json_add(unknowns,
		         counted("text", r->unknowns[i].text, json_new_integer((int64_t)r->unknowns[i].count)));
	json_set(node, "levels", levels);
	json_set(node, "unknowns", unknowns);
	return node;
}

/* A numeric label looks like a numeric feature; null for classes, which stand with the parts. */
static struct json *label_of(const struct view *v)
{
	if (v->study->schema.label.type != COLUMN_NUMERIC)
		return json_new_null();
	const struct feature label = schema_label_feature(&v->study->schema);

	return feature_of(v, &label, v->table->dictionary.label);
}

static void add_line(void *list, const char *line)
{
	json_add(list, json_new_string(line));
}

/* ---- may it take part? */

/* Training rows of the rarest class; of numbers no value is rare enough to be counted. */
static uint64_t rarest(const struct dictionary *d)
{
	const uint64_t *classes = d->classes[PART_TRAIN];
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < schema_classes(d->schema); i++)
		least = classes[i] < least ? classes[i] : least;
	return least;
}

/* As a round would: with the fewest sites, for more of them only lower the bound where it is not the study's own. */
static enum refusal judge_cap(const struct table *t, const struct study *s, struct diag *why)
{
	uint32_t cap = round_plan_row_cap(s, s->sites.min);

	if (s->weights == WEIGHTS_BY_PATIENTS && t->part_patients[PART_TRAIN] > s->weight_cap) {
		diag_set(why, ERR_LIMIT,
		         "%u training patients; the study's training.weights.cap is %.0f: it needs a new revision with "
		         "a "
		         "larger cap",
		         t->part_patients[PART_TRAIN], s->weight_cap);
		return REFUSAL_WEIGHT_CAP;
	}
	for (int part = 0; part < PART_COUNT; part++)
		if (t->part_rows[part] > cap) {
			diag_set(why, ERR_LIMIT,
			         "%u rows in one part of the split; this study takes at most %u from a hospital",
			         t->part_rows[part], cap);
			return REFUSAL_WEIGHT_CAP;
		}
	return REFUSAL_NONE;
}

enum refusal inspect_judge(const struct table *t, const struct study *s, const struct policy *p, int64_t now_s,
                           struct diag *why)
{
	enum refusal no = policy_judge_study(p, s, now_s, why);

	if (no == REFUSAL_NONE)
		no = policy_judge_data(p, t->part_rows[PART_TRAIN], rarest(&t->dictionary), why);
	if (no == REFUSAL_NONE)
		no = policy_judge_count(s, t->part_rows[PART_TRAIN], t->part_patients[PART_TRAIN], why);
	return no == REFUSAL_NONE ? judge_cap(t, s, why) : no;
}

static void set_judgement(struct json *root, const struct view *v, int64_t now_s)
{
	struct diag why = {{0}};
	enum refusal no = inspect_judge(v->table, v->study, v->policy, now_s, &why);

	json_set_bool(root, "permitted", no == REFUSAL_NONE);
	json_set_string(root, "refusal", no == REFUSAL_NONE ? NULL : refusal_name(no));
	json_set_string(root, "why", no == REFUSAL_NONE ? NULL : why.text);
}

struct json *inspect_table(const struct table *t, const struct study *s, const struct policy *p, const char *file,
                           int64_t now_s)
{
	const struct dictionary *d = &t->dictionary;
	struct json *root = json_new_object(), *features = json_new_array(), *warnings = json_new_array();
	struct view v = {t, s, p};

	json_set_string(root, "study", s->name);
	json_set_integer(root, "revision", s->revision);
	json_set_hash(root, "study_hash", &s->hash);
	json_set_string(root, "file", file);
	json_set_integer(root, "cell_min", p->cell_min);
	json_set_integer(root, "rows", (int64_t)d->rows);
	json_set(root, "used", guarded(&v, dictionary_kept(d)));
	json_set(root, "patients", guarded(&v, dictionary_patients(d)));
	json_set(root, "dropped", dropped_of(d));
	json_set(root, "parts", parts_of(&v));
	for (uint32_t i = 0; i < s->schema.feature_count; i++)
		json_add(features, feature_of(&v, &s->schema.features[i], &d->features[i]));
	json_set(root, "label", label_of(&v));
	json_set(root, "features", features);
	dictionary_warnings(d, add_line, warnings);
	json_set(root, "warnings", warnings);
	set_judgement(root, &v, now_s);
	json_set(root, "privacy", promise_json(s));
	return root;
}
