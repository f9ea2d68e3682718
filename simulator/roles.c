#include "simulator/roles.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/nearest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_TEXT_MAX (16u << 20) /* a header is one record: CSV_RECORD_MAX */
#define NAME_TEXT_MAX 128 /* bytes of a feature's name in a study */
#define HEADER_TEXT_MAX 1024 /* bytes of a column in a study */
#define WORD_SIZE 32 /* of a text reduced to letters and digits; longer ones are no word of ours */

/* The header's letters and digits in lower case; "" when there are too many. */
static void reduce(char out[WORD_SIZE], const char *header)
{
	size_t len = 0;

	for (; *header != '\0'; header++) {
		if (!isalnum((unsigned char)*header))
			continue;
		if (len == WORD_SIZE - 1) {
			len = 0;
			break;
		}
		out[len++] = (char)tolower((unsigned char)*header);
	}
	out[len] = '\0';
}

static bool is_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static bool names_patients(const char *header)
{
	static const char *const words[] = {"id",    "pid",     "patient",   "patientid", "patientno",
	                                    "patid", "subject", "subjectid", "subjid",    "usubjid",
	                                    "mrn",   "caseid",  "recordid",  "personid",  NULL};
	char word[WORD_SIZE];

	reduce(word, header);
	return is_among(word, words);
}

static bool names_sites(const char *header)
{
	static const char *const words[] = {"hospital", "hospitalid", "hosp",   "center",      "centre",
	                                    "centerid", "centreid",   "clinic", "institution", NULL};
	char word[WORD_SIZE];

	reduce(word, header);
	return is_among(word, words) || strncmp(word, "site", 4) == 0;
}

/* Whether a column's values are parts: train and test, and perhaps validation. */
static bool tells_parts(struct part_values *out, const struct guess *g)
{
	static const char *const train[] = {"train", "training", NULL};
	static const char *const test[] = {"test", "testing", NULL};
	static const char *const validation[] = {"validation", "valid", "val", "dev", NULL};
	char word[WORD_SIZE];

	*out = (struct part_values){0};
	for (uint32_t i = 0; i < g->level_count; i++) {
		const char *text = g->levels[i]->text;
		reduce(word, text);
		if (is_among(word, train) && !out->train)
			out->train = text;
		else if (is_among(word, test) && !out->test)
			out->test = text;
		else if (is_among(word, validation) && !out->validation)
			out->validation = text;
		else
			return false;
	}
	return out->train && out->test;
}

static bool is_header(const struct profile_column *c)
{
	return c->name[0] != '\0' && !c->name_again && json_is_plain(c->name) && strlen(c->name) <= HEADER_TEXT_MAX;
}

bool roles_is_name(const char *header)
{
	return !strpbrk(header, "{}") && strlen(header) <= NAME_TEXT_MAX;
}

static enum role role_of(struct roles *r, uint32_t index)
{
	const struct profile_column *c = &r->profile->columns[index];
	const struct guess *g = &r->guesses[index];
	struct part_values parts;

	if (index == r->label)
		return ROLE_LABEL;
	if (!is_header(c) || names_sites(c->name))
		return ROLE_NONE;
	if (names_patients(c->name)) {
		if (!c->repeats || r->patient != ROLES_NONE)
			return ROLE_NONE;
		r->patient = index;
		return ROLE_PATIENT;
	}
	if (tells_parts(&parts, g)) {
		if (r->split != ROLES_NONE)
			return ROLE_NONE;
		r->split = index;
		r->parts = parts;
		return ROLE_SPLIT;
	}
	return g->kind == GUESS_LEFT_OUT ? ROLE_NONE : ROLE_FEATURE;
}

const char *roles_reason(const struct roles *r, uint32_t column)
{
	const struct profile_column *c = &r->profile->columns[column];
	struct part_values parts;

	if (c->name[0] == '\0')
		return "its header is empty";
	if (c->name_again)
		return "its header occurs twice";
	if (!is_header(c))
		return "its header is longer than 1,024 bytes or holds control characters";
	if (names_sites(c->name))
		return "it seems to name the site: cohort-sim run has --site-column for it";
	if (names_patients(c->name))
		return c->repeats ? "it seems to name patients, as another column does"
		                  : "it seems to name patients, each in one row";
	if (tells_parts(&parts, &r->guesses[column]))
		return "it seems to say which part a row is in, as another column does";
	return r->guesses[column].reason;
}

/* ---- the label */

struct search {
	const char *file, *label;
	struct diag *why;
};

static enum err complain_label(const struct search *s, const char *words)
{
	return diag_set(s->why, ERR_DATA, "%s: column \"%s\" cannot be a label: %s", s->file, s->label, words);
}

static enum err find_label(struct roles *r, const struct search *s)
{
	const struct profile *p = r->profile;
	char nearest[CSV_QUOTE_SIZE];
	struct buf words;

	for (r->label = 0; r->label < p->count; r->label++)
		if (strcmp(p->columns[r->label].name, s->label) == 0)
			return p->columns[r->label].name_again
			               ? complain_label(s, "its header occurs twice; rename one")
			               : OK;
	buf_init(&words, HEADERS_TEXT_MAX);
	for (uint32_t i = 0; i < p->count; i++)
		buf_printf(&words, "%s%s", i > 0 ? "|" : "", p->columns[i].name);
	bool found = nearest_word(nearest, sizeof nearest, s->label, buf_text(&words)) != NULL;
	buf_free(&words);
	return diag_set(s->why, ERR_DATA, "%s: no column \"%s\"; %s%s%s", s->file, s->label,
	                found ? "did you mean \"" : "--label takes a name of its first line", found ? nearest : "",
	                found ? "\"?" : "");
}

/* As a label, 20 different integers are classes. */
static enum err judge_label(struct roles *r, const struct search *s)
{
	struct guess *g = &r->guesses[r->label];
	const char *name = r->profile->columns[r->label].name;

	guess_column(g, &r->profile->columns[r->label], true);
	if (g->level_count >= 3 && g->numbers && !g->fractions)
		g->kind = GUESS_CATEGORICAL;
	if (g->kind == GUESS_LEFT_OUT)
		return complain_label(s, g->reason);
	if (strlen(name) > NAME_TEXT_MAX || !json_is_plain(name))
		return complain_label(s, "its header is longer than 128 bytes or holds control characters");
	return OK;
}

/* ---- all columns */

static enum err check_features(const struct roles *r, const struct search *s)
{
	if (r->features == 0)
		return diag_set(s->why, ERR_DATA, "%s: no column beside \"%s\" can be a feature", s->file, s->label);
	if (r->features > FEATURES_MAX)
		return diag_set(s->why, ERR_LIMIT, "%s: %u columns could be features; a study has at most %d", s->file,
		                r->features, FEATURES_MAX);
	return OK;
}

enum err roles_find(struct roles *out, const struct profile *p, const char *file, const char *label, struct diag *why)
{
	struct search s = {file, label, why};

	*out = (struct roles){.profile = p, .patient = ROLES_NONE, .split = ROLES_NONE};
	out->guesses = mem_array(p->count, sizeof out->guesses[0]);
	out->of = mem_array(p->count, sizeof out->of[0]);
	enum err e = find_label(out, &s);
	if (e == OK)
		e = judge_label(out, &s);
	for (uint32_t i = 0; i < p->count && e == OK; i++) {
		if (i != out->label)
			guess_column(&out->guesses[i], &p->columns[i], false);
		out->of[i] = role_of(out, i);
		out->features += out->of[i] == ROLE_FEATURE;
		out->left_out += out->of[i] == ROLE_NONE;
	}
	if (e == OK)
		e = check_features(out, &s);
	if (e != OK)
		roles_free(out);
	return e;
}

void roles_free(struct roles *r)
{
	free(r->guesses);
	free(r->of);
	*r = (struct roles){0};
}
