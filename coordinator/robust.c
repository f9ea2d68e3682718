/*
 * Everything here is the mean of rows low .. high - 1 of sorted columns: the middle ones for the median, all but the ends
 * for the trimmed mean, and for Krum all rows, after those that it does not take are left out.
 */
#include "coordinator/robust.h"

#include "base/columns.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

#define TILE_MIN 16 /* coordinates at once, however many summands there are */

/* The summands that have an update. */
struct updates {
	const struct study *study;
	const struct summands *from;
	const struct segment *segment; /* SEGMENT_UPDATE */
	uint32_t *summand; /* its place in `from` */
	double *factor; /* a word becomes a coordinate of x_i: grid * cap / weight_i */
	uint32_t count;
	struct columns tile; /* a row of each; x is owned */
	int64_t *words; /* tile.stride: of one row, as read */
};

static size_t tile_width(const struct updates *u)
{
	size_t width = ROBUST_TILE / (u->count * sizeof(double));

	width = width < TILE_MIN ? TILE_MIN : width;
	return width < u->segment->items ? width : u->segment->items;
}

static void free_updates(struct updates *u)
{
	free(u->summand);
	free(u->factor);
	free(u->tile.x);
	free(u->words);
}

/* Finds who has an update. A weight below 1 is one without a training row, or in a group's sum a lie. */
static enum err open_updates(struct updates *u, const struct study *s, const struct aggregate *sum, struct diag *why)
{
	const struct segment *weight = layout_find(&sum->layout, SEGMENT_WEIGHT);
	const struct summands *from = sum->summands;
	int64_t patients;

	CHECK(from != NULL && from->count > 0);
	*u = (struct updates){.study = s, .from = from, .segment = layout_find(&sum->layout, SEGMENT_UPDATE)};
	u->summand = mem_array(from->count, sizeof *u->summand);
	u->factor = mem_array(from->count, sizeof *u->factor);
	for (uint32_t i = 0; i < from->count; i++) {
		enum err e = from->read(from->context, i, weight->first, 1, &patients, why);

		if (e != OK)
			return e;
		if (patients < 1)
			continue;
		u->summand[u->count] = i;
		u->factor[u->count++] = u->segment->grid * s->weight_cap / (double)patients;
	}
	return OK;
}

static void open_tile(struct updates *u)
{
	u->tile.rows = u->count;
	u->tile.stride = tile_width(u);
	u->tile.x = mem_array(u->tile.rows * u->tile.stride, sizeof *u->tile.x);
	u->words = mem_array(u->tile.stride, sizeof *u->words);
}

VEC_WIDE static void decode(double *restrict x, const int64_t *restrict words, size_t n, double factor, double range)
{
	for (size_t k = 0; k < n; k++) {
		double y = (double)words[k] * factor;

		y = y < -range ? -range : y;
		x[k] = y > range ? range : y;
	}
}

/* The tile's columns become those from coordinate `first` on, as many as there are. */
static enum err read_tile(struct updates *u, size_t first, struct diag *why)
{
	size_t left = u->segment->items - first;
	enum err e = OK;

	u->tile.width = left < u->tile.stride ? left : u->tile.stride;
	for (uint32_t i = 0; i < u->count && e == OK; i++) {
		e = u->from->read(u->from->context, u->summand[i], u->segment->first + (uint32_t)first,
		                  (uint32_t)u->tile.width, u->words, why);
		if (e == OK)
			decode(u->tile.x + i * u->tile.stride, u->words, u->tile.width, u->factor[i],
			       u->study->update_range);
	}
	return e;
}

static enum err mean_of_sorted(double *update, struct updates *u, size_t low, size_t high, struct diag *why)
{
	enum err e = OK;

	for (size_t first = 0; first < u->segment->items && e == OK; first += u->tile.width) {
		e = read_tile(u, first, why);
		if (e != OK)
			break;
		columns_sort(u->tile);
		columns_mean(update + first, u->tile, low, high);
	}
	return e;
}

/* ---- Krum */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The sum of the `nearest` smallest of row i's distances; others[n - 1] is scratch. */
static double score_of(const double *pairs, uint32_t n, uint32_t i, uint32_t nearest, double *others)
{
	double sum = 0;
	uint32_t count = 0;

	for (uint32_t j = 0; j < n; j++) {
		size_t high = i > j ? i : j, low = i > j ? j : i;

		if (j != i)
			others[count++] = pairs[high * (high - 1) / 2 + low];
	}
	qsort(others, count, sizeof *others, ascending);
	for (uint32_t j = 0; j < nearest; j++)
		sum += others[j];
	return sum;
}

/* Only the `keep` rows of the least scores remain, in their order; the first of equals before the others. */
static void keep_best(struct updates *u, const double *scores)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < u->count; i++) {
		uint32_t better = 0;

		for (uint32_t j = 0; j < u->count; j++)
			better += scores[j] < scores[i] || (scores[j] == scores[i] && j < i);
		if (better >= u->study->server.keep)
			continue;
		u->summand[kept] = u->summand[i];
		u->factor[kept++] = u->factor[i];
	}
	u->count = u->tile.rows = kept;
}

static enum err choose(struct updates *u, struct diag *why)
{
	uint32_t n = u->count, nearest = n - u->study->server.byzantine - 2;
	double *pairs = mem_array((size_t)n * (n - 1) / 2, sizeof *pairs);
	double *scores = mem_array(n, sizeof *scores), *others = mem_array(n, sizeof *others);
	enum err e = OK;

	for (size_t first = 0; first < u->segment->items && e == OK; first += u->tile.width) {
		e = read_tile(u, first, why);
		if (e == OK)
			columns_distances(pairs, u->tile);
	}
	for (uint32_t i = 0; i < n; i++)
		scores[i] = score_of(pairs, n, i, nearest, others);
	if (e == OK)
		keep_best(u, scores);
	free(others);
	free(scores);
	free(pairs);
	return e;
}

/* ---- all three */

static enum err check_count(const struct updates *u, struct diag *why)
{
	const struct study *s = u->study;
	uint32_t need = study_fewest_updates(s);
	const char *of = s->sites.masking == MASKING_GROUPS ? "groups" : "sites";

	if (u->count < need)
		return diag_set(
			why, ERR_DATA,
			"study %s: strategy %s needs %u updates, and %u of this round's %u %s have a training "
			"row: raise sites.min, or choose other numbers below training.server, in a new revision",
			s->name, study_strategy_name(s->strategy), need, u->count, u->from->count, of);
	if (s->strategy == STRATEGY_KRUM && u->count > SITES_MAX)
		return diag_set(why, ERR_LIMIT,
		                "study %s: krum compares each two updates, and so takes at most %u: ask fewer of these "
		                "%u sites in a round",
		                s->name, SITES_MAX, u->count);
	return OK;
}

static enum err combine(double *update, struct updates *u, struct diag *why)
{
	uint32_t n = u->count, low = 0;
	enum err e = OK;

	open_tile(u);
	if (u->study->strategy == STRATEGY_MEDIAN)
		low = (n - 1) / 2;
	else if (u->study->strategy == STRATEGY_TRIMMED_MEAN)
		low = study_trimmed(u->study, n);
	else
		e = choose(u, why);
	return e != OK ? e : mean_of_sorted(update, u, low, u->count - low, why);
}

enum err robust_update(double *update, const struct study *s, const struct aggregate *sum, struct diag *why)
{
	struct updates u;
	enum err e = open_updates(&u, s, sum, why);

	if (e == OK)
		e = check_count(&u, why);
	if (e == OK)
		e = combine(update, &u, why);
	free_updates(&u);
	return e;
}
