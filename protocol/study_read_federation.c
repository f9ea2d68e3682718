/* Who takes part, and what hides them: sites, masking; and whether the sums fit. */
#include "base/name.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "protocol/round_plan.h"
#include "protocol/study_read.h"
#include "protocol/study_robust.h"

#include <stdlib.h>
#include <string.h>

/* An absolute number, or "10%". */
static void read_dropouts(const struct study_section *sites, struct sites_rule *out)
{
	const struct json *value = json_get(sites->node, "max_dropouts");
	uint64_t percent = 0;
	if (json_kind(value) == JSON_IS_INTEGER) {
		out->max_dropouts = (uint32_t)json_as_integer(value);
		return;
	}
	const char *text = json_as_string(value);
	size_t len = strlen(text);
	if (len < 2 || text[len - 1] != '%' || !parse_u64(&percent, bytes_of(text, len - 1)) || percent > 100)
		study_reject(sites, "max_dropouts",
		             "\"%.64s\" is neither a number of sites nor a percentage such as \"10%%\"", text);
	out->max_dropouts = (uint32_t)percent;
	out->dropouts_percent = true;
}

static int compare_members(const void *a, const void *b)
{
	return name_compare(*(const char *const *)a, *(const char *const *)b);
}

/* Names that differ in case alone would be one folder on some systems, and one hospital to a person. */
static void check_twins(const struct study_section *sites, const struct study *study)
{
	const char **sorted = mem_array(study->member_count, sizeof *sorted);
	memcpy(sorted, study->members, study->member_count * sizeof *sorted);
	qsort(sorted, study->member_count, sizeof *sorted, compare_members);
	for (uint32_t i = 1; i < study->member_count; i++)
		if (name_compare(sorted[i - 1], sorted[i]) == 0)
			study_reject(sites, "members", "\"%s\" is named twice", sorted[i]);
	free(sorted);
}

static void read_members(const struct study_section *sites)
{
	struct study *out = sites->reading->out;
	const struct json *list = json_get(sites->node, "members");
	if (json_kind(list) == JSON_IS_STRING)
		return; /* "roster" */
	out->member_count = (uint32_t)json_count(list);
	out->members = mem_array(out->member_count, sizeof *out->members);
	for (uint32_t i = 0; i < out->member_count; i++) {
		out->members[i] = json_as_string(json_at(list, i));
		if (!name_is_site(out->members[i]))
			study_reject(sites, "members", "\"%s\" is no site name; use letters, digits, '.', '_' and '-'",
			             out->members[i]);
	}
	check_twins(sites, out);
}

static void read_sites(struct study_reading *r, const struct json *node)
{
	struct study_section sites = {r, node, "sites"};
	struct sites_rule *out = &r->out->sites;
	out->min = (uint32_t)study_integer(&sites, "min");
	out->max_colluders = (uint32_t)study_integer(&sites, "max_colluders");
	out->cell_min = (uint32_t)study_integer(&sites, "cell_min");
	read_dropouts(&sites, out);
	read_members(&sites);
}

static bool read_groups(uint32_t *out, const char *text)
{
	static const char prefix[] = "groups of ";
	uint64_t size = 0;
	if (strncmp(text, prefix, sizeof prefix - 1) != 0 || !parse_u64(&size, bytes_text(text + sizeof prefix - 1)) ||
	    size < 2 || size > SITES_MAX)
		return false;
	*out = (uint32_t)size;
	return true;
}

/* Where masks may be left off, that is the way out; where each site adds but a share of the noise, there is none. */
static void reject_robust(const struct study_section *top)
{
	const struct study *s = top->reading->out;
	struct study_section training = {top->reading, json_get(top->node, "training"), "training"};
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED || s->privacy.mechanism == PRIVACY_SITE)
		study_reject(&training, "strategy",
		             "%s looks at single updates, and under mechanism %s only their noised sum is seen; write "
		             "fedavg",
		             study_strategy_name(s->strategy), privacy_mechanism_name(s->privacy.mechanism));
	study_reject(top, "masking",
	             "strategy %s looks at single updates, which masking: required hides; write masking: groups "
	             "of G, or masking: off",
	             study_strategy_name(s->strategy));
}

static void read_masking(const struct study_section *top)
{
	const char *text = study_text(top, "masking");
	struct sites_rule *rule = &top->reading->out->sites;
	char near[32];
	rule->masking = MASKING_REQUIRED;
	if (strcmp(text, "off") == 0)
		rule->masking = MASKING_OFF;
	else if (read_groups(&rule->group, text))
		rule->masking = MASKING_GROUPS;
	else if (strcmp(text, "required") != 0 && nearest_word(near, sizeof near, text, "required|off|groups of 8"))
		study_reject(top, "masking", "\"%s\" is unknown; did you mean \"%s\"?", text, near);
	else if (strcmp(text, "required") != 0)
		study_reject(top, "masking", "\"%s\" is unknown; write required, off or groups of 8", text);
	else if (study_is_robust(top->reading->out))
		reject_robust(top);
}

void study_read_federation(const struct study_section *top)
{
	struct study_reading *r = top->reading;
	read_sites(r, json_get(top->node, "sites"));
	read_masking(top);
}

/* The smallest federation that the contract allows must be able to add up; larger ones are checked when a round opens. */
void study_read_sums(struct study_reading *r)
{
	struct study *s = r->out;
	uint32_t sites = s->members ? s->member_count : s->sites.min;
	/* masks that few sites cannot have, more may */
	uint32_t most = s->members || s->sites.masking == MASKING_OFF ? sites : SITES_MAX;
	struct layout layout;
	enum err e = plan_check(&s->sites, most, r->why);
	if (e == OK &&
	    (s->members || s->sites.masking != MASKING_GROUPS)) /* how many groups a roster makes shows later */
		e = study_check_robust(s, sites, r->why);
	if (e != OK) {
		study_reject_path(r, e, s->members ? "sites.members" : "sites");
		return;
	}
	e = round_plan_layout(&layout, s, ASK_STATISTICS | ASK_TRAIN | ASK_EVALUATE, sites, r->why);
	if (e == OK && s->privacy.mechanism == PRIVACY_LOCAL) {
		struct noised step;
		e = round_plan_step_noise(&step, s, r->why);
	}
	if (e != OK)
		study_reject_path(r, e, s->privacy.mechanism == PRIVACY_NONE ? "training.weights" : "privacy");
}
