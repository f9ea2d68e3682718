#include "simulator/guess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FAR 5 /* times the largest other value: 999 among ages */
#define CLOSE 1e-9 /* of the numbers' size: a range with an end that short decimals can tell from the other */
#define RANGE_MIN 1e-25 /* well within what schema_check permits, rounding included */
#define RANGE_MAX 1e25
#define GAP 8 /* zeros may mean missing if all else lies beyond this part of the range: cholesterol 0, or 85 to 603 */

/* ---- ranges */

/* The largest of 1, 2, 5 times a power of ten that is at most x. */
static double nice_step(double x)
{
	double power = pow(10, floor(log10(x)));
	double m = x / power;

	return (m >= 5 ? 5 : m >= 2 ? 2 : 1) * power;
}

/* As it will be read again from the study. */
static double as_written(double x)
{
	char text[32];

	snprintf(text, sizeof text, "%.12g", x);
	return strtod(text, NULL);
}

void guess_round(double *min, double *max, double lo, double hi)
{
	double step = nice_step((hi - lo) / 10);
	double first = floor(lo / step), last = ceil(hi / step);

	while (as_written(first * step) > lo)
		first--;
	while (as_written(last * step) < hi)
		last++;
	*min = as_written(first * step);
	*max = as_written(last * step);
}

/* ---- codes for missing */

static bool is_far_off(const struct profile_column *c, double code)
{
	if (c->numbers == 0 || c->lowest < 0)
		return false;
	return code < 0 || code >= FAR * c->highest;
}

static const char *text_of_number(const struct profile_column *c, double x)
{
	for (uint32_t i = 0; i < c->value_count; i++)
		if (c->values[i].is_number && c->values[i].number == x)
			return c->values[i].text;
	return NULL;
}

/* Codes that came after the values that are kept are written as integers. */
static const char *write_number(double x)
{
	static const char *const texts[PROFILE_NUMERIC_CODES] = {"-9", "-99", "-999", "-9999", "999", "9999"};

	for (uint32_t i = 0; i < PROFILE_NUMERIC_CODES; i++)
		if (profile_numeric_codes[i] == x)
			return texts[i];
	return NULL;
}

static void take_number(struct guess *g, double x, uint64_t count)
{
	g->present += count;
	g->lowest = fmin(g->lowest, x);
	g->highest = fmax(g->highest, x);
}

static void judge_numeric_codes(struct guess *g, const struct profile_column *c, bool label)
{
	for (uint32_t i = 0; i < PROFILE_NUMERIC_CODES; i++) {
		double code = profile_numeric_codes[i];
		if (c->numerically_coded[i] == 0)
			continue;
		if (!label && g->numbers && is_far_off(c, code)) {
			const char *text = text_of_number(c, code);
			g->codes[g->code_count++] = text ? text : write_number(code);
			g->missing += c->numerically_coded[i];
		} else {
			take_number(g, code, c->numerically_coded[i]);
		}
	}
}

static void judge_text_codes(struct guess *g, const struct profile_column *c)
{
	for (uint32_t i = 0; i < PROFILE_CODES_AMID_NUMBERS; i++) {
		if (c->coded_amid_numbers[i] == 0)
			continue;
		if (g->numbers) {
			g->codes[g->code_count++] = profile_codes_amid_numbers[i];
			g->missing += c->coded_amid_numbers[i];
		} else {
			g->present += c->coded_amid_numbers[i];
		}
	}
}

static void judge_cells(struct guess *g, const struct profile_column *c, bool label)
{
	uint64_t amid = 0, coded = 0;

	*g = (struct guess){.lowest = c->lowest, .highest = c->highest, .above_zero = NAN, .fractions = c->fractions};
	for (uint32_t i = 0; i < PROFILE_CODES_AMID_NUMBERS; i++)
		amid += c->coded_amid_numbers[i];
	for (uint32_t i = 0; i < PROFILE_NUMERIC_CODES; i++)
		coded += c->numerically_coded[i];
	for (uint32_t i = 0; i < PROFILE_CODES; i++)
		g->missing += c->coded[i];
	g->numbers = c->texts == 0 && c->numbers + coded > 0 && (!label || amid == 0);
	g->present = c->numbers + c->texts;
	judge_numeric_codes(g, c, label);
	judge_text_codes(g, c);
	bool small_counts = !c->fractions && c->lowest_above_zero <= GUESS_INTEGERS_MAX;
	if (c->zeros > 0 && c->lowest >= 0 && !small_counts && c->lowest_above_zero > (c->highest - c->lowest) / GAP)
		g->above_zero = c->lowest_above_zero;
}

/* ---- levels */

static bool is_code(const struct guess *g, const struct profile_value *v)
{
	for (uint32_t i = 0; i < g->code_count; i++)
		if (schema_cell_matches(v->text, strlen(v->text), g->codes[i]))
			return true;
	return false;
}

static int by_level(const void *a, const void *b)
{
	const struct profile_value *const *left = a, *const *right = b;
	const struct profile_value *x = *left, *y = *right;

	if (x->is_number && y->is_number)
		return x->number < y->number ? -1 : x->number > y->number;
	if (x->is_number != y->is_number)
		return x->is_number ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void find_levels(struct guess *g, const struct profile_column *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->value_count; i++) {
		if (is_code(g, &c->values[i]))
			continue;
		if (count < GUESS_LEVELS_MAX)
			g->levels[count] = &c->values[i];
		count++;
	}
	if (c->more_values || count > GUESS_LEVELS_MAX)
		return;
	g->level_count = count;
	if (count > 0)
		qsort(g->levels, count, sizeof(struct profile_value *), by_level);
}

uint32_t guess_positive(const struct guess *g)
{
	static const char *const words[] = {"1", "yes", "true", "y", "t", "positive", "pos", "+"};
	bool is[2] = {false, false};

	for (uint32_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
			is[k] |= strcasecmp(g->levels[k]->text, words[i]) == 0;
	for (uint32_t k = 0; k < 2; k++)
		is[k] |= g->levels[k]->is_number && g->levels[k]->number == 1;
	return is[0] && !is[1] ? 0 : 1;
}

/* ---- the whole */

static void leave_out(struct guess *g, const char *reason)
{
	g->kind = GUESS_LEFT_OUT;
	g->reason = reason;
}

static void judge_numbers(struct guess *g, const struct profile_column *c)
{
	bool numbering = !c->repeats && !g->fractions && g->highest - g->lowest + 1 == (double)g->present;

	double range = g->highest - g->lowest, size = fmax(fabs(g->lowest), fabs(g->highest));

	if (!g->fractions && g->level_count > 0 && g->level_count <= GUESS_INTEGERS_MAX) {
		g->kind = GUESS_CATEGORICAL;
	} else if (numbering) {
		leave_out(g, "it numbers the rows");
	} else if (!(range >= RANGE_MIN && range <= RANGE_MAX && range >= CLOSE * size)) {
		leave_out(g, "its numbers are too large, or too close together, for floats");
	} else {
		g->kind = GUESS_NUMERIC;
		guess_round(&g->min, &g->max, g->lowest, g->highest);
	}
}

static void judge_texts(struct guess *g, const struct profile_column *c)
{
	if (!c->repeats)
		leave_out(g, "every value is different, as identifiers are");
	else if (g->level_count == 0 && c->numbers > c->texts)
		leave_out(g, "most cells are numbers, but not all");
	else if (g->level_count == 0)
		leave_out(g, "it has more than 20 different texts");
	else
		g->kind = GUESS_CATEGORICAL;
}

void guess_column(struct guess *out, const struct profile_column *c, bool label)
{
	judge_cells(out, c, label);
	find_levels(out, c);
	if (out->present == 0)
		leave_out(out, "it is empty");
	else if (out->level_count == 1)
		leave_out(out, "it has one value alone");
	else if (c->unwritable && !out->numbers)
		leave_out(out, "it holds texts that are too long for levels, or control characters");
	else if (out->level_count == 2)
		out->kind = GUESS_BINARY;
	else if (out->numbers)
		judge_numbers(out, c);
	else
		judge_texts(out, c);
}
