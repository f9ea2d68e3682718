#include "client/balance.h"

#include "client/contract.h"
#include "client/cost_json.h"
#include "client/records.h"
#include "privacy/account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Releases of one kind of noise are one part of a composition. */
struct parts {
	struct account_steps *list; /* owned */
	size_t count;
};

static void add_part(struct parts *p, const struct account_steps *part)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].sampling_rate == part->sampling_rate &&
		    p->list[i].noise_multiplier == part->noise_multiplier) {
			p->list[i].count += part->count;
			return;
		}
	p->list = mem_resize(p->list, p->count + 1, sizeof *p->list);
	p->list[p->count++] = *part;
}

/* The test patients' releases of a study, or all others; of a study whose unit is a site there are no test patients. */
static struct parts parts_of(const struct json *releases, const struct json *spent, bool test_patients)
{
	bool apart = strcmp(records_text(spent, "unit"), privacy_unit_name(UNIT_SITE)) != 0;
	struct parts parts = {0};

	for (size_t i = 0; i < json_count(releases); i++) {
		const struct json *r = json_at(releases, i);
		struct budget_debit d = {0};
		bool of_test = apart && strcmp(records_text(r, "kind"), budget_what_name(DEBIT_EVALUATION)) == 0;

		if (strcmp(records_text(r, "study_hash"), records_text(spent, "study_hash")) != 0 ||
		    of_test != test_patients || !cost_json_read(&d, json_get(r, "cost")))
			continue;
		for (uint32_t k = 0; k < d.part_count; k++)
			add_part(&parts, &d.parts[k]);
	}
	return parts;
}

static double epsilon_of(const struct parts *p, double delta)
{
	struct account account;

	if (p->count == 0)
		return 0;
	account_epsilon(&account, p->list, p->count, delta);
	return account.epsilon;
}

/* ---- one study */

static struct json *people_of(const struct parts *p, const struct rdp *sums, double delta)
{
	struct json *node;

	if (p->count == 0)
		return json_new_null();
	node = json_new_object();
	json_set_real(node, "epsilon", epsilon_of(p, delta));
	json_set_real(node, "renyi", budget_epsilon_of(sums, delta));
	return node;
}

static struct json *promised_of(const struct privacy_plan *p)
{
	struct json *node = json_new_object();

	json_set_real(node, "epsilon", p->epsilon);
	json_set(node, "evaluation_epsilon", p->evaluates ? json_new_real(p->evaluation_epsilon) : json_new_null());
	return node;
}

/* The contract's promise, and its delta; that of the policy when the contract is gone. */
static double put_promised(struct json *node, const struct json *spent, const char *state, double delta)
{
	struct study s = {0};
	struct hash study_hash;
	bool known = hash_from_hex(&study_hash, records_text(spent, "study_hash")) &&
	             contract_load(&s, state, &study_hash, NULL) == OK;

	if (known)
		delta = s.privacy.delta;
	json_set_real(node, "delta", delta);
	json_set(node, "promised", known ? promised_of(&s.privacy) : json_new_null());
	study_free(&s);
	return delta;
}

struct accounts {
	const struct json *releases;
	const struct policy *policy;
	const char *state;
	struct parts all; /* of each study those who lose more */
	struct budget budget;
};

static struct json *study_of(struct accounts *a, const struct json *spent)
{
	static const char *const copied[] = {"study", "study_hash", "unit", "statistics", "training", "evaluation"};
	struct parts training = parts_of(a->releases, spent, false), test = parts_of(a->releases, spent, true);
	struct json *node = json_new_object();
	const struct budget_study *study;
	const struct parts *more;
	struct hash study_hash;
	double delta;

	for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
		json_set(node, copied[i], json_clone(json_get(spent, copied[i])));
	CHECK(hash_from_hex(&study_hash, records_text(spent, "study_hash")));
	study = budget_find(&a->budget, &study_hash);
	delta = put_promised(node, spent, a->state, a->policy->budget_delta);
	json_set(node, "training_patients", people_of(&training, &study->training, delta));
	json_set(node, "evaluation_patients", people_of(&test, &study->evaluation, delta));
	more = epsilon_of(&test, a->policy->budget_delta) > epsilon_of(&training, a->policy->budget_delta) ? &test
	                                                                                                   : &training;
	for (size_t i = 0; i < more->count; i++)
		add_part(&a->all, &more->list[i]);
	free(training.list);
	free(test.list);
	return node;
}

/* ---- all of them */

struct json *balance_of(const struct json *records, const struct policy *policy, const char *state)
{
	struct accounts a = {.releases = json_get(records, "releases"), .policy = policy, .state = state};
	struct json *root = json_new_object(), *limit = json_new_object(), *studies = json_new_array();
	const struct json *spent = json_get(records, "spent");
	bool lost = json_get(records, "losses") != NULL && json_count(json_get(records, "losses")) > 0;
	double renyi;

	records_budget(&a.budget, records);
	json_set_real(limit, "epsilon", policy->budget_epsilon);
	json_set_real(limit, "delta", policy->budget_delta);
	json_set(root, "limit", limit);
	for (size_t i = 0; i < json_count(spent); i++)
		json_add(studies, study_of(&a, json_at(spent, i)));
	renyi = budget_epsilon(&a.budget, policy->budget_delta);
	json_set_real(root, "spent", renyi);
	json_set_bool(root, "lost", lost);
	json_set_real(root, "remains", lost ? 0 : fmax(0, policy->budget_epsilon - renyi));
	json_set_real(root, "spent_pld", epsilon_of(&a.all, policy->budget_delta));
	json_set(root, "studies", studies);
	budget_free(&a.budget);
	free(a.all.list);
	return root;
}
