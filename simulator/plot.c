#include "simulator/plot.h"

#include "base/nearest.h"
#include "base/parse.h"
#include "simulator/figure.h"
#include "simulator/spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX 65536 /* all columns' names, for the nearest */
#define NEAREST_SIZE 64

bool plot_x_of(enum plot_x *out, const char *word)
{
	static const char *const words[] = {[PLOT_ROUND] = "round", [PLOT_EPSILON] = "epsilon", [PLOT_BYTES] = "bytes"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum plot_x)i;
			return true;
		}
	return false;
}

/* ---- points of a run */

static enum err no_such_column(const struct past_run *run, const char *figure, struct diag *why)
{
	struct buf known = {0};
	char near[NEAREST_SIZE], hint[NEAREST_SIZE + 32] = "";
	enum err e;

	buf_init(&known, KNOWN_MAX);
	buf_put_text(&known, FIGURE_KEYS);
	for (uint32_t c = 0; c < run->rounds.columns; c++)
		buf_printf(&known, "|%s", sheet_name(&run->rounds, c));
	if (nearest_word(near, sizeof near, figure, buf_text(&known)) != NULL)
		snprintf(hint, sizeof hint, " (did you mean %s?)", near);
	e = diag_set(why, ERR_USAGE, "%s/rounds.csv has no figure or column \"%s\"%s", run->path, figure, hint);
	buf_free(&known);
	return e;
}

static enum err find_column(struct plot *p, const struct past_run *run, const char *part, const char *figure,
                            uint32_t *column, struct diag *why)
{
	snprintf(p->column, sizeof p->column, "%s_%s", part, figure);
	if (sheet_find(&run->rounds, p->column, column))
		return OK;
	snprintf(p->column, sizeof p->column, "%s", figure);
	return sheet_find(&run->rounds, p->column, column) ? OK : no_such_column(run, figure, why);
}

static double *x_of(const struct plot *p, const struct sheet *rounds)
{
	double *up, *down, sum = 0;

	if (p->x == PLOT_ROUND)
		return sheet_column(rounds, "model_step");
	if (p->x == PLOT_EPSILON)
		return sheet_column(rounds, "epsilon");
	up = sheet_column(rounds, "bytes_up");
	down = sheet_column(rounds, "bytes_down");
	for (size_t i = 0; i < rounds->rows; i++) {
		sum += (isfinite(up[i]) ? up[i] : 0) + (isfinite(down[i]) ? down[i] : 0);
		up[i] = sum;
	}
	free(down);
	return up;
}

struct point {
	double x, y;
	size_t row;
};

static int by_x(const void *a, const void *b)
{
	const struct point *p = a, *q = b;

	if (p->x != q->x)
		return p->x < q->x ? -1 : 1;
	return p->row < q->row ? -1 : p->row > q->row;
}

static void take_points(struct plot_run *r, const struct sheet *rounds, const double *x, uint32_t column)
{
	struct point *points = mem_array(rounds->rows + 1, sizeof *points);
	size_t count = 0;

	for (size_t i = 0; i < rounds->rows; i++) {
		double y = sheet_number(rounds, i, column);
		if (isfinite(x[i]) && isfinite(y))
			points[count++] = (struct point){x[i], y, i};
	}
	qsort(points, count, sizeof *points, by_x);
	r->x = mem_array(count + 1, sizeof *r->x);
	r->y = mem_array(count + 1, sizeof *r->y);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && points[i].x == points[i - 1].x)
			r->count--; /* the later row replaces the one before */
		r->x[r->count] = points[i].x;
		r->y[r->count++] = points[i].y;
	}
	free(points);
}

static enum err add_rounds(struct plot_run *r, struct plot *p, struct past_run *run, const char *part,
                           const char *figure, struct diag *why)
{
	uint32_t column = 0;
	double *x;
	enum err e = past_run_read_rounds(run, why);

	if (e == OK)
		e = find_column(p, run, part, figure, &column, why);
	if (e != OK)
		return e;
	x = x_of(p, &run->rounds);
	take_points(r, &run->rounds, x, column);
	free(x);
	if (r->count > 0)
		return OK;
	free(r->x);
	free(r->y);
	return diag_set(why, ERR_NOT_FOUND, "%s: %s has no value%s", run->path, p->column,
	                p->x == PLOT_EPSILON ? " at any epsilon (is its mechanism none?)" : "");
}

static double number_of(const struct json *node)
{
	enum json_kind kind = node != NULL ? json_kind(node) : JSON_IS_NULL;

	return kind == JSON_IS_INTEGER || kind == JSON_IS_REAL ? json_as_real(node) : (double)NAN;
}

/* One point: the term's value, and the final model's figure. */
static enum err add_final(struct plot_run *r, struct plot *p, const struct past_run *run, const char *part,
                          const char *figure, struct diag *why)
{
	char path[2 * NEAREST_SIZE];
	double x = number_of(past_run_key(run, p->term));

	if (figure_find(figure) == NULL)
		return diag_set(why, ERR_USAGE, "--y %s: with --x %s it is a figure: " FIGURE_KEYS, figure, p->term);
	snprintf(p->column, sizeof p->column, "%s_%s", part, figure);
	snprintf(path, sizeof path, "%s.%s", strcmp(part, "test") == 0 ? "metrics" : part, figure);
	double y = past_run_number(run, path);
	if (!isfinite(x) || !isfinite(y))
		return diag_set(why, ERR_NOT_FOUND, "%s: %s has no value", run->path,
		                isfinite(x) ? p->column : p->term);
	r->x = mem_array(1, sizeof *r->x);
	r->y = mem_array(1, sizeof *r->y);
	r->x[0] = x;
	r->y[0] = y;
	r->count = 1;
	return OK;
}

enum err plot_add(struct plot *p, struct past_run *run, const char *group, const char *part, const char *figure,
                  struct diag *why)
{
	struct plot_run r = {0};
	enum err e = p->x == PLOT_TERM ? add_final(&r, p, run, part, figure, why)
	                               : add_rounds(&r, p, run, part, figure, why);

	if (e != OK)
		return e;
	if (p->run_count == p->room) {
		p->room = p->room > 0 ? 2 * p->room : 16;
		p->runs = mem_resize(p->runs, p->room, sizeof *p->runs);
	}
	r.group = mem_copy_text(group);
	r.index = p->run_count;
	p->runs[p->run_count++] = r;
	return OK;
}

/* ---- groups */

static int by_index(const struct plot_run *a, const struct plot_run *b)
{
	return (a->index > b->index) - (a->index < b->index);
}

static int by_group(const void *a, const void *b)
{
	const struct plot_run *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	return order != 0 ? order : by_index(x, y);
}

/* Numbers by value and before words, words in the order of their first runs. */
static int by_place(const void *a, const void *b)
{
	const struct plot_run *run_a = a, *run_b = b;
	double x, y;
	bool number_a = parse_f64(&x, bytes_text(run_a->group), '.'),
	     number_b = parse_f64(&y, bytes_text(run_b->group), '.');

	if (number_a != number_b)
		return number_a ? -1 : 1;
	if (number_a && x != y)
		return x < y ? -1 : 1;
	if (run_a->first != run_b->first)
		return run_a->first < run_b->first ? -1 : 1;
	return by_index(run_a, run_b);
}

static void sort_runs(struct plot *p)
{
	qsort(p->runs, p->run_count, sizeof *p->runs, by_group);
	for (size_t i = 0; i < p->run_count; i++) {
		bool again = i > 0 && strcmp(p->runs[i].group, p->runs[i - 1].group) == 0;

		p->runs[i].first = again ? p->runs[i - 1].first : p->runs[i].index;
	}
	qsort(p->runs, p->run_count, sizeof *p->runs, by_place);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The x of all runs, each once, or as many at equal distances as are permitted; how many. */
static size_t positions(double **out, const struct plot_run *runs, size_t count)
{
	size_t all = 0, unique = 0;

	for (size_t i = 0; i < count; i++)
		all += runs[i].count;
	double *x = mem_array(all, sizeof *x);
	for (size_t i = 0, at = 0; i < count; at += runs[i++].count)
		memcpy(x + at, runs[i].x, runs[i].count * sizeof *x);
	qsort(x, all, sizeof *x, ascending);
	for (size_t i = 0; i < all; i++)
		if (unique == 0 || x[i] != x[unique - 1])
			x[unique++] = x[i];
	*out = x;
	if (unique <= PLOT_POSITIONS_MAX)
		return unique;
	const double first = x[0], last = x[unique - 1];
	for (size_t i = 0; i < PLOT_POSITIONS_MAX; i++)
		x[i] = first + (last - first) * (double)i / (PLOT_POSITIONS_MAX - 1);
	x[PLOT_POSITIONS_MAX - 1] = last;
	return PLOT_POSITIONS_MAX;
}

/* NaN outside its points. `from` remembers the place: positions come ascending. */
static double value_at(const struct plot_run *r, double x, size_t *from)
{
	if (x < r->x[0] || x > r->x[r->count - 1])
		return NAN;
	while (*from + 1 < r->count && r->x[*from + 1] <= x)
		++*from;
	if (*from + 1 == r->count || r->x[*from] == x)
		return r->y[*from];
	double share = (x - r->x[*from]) / (r->x[*from + 1] - r->x[*from]);
	return r->y[*from] + share * (r->y[*from + 1] - r->y[*from]);
}

static struct plot_line make_line(const struct plot_run *runs, size_t count, enum plot_x axis)
{
	struct plot_line l = {.group = runs[0].group, .runs = count};
	size_t *from = mem_array(count, sizeof *from);
	double *values = mem_array(count, sizeof *values);

	l.count = positions(&l.x, runs, count);
	l.mean = mem_array(l.count, sizeof *l.mean);
	l.low = mem_array(l.count, sizeof *l.low);
	l.high = mem_array(l.count, sizeof *l.high);
	l.drawn = mem_array(l.count, sizeof *l.drawn);
	l.n = mem_array(l.count, sizeof *l.n);
	for (size_t i = 0; i < l.count; i++) {
		for (size_t k = 0; k < count; k++)
			values[k] = value_at(&runs[k], l.x[i], &from[k]);
		struct spread s = spread_of(values, count);
		l.mean[i] = s.mean;
		l.low[i] = s.low;
		l.high[i] = s.high;
		l.n[i] = s.n;
		l.drawn[i] = s.n == count || axis == PLOT_TERM ? s.mean : NAN;
	}
	free(from);
	free(values);
	return l;
}

void plot_compute(struct plot *p)
{
	CHECK(p->lines == NULL);
	sort_runs(p);
	p->lines = mem_array(p->run_count + 1, sizeof *p->lines);
	for (size_t from = 0, until; from < p->run_count; from = until) {
		for (until = from + 1; until < p->run_count && strcmp(p->runs[until].group, p->runs[from].group) == 0;)
			until++;
		p->lines[p->line_count++] = make_line(p->runs + from, until - from, p->x);
	}
}

bool plot_is_cut(const struct plot *p)
{
	for (size_t i = 0; i < p->line_count && p->x != PLOT_TERM; i++)
		for (size_t k = 0; k < p->lines[i].count; k++)
			if (p->lines[i].n[k] < p->lines[i].runs)
				return true;
	return false;
}

void plot_free(struct plot *p)
{
	for (size_t i = 0; i < p->run_count; i++) {
		free(p->runs[i].group);
		free(p->runs[i].x);
		free(p->runs[i].y);
	}
	for (size_t i = 0; i < p->line_count; i++) {
		free(p->lines[i].x);
		free(p->lines[i].mean);
		free(p->lines[i].low);
		free(p->lines[i].high);
		free(p->lines[i].drawn);
		free(p->lines[i].n);
	}
	free(p->runs);
	free(p->lines);
	*p = (struct plot){0};
}
