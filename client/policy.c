#include "client/policy.h"

#include "base/yaml.h"

#include <stdio.h>
#include <string.h>

#define THREADS_MAX 256 /* of one hospital machine */

static const struct yaml_rule rules[] = {
	{.path = "masking", .types = YAML_TEXT, .choices = "required|off", .fallback = "required"},
	{.path = "mechanisms",
         .types = YAML_LIST,
         .min = 0,
         .max = PRIVACY_MECHANISM_COUNT,
         .fallback = "[distributed, local]"},
	{.path = "mechanisms[]", .types = YAML_TEXT, .choices = "none|distributed|local|site"},
	{.path = "epsilon_per_study", .types = YAML_REAL, .min = 0, .max = 1e6, .fallback = "3"},
	{.path = "budget", .types = YAML_MAP, .fallback = "{}"},
	{.path = "budget.epsilon", .types = YAML_REAL, .min = 0, .max = 1e6, .fallback = "8"},
	{.path = "budget.delta", .types = YAML_REAL, .min = 0, .max = 1, .fallback = "1.0e-4"},
	{.path = "min_sites", .types = YAML_INTEGER, .min = 1, .max = SITES_MAX, .fallback = "3"},
	{.path = "known", .types = YAML_TEXT, .min = 1, .max = PATH_SIZE - 1},
	{.path = "min_known", .types = YAML_INTEGER, .min = 1, .max = SITES_MAX},
	{.path = "min_rows", .types = YAML_INTEGER, .min = 0, .max = CSV_ROWS_MAX, .fallback = "50"},
	{.path = "min_positives", .types = YAML_INTEGER, .min = 0, .max = CSV_ROWS_MAX, .fallback = "11"},
	{.path = "cell_min", .types = YAML_INTEGER, .min = 0, .max = CSV_ROWS_MAX, .fallback = "11"},
	{.path = "evaluation", .types = YAML_LIST, .min = 0, .max = 3, .fallback = "[noised]"},
	{.path = "evaluation[]", .types = YAML_TEXT, .choices = "noised|masked|none"},
	{.path = "on_data_change", .types = YAML_TEXT, .choices = "ask|continue", .fallback = "ask"},
	{.path = "resources", .types = YAML_MAP, .fallback = "{}"},
	{.path = "resources.threads", .types = YAML_INTEGER, .min = 1, .max = THREADS_MAX, .fallback = "1"},
};

static bool text_is(const struct json *node, const char *key, const char *value)
{
	return strcmp(json_as_string(json_get(node, key)), value) == 0;
}

static uint32_t number(const struct json *node, const char *key)
{
	return (uint32_t)json_as_integer(json_get(node, key));
}

static bool lists(const struct json *node, const char *key, const char *value)
{
	const struct json *list = json_get(node, key);

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_as_string(json_at(list, i)), value) == 0)
			return true;
	return false;
}

/* The tree has passed the rules, so every key is there with its type. */
static void fill(struct policy *p, const struct json *tree)
{
	const struct json *budget = json_get(tree, "budget");

	memset(p, 0, sizeof *p);
	p->masking_required = text_is(tree, "masking", "required");
	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++)
		p->mechanisms[i] = lists(tree, "mechanisms", privacy_mechanism_name((enum privacy_mechanism)i));
	p->evaluation_noised = lists(tree, "evaluation", "noised");
	p->evaluation_masked = lists(tree, "evaluation", "masked");
	p->epsilon_per_study = json_as_real(json_get(tree, "epsilon_per_study"));
	p->budget_epsilon = json_as_real(json_get(budget, "epsilon"));
	p->budget_delta = json_as_real(json_get(budget, "delta"));
	p->min_sites = number(tree, "min_sites");
	p->min_known = json_get(tree, "min_known") != NULL ? number(tree, "min_known") : 0;
	p->min_rows = number(tree, "min_rows");
	p->min_positives = number(tree, "min_positives");
	p->cell_min = number(tree, "cell_min");
	p->ask_on_data_change = text_is(tree, "on_data_change", "ask");
	p->threads = number(json_get(tree, "resources"), "threads");
}

/* A list without a number, or a number without a list, is a rule that somebody forgot half of. */
static enum err check_pair(const struct yaml_document *d, const struct json *tree, struct diag *why)
{
	bool list = json_get(tree, "known") != NULL, least = json_get(tree, "min_known") != NULL;

	if (list == least)
		return OK;
	return yaml_complain(d, why, ERR_CONFIG, list ? "known" : "min_known", "%s",
	                     list ? "how many of the list must be in a sum? add min_known: 3, say"
	                          : "known by what list? add known: known-sites.txt, say");
}

enum err policy_parse_hospital(struct policy *out, char known[PATH_SIZE], struct bytes yaml, const char *file,
                               struct diag *why)
{
	struct yaml_document *d = NULL;
	enum err e = yaml_parse(&d, yaml, file, rules, sizeof rules / sizeof *rules, why);

	known[0] = '\0';
	if (e == OK)
		e = check_pair(d, yaml_tree(d), why);
	if (e == OK) {
		fill(out, yaml_tree(d));
		if (out->min_known > 0)
			snprintf(known, PATH_SIZE, "%s", json_as_string(json_get(yaml_tree(d), "known")));
	}
	yaml_close(d);
	return e == OK || e == ERR_LIMIT ? e : ERR_CONFIG;
}

enum err policy_parse(struct policy *out, struct bytes yaml, const char *file, struct diag *why)
{
	char known[PATH_SIZE];
	enum err e = policy_parse_hospital(out, known, yaml, file, why);

	if (e == OK && out->min_known > 0)
		return diag_set(why, ERR_CONFIG,
		                "%s: known, min_known: the hospitals of a simulation have no keys that could be known; "
		                "remove both",
		                file);
	return e;
}

struct policy policy_strict(void)
{
	struct policy p;

	CHECK(policy_parse(&p, bytes_text("{}\n"), "the built-in policy", NULL) == OK);
	return p;
}

static enum refusal say(struct diag *why, enum refusal r, const char *words)
{
	diag_set(why, ERR_REFUSED, "%s", words);
	return r;
}

static enum refusal judge_evaluation(const struct policy *p, const struct study *s, struct diag *why)
{
	if (s->evaluation == EVALUATION_MASKED && !p->evaluation_masked)
		return say(why, REFUSAL_POLICY_EVALUATION,
		           "the study releases exact figures (evaluation.release: masked); the policy does not list "
		           "`masked` under evaluation");
	if (s->evaluation == EVALUATION_NOISED && !p->evaluation_noised)
		return say(why, REFUSAL_POLICY_EVALUATION,
		           "the study releases noised figures; the policy does not list `noised` under evaluation");
	return REFUSAL_NONE;
}

/* NaN is above every limit. */
static enum refusal judge_epsilon(const struct policy *p, const struct study *s, struct diag *why)
{
	const struct privacy_plan *plan = &s->privacy;
	bool evaluation = plan->evaluation_epsilon > plan->epsilon;
	double asked = evaluation ? plan->evaluation_epsilon : plan->epsilon;

	if (asked <= p->epsilon_per_study)
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "the study spends epsilon %g of each %s (%s); the policy allows %g a study (epsilon_per_study): ask "
	         "for a "
	         "revision that promises no more, or allow it",
	         asked, privacy_unit_name(plan->unit), evaluation ? "privacy.evaluation_epsilon" : "privacy.epsilon",
	         p->epsilon_per_study);
	return REFUSAL_POLICY_EPSILON;
}

enum refusal policy_judge_count(const struct study *s, uint32_t training_rows, uint32_t training_patients,
                                struct diag *why)
{
	const struct privacy_plan *plan = &s->privacy;
	uint32_t units = plan->unit == UNIT_RECORD ? training_rows : training_patients;

	if (plan->mechanism == PRIVACY_NONE || plan->unit == UNIT_SITE || units <= plan->patients)
		return REFUSAL_NONE;
	diag_set(why, ERR_LIMIT,
	         "more training %ss here than the study says it has altogether (privacy.patients, %u): it needs a new "
	         "revision with a larger number",
	         privacy_unit_name(plan->unit), plan->patients);
	return REFUSAL_WEIGHT_CAP;
}

enum refusal policy_judge_study(const struct policy *p, const struct study *s, int64_t now_s, struct diag *why)
{
	if (now_s >= study_expires_s(s)) {
		diag_set(why, ERR_REFUSED, "the study expired on %s", s->expires);
		return REFUSAL_EXPIRED;
	}
	if (p->masking_required && s->sites.masking == MASKING_OFF)
		return say(
			why, REFUSAL_POLICY_MASKING,
			"the study sends this hospital's numbers unmasked (masking: off); the policy requires masking");
	if (!p->mechanisms[s->privacy.mechanism]) {
		diag_set(why, ERR_REFUSED,
		         "the study's privacy mechanism is `%s`; the policy does not list it under mechanisms",
		         privacy_mechanism_name(s->privacy.mechanism));
		return REFUSAL_POLICY_MECHANISM;
	}
	if (s->sites.min < p->min_sites) {
		diag_set(why, ERR_REFUSED,
		         "the study lets %u hospitals make a sum; the policy wants at least %u (min_sites)",
		         s->sites.min, p->min_sites);
		return REFUSAL_POLICY_SITES;
	}
	enum refusal no = s->privacy.mechanism == PRIVACY_NONE ? REFUSAL_NONE : judge_epsilon(p, s, why);

	return no == REFUSAL_NONE ? judge_evaluation(p, s, why) : no;
}

enum refusal policy_judge_sites(const struct policy *p, uint32_t sites, struct diag *why)
{
	if (sites >= p->min_sites)
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED, "%u hospitals are invited; the policy wants at least %u (min_sites)", sites,
	         p->min_sites);
	return REFUSAL_POLICY_SITES;
}

/* ---- known hospitals */

enum err policy_check_known(const struct policy *p, const char *self, const char *file, struct diag *why)
{
	uint64_t most;

	if (p->known == NULL)
		return OK;
	most = (uint64_t)p->known->count + (known_sites_find(p->known, self) == NULL);
	if (p->min_known <= most)
		return OK;
	return diag_set(why, ERR_CONFIG,
	                "%s: min_known: %u can never be known: the list and this hospital are %llu; lower it, or "
	                "telephone more hospitals",
	                file, p->min_known, (unsigned long long)most);
}

uint32_t policy_known(const struct policy *p, bool *known, const struct roster *roster, const uint32_t *sites,
                      uint32_t count, uint32_t self)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct roster_site *site = roster_number(roster, sites[i]);

		known[i] = p->known != NULL && site != NULL && (sites[i] == self || known_sites_has(p->known, site));
		total += known[i];
	}
	return total;
}

enum refusal policy_judge_known(const struct policy *p, uint32_t known_invited, struct diag *why)
{
	if (p->known == NULL || known_invited >= p->min_known)
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "%u of the hospitals in the sum are known here, this one counted; the policy wants at least %u "
	         "(min_known)",
	         known_invited, p->min_known);
	return REFUSAL_POLICY_SITES;
}

void policy_rules(struct buf *out, const struct policy *p, const struct study *s, uint32_t sites)
{
	buf_printf(out, "masking: %s; mechanisms: %s", p->masking_required ? "required" : "off",
	           privacy_mechanism_name(s->privacy.mechanism));
	if (s->privacy.mechanism != PRIVACY_NONE)
		buf_printf(out, "; epsilon_per_study: %g of %g", s->privacy.epsilon, p->epsilon_per_study);
	if (s->evaluation != EVALUATION_NONE)
		buf_printf(out, "; evaluation: %s", s->evaluation == EVALUATION_MASKED ? "masked" : "noised");
	buf_printf(out, "; min_sites: %u of %u invited", p->min_sites, sites);
	if (s->sites.masking == MASKING_OFF)
		return;
	buf_printf(out, "; masked, in sums of at least %u", plan_quorum(&s->sites, sites));
	if (p->known != NULL)
		buf_printf(out, "; min_known: %u", p->min_known);
}

enum refusal policy_judge_data(const struct policy *p, uint64_t training_rows, uint64_t rarest, struct diag *why)
{
	if (training_rows < p->min_rows) {
		diag_set(why, ERR_REFUSED, "fewer than %u training rows (the policy's min_rows)", p->min_rows);
		return REFUSAL_DATA_SMALL;
	}
	if (rarest < p->min_positives) {
		diag_set(why, ERR_REFUSED,
		         "fewer than %u training rows of the rarest label (the policy's min_positives)",
		         p->min_positives);
		return REFUSAL_DATA_SMALL;
	}
	return REFUSAL_NONE;
}
