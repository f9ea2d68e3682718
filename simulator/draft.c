/*
 * First every column gets its role, then the study is written from top to bottom.
 */
#include "simulator/draft.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/name.h"
#include "simulator/roles.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAP_DEFAULT 5000 /* patients at one site, where a study says nothing else */
#define PRIVATE_PATIENTS_MIN 100 /* for fewer, noise leaves little; and delta would have to be large */
#define SHOWN_LEVELS 6 /* counts in a comment */

struct draft {
	const struct profile *profile;
	const struct roles *roles;
	const struct draft_options *options;
	struct buf *out;
};

/* ---- words of YAML */

static bool is_word_of_yaml(const char *text)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	bool plain = isalpha((unsigned char)text[0]) && !is_word_of_yaml(text);

	for (size_t i = 0; text[i] != '\0' && plain; i++)
		plain = isalnum((unsigned char)text[i]) || text[i] == '_';
	return plain;
}

/* A scalar that is this text to every reader. */
static void put_text(struct buf *out, const char *text)
{
	if (is_plain(text)) {
		buf_put_text(out, text);
		return;
	}
	struct json *node = json_new_string(text);
	json_write(out, node, false);
	json_free(node);
}

static void put_texts(struct buf *out, const char *const *texts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		buf_put_text(out, i > 0 ? ", " : "[");
		put_text(out, texts[i]);
	}
	buf_put_text(out, "]");
}

static void put_levels(struct buf *out, const struct guess *g)
{
	const char *texts[GUESS_LEVELS_MAX];

	for (uint32_t i = 0; i < g->level_count; i++)
		texts[i] = g->levels[i]->text;
	put_texts(out, texts, g->level_count);
}

/* ", type: binary", and the codes unless they are the study's default. */
static void put_binary(struct buf *out, const struct guess *g)
{
	uint32_t p = guess_positive(g);
	const char *positive = g->levels[p]->text, *negative = g->levels[1 - p]->text;

	buf_put_text(out, ", type: binary");
	if (strcmp(positive, "1") == 0 && strcmp(negative, "0") == 0)
		return;
	buf_put_text(out, ", positive: ");
	put_text(out, positive);
	buf_put_text(out, ", negative: ");
	put_text(out, negative);
}

/* "# words" behind `before`, and the line's end; what could end a comment or trick a terminal becomes '?'. */
static void put_comment(struct buf *out, const char *before, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void put_comment(struct buf *out, const char *before, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	buf_printf(out, "%s# %s\n", before, line.text);
}

/* ---- what was seen, in words */

static void show_missing(char *out, size_t size, const struct guess *g)
{
	out[0] = '\0';
	if (g->missing > 0)
		snprintf(out, size, ", %llu missing", (unsigned long long)g->missing);
}

static void show_counts(char *out, size_t size, const struct guess *g)
{
	char shown[CSV_QUOTE_SIZE];
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < g->level_count && i < SHOWN_LEVELS && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s: %llu", i > 0 ? ", " : "",
		                        csv_quote(shown, bytes_text(g->levels[i]->text)),
		                        (unsigned long long)g->levels[i]->count);
	if (g->level_count > SHOWN_LEVELS && len < size)
		snprintf(out + len, size - len, " ...");
}

static void comment_numbers(struct buf *out, const char *before, const struct guess *g)
{
	char missing[48], zeros[96] = "";

	show_missing(missing, sizeof missing, g);
	if (!isnan(g->above_zero))
		snprintf(zeros, sizeof zeros, "; 0, or %g and more: if 0 means missing, say missing: [\"0\"]",
		         g->above_zero);
	put_comment(out, "  ", "%s%llu %s from %.12g to %.12g%s%s", before, (unsigned long long)g->present,
	            g->fractions ? "numbers" : "integers", g->lowest, g->highest, missing, zeros);
}

static void comment_levels(struct buf *out, const char *before, const struct guess *g, const char *more)
{
	char missing[48], counts[512];

	show_missing(missing, sizeof missing, g);
	show_counts(counts, sizeof counts, g);
	put_comment(out, "  ", "%s%s%s%s", before, counts, missing, more);
}

/* ---- the study, from top to bottom */

static void write_head(struct draft *d)
{
	const struct draft_options *o = d->options;
	struct buf purpose;

	put_comment(d->out, "", "A draft, guessed from %s (%llu rows, %u columns): correct what is wrong.", o->file,
	            (unsigned long long)d->profile->rows, d->profile->count);
	buf_put_text(d->out,
	             "# docs/STUDY.md has every key. Ranges, levels and counts are those of that file, so it must be "
	             "public; a\n"
	             "# study of hospitals takes them from what is known about the measurement, for every hospital "
	             "reads them.\n"
	             "# Take out what is not known when the prediction is wanted, and what follows from the label.\n"
	             "cohort: 1\n");
	buf_printf(d->out, "study: %s\n", o->name);
	buf_init(&purpose, TEXT_LINE_MAX);
	buf_printf(&purpose, "Predict %s", d->profile->columns[d->roles->label].name);
	buf_put_text(d->out, "purpose: ");
	put_text(d->out, buf_text(&purpose));
	buf_free(&purpose);
	put_comment(d->out, "  ", "hospitals read this first: say why");
	buf_put_text(d->out, "# expires: 2099-12-31  # hospitals need one: the last day on which they answer\n"
	                     "data:\n"
	                     "  features:\n");
}

/* Headers that would be a range, or too long, get another name. */
static void write_feature_name(struct draft *d, uint32_t index)
{
	const char *header = d->profile->columns[index].name;

	buf_put_text(d->out, "    - {name: ");
	if (!roles_is_name(header))
		buf_printf(d->out, "column_%u, column: ", index + 1);
	put_text(d->out, header);
}

static void write_feature(struct draft *d, uint32_t index)
{
	const struct guess *g = &d->roles->guesses[index];
	bool like_label = d->options->like_label != NULL && d->options->like_label[index];
	const char *question = like_label ? "like the label: is it known before? " : "";
	struct buf *out = d->out;

	write_feature_name(d, index);
	if (g->kind == GUESS_NUMERIC) {
		buf_printf(out, ", min: %.12g, max: %.12g", g->min, g->max);
	} else if (g->kind == GUESS_BINARY) {
		put_binary(out, g);
	} else {
		buf_put_text(out, ", levels: ");
		put_levels(out, g);
	}
	if (g->code_count > 0) {
		buf_put_text(out, ", missing: ");
		put_texts(out, g->codes, g->code_count);
	}
	buf_put_text(out, "}");
	if (g->kind == GUESS_NUMERIC)
		comment_numbers(out, question, g);
	else
		comment_levels(out, question, g,
		               g->numbers && g->kind == GUESS_CATEGORICAL ? "; if amounts: min and max instead" : "");
}

static void write_left_out(struct draft *d)
{
	char shown[CSV_QUOTE_SIZE];

	for (uint32_t i = 0; i < d->profile->count; i++) {
		const struct profile_column *c = &d->profile->columns[i];
		bool mixed = c->texts > 0 && c->numbers > c->texts;
		if (d->roles->of[i] != ROLE_NONE)
			continue;
		put_comment(d->out, "    ", "left out: %s, column %u: %s%s%s", csv_quote(shown, bytes_text(c->name)),
		            i + 1, roles_reason(d->roles, i), mixed ? ", such as " : "", mixed ? c->text : "");
	}
}

static void write_label(struct draft *d)
{
	const struct guess *g = &d->roles->guesses[d->roles->label];
	struct buf *out = d->out;

	buf_put_text(out, "  label: {name: ");
	put_text(out, d->profile->columns[d->roles->label].name);
	if (g->kind == GUESS_NUMERIC) {
		buf_printf(out, ", type: numeric, min: %.12g, max: %.12g}", g->min, g->max);
		comment_numbers(out, "", g);
		return;
	}
	if (g->kind == GUESS_BINARY) {
		put_binary(out, g);
	} else {
		buf_put_text(out, ", type: categorical, levels: ");
		put_levels(out, g);
	}
	buf_put_text(out, "}");
	comment_levels(out, "", g,
	               g->kind == GUESS_CATEGORICAL && g->numbers ? "; if amounts: type: numeric with min and max"
	                                                          : "");
}

static void write_missing(struct draft *d)
{
	const char *codes[PROFILE_CODES];
	uint32_t count = 0;

	for (uint32_t k = 0; k < PROFILE_CODES; k++) {
		bool seen = k < PROFILE_CODES_DEFAULT;
		for (uint32_t i = 0; i < d->profile->count && !seen; i++)
			seen = d->profile->columns[i].coded[k] > 0;
		if (seen)
			codes[count++] = profile_codes[k];
	}
	buf_put_text(d->out, "  missing: ");
	put_texts(d->out, codes, count);
	put_comment(d->out, "  ", "in every column; a feature may have its own beside them");
}

static void write_rules(struct draft *d)
{
	struct buf *out = d->out;
	bool missing = false;

	for (uint32_t i = 0; i < d->profile->count; i++)
		missing |= d->roles->of[i] == ROLE_FEATURE && d->roles->guesses[i].missing > 0;
	if (d->roles->patient != ROLES_NONE) {
		buf_put_text(out, "  patient_id: ");
		put_text(out, d->profile->columns[d->roles->patient].name);
		put_comment(out, "  ", "values repeat: all rows of a patient stay in one part and at one site");
	}
	write_missing(d);
	buf_put_text(out, missing ? "  fill: mean_and_flag" : "  fill: mean");
	put_comment(out, "  ",
	            missing ? "a missing value: the mean, and an input that says so" : "nothing is missing here");
	buf_put_text(out, "  split: ");
	if (d->roles->split == ROLES_NONE) {
		buf_put_text(out, "{test_fraction: 0.3, seed: 42}\n");
		return;
	}
	buf_put_text(out, "{column: ");
	put_text(out, d->profile->columns[d->roles->split].name);
	buf_put_text(out, ", train: ");
	put_text(out, d->roles->parts.train);
	buf_put_text(out, ", test: ");
	put_text(out, d->roles->parts.test);
	if (d->roles->parts.validation) {
		buf_put_text(out, ", validation: ");
		put_text(out, d->roles->parts.validation);
	}
	buf_put_text(out, "}");
	comment_levels(out, "", &d->roles->guesses[d->roles->split], "; rows with another value are left out");
}

/* Rounded up to two digits. */
static uint64_t round_up(uint64_t n)
{
	uint64_t unit = 1;

	while (n / unit >= 100)
		unit *= 10;
	return (n + unit - 1) / unit * unit;
}

/* The same study with noise, as a comment: about how many train, and what else would have to change. */
static void write_private(struct draft *d)
{
	unsigned long long patients = d->profile->rows * 7 / 10;

	if (patients < PRIVATE_PATIENTS_MIN)
		return;
	buf_printf(
		d->out,
		"# With noise, instead, and with training: {rounds: 100, local: {learning_rate: 0.5}}\n"
		"# privacy: {mechanism: distributed, epsilon: 3, delta: %.1e, clip: 1, sampling_rate: 0.1, patients: "
		"%llu}\n",
		0.09 / (double)patients, patients);
	put_comment(d->out, "", "patients: how many train at least, a public number, and no more precise than that");
}

static void write_training(struct draft *d)
{
	const struct guess *label = &d->roles->guesses[d->roles->label];

	buf_printf(d->out, "model: {layers: [dense %u], init: zero}",
	           label->kind == GUESS_CATEGORICAL ? label->level_count : 1);
	put_comment(d->out, "  ",
	            "a linear model begins at zero; for a network put dense 64, relu before it and take init out");
	buf_put_text(d->out, "training:\n"
	                     "  rounds: 20\n"
	                     "  local: {epochs: 1, batch: 32, learning_rate: 0.05}\n");
	if (d->profile->rows > CAP_DEFAULT) {
		buf_printf(d->out, "  weights: {by: patients, cap: %llu}",
		           (unsigned long long)round_up(d->profile->rows));
		put_comment(d->out, "  ", "patients at one site, at most; a closer bound gives finer steps");
	}
	buf_put_text(d->out, "sites: {max_dropouts: 0}  # three sites at least, and all of them in every round\n"
	                     "# Rounds are masked unless a study says otherwise: the coordinator reads sums, and no "
	                     "hospital's update.\n"
	                     "# What the sums tell of patients is bounded by a mechanism of privacy only.\n"
	                     "privacy: {mechanism: none}\n");
	write_private(d);
}

void draft_write(struct buf *out, const struct roles *r, const struct draft_options *o)
{
	struct draft d = {.profile = r->profile, .roles = r, .options = o, .out = out};

	CHECK(name_is_study(o->name));
	write_head(&d);
	for (uint32_t i = 0; i < r->profile->count; i++)
		if (r->of[i] == ROLE_FEATURE)
			write_feature(&d, i);
	write_left_out(&d);
	write_label(&d);
	write_rules(&d);
	write_training(&d);
}
