/*
 * A numeric feature's AUC comes from counts in bins of its range, ties counting half: less than the exact one where many rows
 * share a bin, so nothing is suspected that should not be.
 */
#include "simulator/leaks.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 256
#define NO_BIN BINS

struct counts {
	uint32_t rows[2][BINS]; /* by class */
	uint32_t bins;
};

struct search {
	const struct roles *roles;
	struct counts **of; /* [columns]; NULL: no feature */
	struct csv_reader *csv;
};

/* ---- by name */

static size_t first_part(const char *name)
{
	return strcspn(name, "_.");
}

static bool is_named_like(const char *name, const char *label)
{
	size_t length = first_part(label);
	bool letter = false;

	for (size_t i = 0; i < length; i++)
		letter |= isalpha((unsigned char)label[i]) != 0;
	return letter && label[length] != '\0' && first_part(name) == length && strncmp(name, label, length) == 0;
}

/* ---- by what it tells */

static uint32_t level_of(const struct guess *g, const struct token *cell)
{
	for (uint32_t k = 0; k < g->level_count; k++) {
		struct token level = token_of(bytes_text(g->levels[k]->text), '.');

		if (token_matches(&level, cell))
			return k;
	}
	return NO_BIN;
}

/* NO_BIN for what means missing. */
static uint32_t bin_of(const struct guess *g, const struct token *cell)
{
	if (g->kind != GUESS_NUMERIC)
		return level_of(g, cell);
	if (!cell->is_number || !(cell->number >= g->lowest && cell->number <= g->highest))
		return NO_BIN;
	double place = (cell->number - g->lowest) / (g->highest - g->lowest) * BINS;
	return place < BINS ? (uint32_t)place : BINS - 1;
}

static void note_row(struct search *s)
{
	const struct roles *r = s->roles;
	struct token cell = token_of(csv_cell(s->csv, r->label), '.');
	uint32_t class = level_of(&r->guesses[r->label], &cell);

	if (class > 1)
		return; /* no label */
	for (uint32_t i = 0; i < r->profile->count; i++) {
		if (s->of[i] == NULL)
			continue;
		cell = token_of(csv_cell(s->csv, i), '.');
		uint32_t bin = bin_of(&r->guesses[i], &cell);
		if (bin != NO_BIN)
			s->of[i]->rows[class][bin]++;
	}
}

static enum err read_rows(struct search *s, const char *path, struct diag *why)
{
	bool more = true;
	enum err e = csv_open(&s->csv, path, (struct csv_format){.delimiter = ','}, why);

	if (e == OK && csv_count(s->csv) != s->roles->profile->count)
		e = diag_set(why, ERR_DATA, "%s has changed while it was read", path);
	while (e == OK && more) {
		e = csv_next(s->csv, &more, why);
		if (e == OK && more)
			note_row(s);
	}
	csv_close(s->csv);
	return e;
}

struct level {
	double rows[2];
};

/* By the share of the second class. */
static int by_share(const void *a, const void *b)
{
	const struct level *x = a, *y = b;
	double left = x->rows[1] * y->rows[0], right = y->rows[1] * x->rows[0];

	return (left > right) - (left < right);
}

/* NaN with too few rows. */
static double auc_of(const struct counts *c, bool ordered)
{
	struct level levels[BINS];
	double below = 0, wins = 0, ones = 0;

	for (uint32_t k = 0; k < c->bins; k++)
		levels[k] = (struct level){{c->rows[0][k], c->rows[1][k]}};
	if (!ordered)
		qsort(levels, c->bins, sizeof *levels, by_share);
	for (uint32_t k = 0; k < c->bins; k++) {
		wins += levels[k].rows[1] * (below + levels[k].rows[0] / 2);
		below += levels[k].rows[0];
		ones += levels[k].rows[1];
	}
	return below >= LEAKS_CLASS_MIN && ones >= LEAKS_CLASS_MIN ? wins / (below * ones) : NAN;
}

static bool tells_label(const struct counts *c, const struct guess *g)
{
	double auc = auc_of(c, g->kind == GUESS_NUMERIC);

	return auc >= LEAKS_AUC || auc <= 1 - LEAKS_AUC;
}

static enum err measure(bool *out, const struct roles *r, const char *path, struct diag *why)
{
	uint32_t count = r->profile->count;
	struct search s = {.roles = r, .of = mem_array(count, sizeof(struct counts *))};
	enum err e;

	for (uint32_t i = 0; i < count; i++) {
		if (r->of[i] != ROLE_FEATURE)
			continue;
		s.of[i] = mem_array(1, sizeof *s.of[i]);
		s.of[i]->bins = r->guesses[i].kind == GUESS_NUMERIC ? BINS : r->guesses[i].level_count;
	}
	e = read_rows(&s, path, why);
	for (uint32_t i = 0; i < count; i++) {
		if (e == OK && s.of[i] != NULL && tells_label(s.of[i], &r->guesses[i]))
			out[i] = true;
		free(s.of[i]);
	}
	free(s.of);
	return e;
}

enum err leaks_find(bool *out, const struct roles *r, const char *path, struct diag *why)
{
	const struct profile *p = r->profile;

	for (uint32_t i = 0; i < p->count; i++)
		out[i] = r->of[i] == ROLE_FEATURE && is_named_like(p->columns[i].name, p->columns[r->label].name);
	return r->guesses[r->label].kind == GUESS_BINARY ? measure(out, r, path, why) : OK;
}
