/*
 * Patients are put in some order, cut into pieces, and the pieces given to sites; what differs is the order and the cuts. The
 * kinds of draws have streams of their own, so that dirichlet with another ALPHA shuffles the same patients.
 */
#include "simulator/partition.h"

#include "base/limits.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "simulator/dirichlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS "iid|dirichlet:ALPHA|shards:K|quantity:ALPHA|column:NAME"

/* ---- what the command line says */

static enum err parse_alpha(double *out, const char *kind, const char *text, struct diag *why)
{
	if (!parse_f64(out, bytes_text(text), '.') || *out < DIRICHLET_ALPHA_MIN || *out > DIRICHLET_ALPHA_MAX)
		return diag_set(why, ERR_USAGE,
		                "--partition %s:%s: ALPHA must be a number from %g to %g; small ones make sites differ "
		                "more, such as %s:0.5",
		                kind, text, DIRICHLET_ALPHA_MIN, DIRICHLET_ALPHA_MAX, kind);
	return OK;
}

static enum err parse_shards(uint32_t *out, const char *text, struct diag *why)
{
	uint64_t number;

	if (!parse_u64(&number, bytes_text(text)) || number == 0 || number > CSV_ROWS_MAX)
		return diag_set(why, ERR_USAGE,
		                "--partition shards:%s: K must be a whole number above 0, such as shards:2", text);
	*out = (uint32_t)number;
	return OK;
}

static enum err complain_kind(const char *text, const char *colon, struct diag *why)
{
	static const char *const names[] = {"dirichlet", "shards", "quantity", "column"};
	char word[NAME_SIZE], nearest[NAME_SIZE];

	snprintf(word, sizeof word, "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(word, names[i]) == 0)
			return diag_set(why, ERR_USAGE, "--partition %s: it needs a value behind a colon: " KINDS,
			                text);
	if (nearest_word(nearest, sizeof nearest, word, "iid|dirichlet|shards|quantity|column"))
		return diag_set(why, ERR_USAGE, "--partition %s: did you mean \"%s\"? there are " KINDS, text, nearest);
	return diag_set(why, ERR_USAGE, "--partition %s: there are " KINDS, text);
}

static bool has_kind(const char *text, const char *colon, const char *kind)
{
	return colon && (size_t)(colon - text) == strlen(kind) && memcmp(text, kind, strlen(kind)) == 0;
}

enum err partition_parse(struct partition *out, const char *text, struct diag *why)
{
	const char *colon = strchr(text, ':');

	*out = (struct partition){.kind = PARTITION_IID};
	if (strcmp(text, "iid") == 0)
		return OK;
	if (has_kind(text, colon, "dirichlet")) {
		out->kind = PARTITION_DIRICHLET;
		return parse_alpha(&out->alpha, "dirichlet", colon + 1, why);
	}
	if (has_kind(text, colon, "quantity")) {
		out->kind = PARTITION_QUANTITY;
		return parse_alpha(&out->alpha, "quantity", colon + 1, why);
	}
	if (has_kind(text, colon, "shards")) {
		out->kind = PARTITION_SHARDS;
		return parse_shards(&out->shards, colon + 1, why);
	}
	if (has_kind(text, colon, "column") && colon[1] != '\0') {
		out->kind = PARTITION_COLUMN;
		out->column = colon + 1;
		return OK;
	}
	return complain_kind(text, colon, why);
}

/* ---- patients */

struct deal {
	const struct table *table;
	uint32_t *order; /* [patients] numbers in random order; sorted by label for what asks for it */
	uint32_t *first; /* [patients] first row of each */
	uint32_t *site; /* [patients] */
	uint32_t *class; /* [patients] of the label */
	uint32_t patients, sites, classes;
	uint64_t seed;
};

struct ranked {
	float value;
	uint32_t patient;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;

	return left->value < right->value ? -1 : left->value > right->value;
}

/* Of a numeric label: how many tenths of the patients have less. Equal numbers are in one class. */
static void rank_numbers(struct deal *d)
{
	struct ranked *sorted = mem_array(d->patients, sizeof *sorted);
	uint32_t less = 0;

	for (uint32_t i = 0; i < d->patients; i++)
		sorted[i] = (struct ranked){d->table->values[d->first[i]], i};
	if (d->patients > 0)
		qsort(sorted, d->patients, sizeof *sorted, by_value);
	for (uint32_t i = 0; i < d->patients; i++) {
		if (sorted[i].value > sorted[less].value)
			less = i;
		d->class[sorted[i].patient] = (uint32_t)((uint64_t)less * PARTITION_RANGES / d->patients);
	}
	free(sorted);
}

static void find_classes(struct deal *d)
{
	const struct table *t = d->table;

	d->classes = t->values ? PARTITION_RANGES : schema_classes(t->schema);
	if (t->values)
		rank_numbers(d);
	for (uint32_t i = 0; i < d->patients && !t->values; i++)
		d->class[i] = t->classes[d->first[i]];
}

static void deal_init(struct deal *d, const struct table *t, uint32_t sites, uint64_t seed)
{
	struct rng r;

	*d = (struct deal){.table = t, .sites = sites, .seed = seed};
	for (int part = 0; part < PART_COUNT; part++)
		d->patients += t->part_patients[part];
	d->order = mem_array(d->patients, sizeof d->order[0]);
	d->first = mem_array(d->patients, sizeof d->first[0]);
	d->site = mem_array(d->patients, sizeof d->site[0]);
	d->class = mem_array(d->patients, sizeof d->class[0]);
	for (uint32_t row = t->rows; row > 0; row--)
		d->first[t->patients[row - 1]] = row - 1;
	find_classes(d);
	for (uint32_t i = 0; i < d->patients; i++)
		d->order[i] = i;
	rng_seeded(&r, seed, "partition order");
	rng_shuffle(&r, d->order, d->patients);
}

static void deal_free(struct deal *d)
{
	free(d->order);
	free(d->first);
	free(d->site);
	free(d->class);
}

/* Brings the order into classes and keeps it random within each: counting sort. ends[d->classes], zeroed before; then class c
 * stands in order[ends[c - 1] .. ends[c]). */
static void sort_by_class(struct deal *d, uint32_t *ends)
{
	uint32_t *sorted = mem_array(d->patients, sizeof *sorted);

	for (uint32_t i = 0; i < d->patients; i++)
		ends[d->class[i]]++;
	for (uint32_t c = 1; c < d->classes; c++)
		ends[c] += ends[c - 1];
	for (uint32_t i = d->patients; i > 0; i--)
		sorted[--ends[d->class[d->order[i - 1]]]] = d->order[i - 1];
	for (uint32_t c = 0; c < d->classes; c++) /* the ends have walked down to the beginnings */
		ends[c] = c + 1 < d->classes ? ends[c + 1] : d->patients;
	free(d->order);
	d->order = sorted;
}

/* Gives order[from .. from + count) to the sites by shares from Dirichlet(alpha). */
static void give_by_shares(struct deal *d, uint32_t from, uint32_t count, double alpha, struct rng *r)
{
	double *shares = mem_array(d->sites, sizeof *shares);
	uint32_t *sizes = mem_array(d->sites, sizeof *sizes);

	dirichlet_draw(shares, d->sites, alpha, r);
	dirichlet_cut(sizes, shares, d->sites, count);
	for (uint32_t site = 0, i = from; site < d->sites; site++)
		for (uint32_t end = i + sizes[site]; i < end; i++)
			d->site[d->order[i]] = site;
	free(shares);
	free(sizes);
}

/* ---- the kinds */

static void deal_iid(struct deal *d)
{
	for (uint32_t i = 0; i < d->patients; i++)
		d->site[d->order[i]] = i % d->sites;
}

static void deal_quantity(struct deal *d, double alpha)
{
	struct rng r;

	rng_seeded(&r, d->seed, "partition shares");
	give_by_shares(d, 0, d->patients, alpha, &r);
}

static void deal_dirichlet(struct deal *d, double alpha)
{
	uint32_t *ends = mem_array(d->classes, sizeof *ends);
	struct rng r;

	rng_seeded(&r, d->seed, "partition shares");
	sort_by_class(d, ends);
	for (uint32_t c = 0, from = 0; c < d->classes; from = ends[c++])
		give_by_shares(d, from, ends[c] - from, alpha, &r);
	free(ends);
}

static void deal_shards(struct deal *d, uint32_t per_site)
{
	uint32_t *ends = mem_array(d->classes, sizeof *ends);
	uint32_t count = per_site * d->sites;
	uint32_t *shards = mem_array(count, sizeof *shards);
	struct rng r;

	sort_by_class(d, ends);
	for (uint32_t i = 0; i < count; i++)
		shards[i] = i;
	rng_seeded(&r, d->seed, "partition shards");
	rng_shuffle(&r, shards, count);
	for (uint32_t k = 0; k < count; k++) {
		uint32_t begin = (uint32_t)((uint64_t)d->patients * shards[k] / count);
		uint32_t end = (uint32_t)((uint64_t)d->patients * (shards[k] + 1) / count);
		for (uint32_t i = begin; i < end; i++)
			d->site[d->order[i]] = k / per_site;
	}
	free(shards);
	free(ends);
}

/* A site without patients takes the next, in an order drawn for it, whose site has another. Each patient is looked at once:
 * who could not be given away before cannot be later. */
static void fill_empty_sites(struct deal *d)
{
	uint32_t *sizes = mem_array(d->sites, sizeof *sizes);
	uint32_t next = 0;
	struct rng r;

	rng_seeded(&r, d->seed, "partition empty");
	rng_shuffle(&r, d->order, d->patients);
	for (uint32_t i = 0; i < d->patients; i++)
		sizes[d->site[i]]++;
	for (uint32_t site = 0; site < d->sites; site++) {
		if (sizes[site] > 0)
			continue;
		while (sizes[d->site[d->order[next]]] < 2)
			next++;
		sizes[d->site[d->order[next]]]--;
		d->site[d->order[next++]] = site;
		sizes[site] = 1;
	}
	free(sizes);
}

/* ---- the whole */

static enum err check_patients(const struct deal *d, const struct partition *p, struct diag *why)
{
	if (d->patients < d->sites)
		return diag_set(why, ERR_USAGE, "--sites %u: the file has only %u patient%s that the study can use",
		                d->sites, d->patients, d->patients == 1 ? "" : "s");
	if (p->kind == PARTITION_SHARDS && d->patients / d->sites < p->shards)
		return diag_set(why, ERR_USAGE,
		                "--partition shards:%u: %u sites make %llu shards of %u patients; at most shards:%u",
		                p->shards, d->sites, (unsigned long long)p->shards * d->sites, d->patients,
		                d->patients / d->sites);
	return OK;
}

static void deal_patients(struct deal *d, const struct partition *p)
{
	switch (p->kind) {
	case PARTITION_IID:
		deal_iid(d);
		break;
	case PARTITION_DIRICHLET:
		deal_dirichlet(d, p->alpha);
		break;
	case PARTITION_SHARDS:
		deal_shards(d, p->shards);
		break;
	case PARTITION_QUANTITY:
		deal_quantity(d, p->alpha);
		break;
	case PARTITION_COLUMN:
		CHECK(!"a column is no partition of a table alone");
	}
}

enum err partition_assign(uint32_t *out, const struct table *t, const struct partition *p, uint32_t sites,
                          uint64_t seed, struct diag *why)
{
	struct deal d;

	CHECK(sites > 0);
	deal_init(&d, t, sites, seed);
	enum err e = check_patients(&d, p, why);
	if (e == OK) {
		deal_patients(&d, p);
		fill_empty_sites(&d);
		for (uint32_t row = 0; row < t->rows; row++)
			out[row] = d.site[t->patients[row]];
	}
	deal_free(&d);
	return e;
}
