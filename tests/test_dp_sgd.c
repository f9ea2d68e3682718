/*
 * The words of private rounds against a slow DP-SGD that is written here: the same noise and samples, drawn from the same stream
 * in the order that client/contribution.h promises; one unit at a time; one number at a time.
 *
 *   unit by unit     each unit's clipped gradient by itself (client/clipped_sum, which test_clipped_sum.c judges), added up here:
 *                    every word of three sites, of all steps, bit for bit
 *   from formulas    each unit's gradient in double by plain loops without blocks or BLAS, clipped here: on a coarse grid, where float
 *                    and double seldom round apart
 */
#include "base/share.h"
#include "coordinator/outcome.h"
#include "model/evaluate.h"
#include "privacy/noise.h"
#include "tests/support/models.h"
#include "tests/support/private_site.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 3, PATIENTS = 70, PARAMETERS_MAX = 64, UNITS_MAX = 300 };

struct reference {
	const struct private_study *s;
	struct private_site *site; /* encoded rows and units are read */
	struct private_entropy source;
	struct entropy entropy;
	size_t n; /* parameters */
	double sum[PARAMETERS_MAX];
	bool from_formulas;
};

/* ---- noise and samples */

static bool takes_part(const struct reference *r, double rate)
{
	uint8_t octets[8];

	if (rate == 1)
		return true;
	entropy_fill(&r->entropy, octets, sizeof octets);
	return (double)load_u64(octets) < rate * 0x1p64; /* rates here have few digits: the bound is a whole number */
}

static int64_t nearest(double x)
{
	return (int64_t)nearbyint(x);
}

static int32_t noised_word(double value, const struct noised *n, int32_t noise)
{
	double q = fmin(fmax((double)nearest(value / n->grid), -(double)n->clamp), (double)n->clamp);

	return (int32_t)(uint32_t)((int64_t)q + noise);
}

/* ---- one unit's clipped gradient */

static void add_by_itself(struct reference *r, const float *parameters, uint32_t unit)
{
	static struct clipped_sum c; /* of this unit alone */
	struct clipped_report report = {0};
	double own[PARAMETERS_MAX] = {0};

	clipped_sum_init(&c, &r->s->study.model, 0);
	assert_int_equal(clipped_sum_add(&c, own, &report, parameters, &r->site->rows.parts[PART_TRAIN],
	                                 &r->site->rows.units, &unit, 1, r->s->study.privacy.clip, NULL, NULL),
	                 OK);
	clipped_sum_free(&c);
	for (size_t i = 0; i < r->n; i++)
		r->sum[i] += own[i];
}

static double norm_of(const double *x, size_t n)
{
	double squared = 0;

	for (size_t i = 0; i < n; i++)
		squared += x[i] * x[i];
	return sqrt(squared);
}

/* The norm that is clipped by (model/row_gradients.h): a part of it is the sum of the rows' own, since rows may cancel. */
static void add_from_formulas(struct reference *r, const float *parameters, uint32_t unit)
{
	const struct examples *e = &r->site->rows.parts[PART_TRAIN];
	const struct units *u = &r->site->rows.units;
	uint32_t rows = units_length(u, unit);
	double mean[PARAMETERS_MAX] = {0}, logits[1], loss, reach = 0, norm, factor;

	for (uint32_t k = u->first[unit]; k < u->first[unit + 1]; k++) {
		double gradient[PARAMETERS_MAX];

		models_reference(logits, &loss, gradient, &r->s->study.model, parameters,
		                 e->inputs + (size_t)u->rows[k] * e->width, &e->labels[u->rows[k]], 1);
		for (size_t i = 0; i < r->n; i++)
			mean[i] += gradient[i] / rows;
		reach += norm_of(gradient, r->n) / rows;
	}
	norm = norm_of(mean, r->n);
	norm = sqrt((1 - 0x1p-12) * norm * norm + 0x1p-12 * reach * reach);
	factor = fmin(1, r->s->study.privacy.clip / norm) * (1 - 0x1p-20);
	for (size_t i = 0; i < r->n; i++)
		r->sum[i] += factor * mean[i];
}

/* The sum of one step at these parameters, of units that are drawn here. */
static uint32_t sum_step(struct reference *r, const float *parameters)
{
	uint32_t units = r->site->rows.units.count, count = 0;
	bool takes[UNITS_MAX];

	assert_true(units <= UNITS_MAX);
	memset(r->sum, 0, sizeof r->sum);
	for (uint32_t unit = 0; unit < units; unit++)
		count += takes[unit] = takes_part(r, r->s->study.privacy.sampling_rate);
	for (uint32_t unit = 0; unit < units; unit++)
		if (takes[unit] && r->from_formulas)
			add_from_formulas(r, parameters, unit);
		else if (takes[unit])
			add_by_itself(r, parameters, unit);
	return count;
}

/* ---- sites */

struct fixture {
	struct private_study s;
	struct table tables[SITES];
	struct private_site sites[SITES];
	struct reference r;
};

static void fixture_make(struct fixture *f, enum privacy_mechanism m, enum privacy_unit unit, double multiplier)
{
	private_study(&f->s, m, unit, multiplier, false);
	for (int i = 0; i < SITES; i++)
		private_table(&f->tables[i], &f->s, PATIENTS + 10 * (uint32_t)i, 20 + (uint64_t)i);
}

static void fixture_begin(struct fixture *f, unsigned asks)
{
	for (int i = 0; i < SITES; i++) {
		private_site(&f->sites[i], &f->s, &f->tables[i]);
		private_site_fill_good(&f->sites[i], &f->s, asks, 40 + (uint64_t)i);
	}
}

static struct reference *reference_of(struct fixture *f, int site, bool from_formulas)
{
	f->r = (struct reference){
		.s = &f->s, .site = &f->sites[site], .n = f->s.study.model.parameters, .from_formulas = from_formulas};
	f->r.entropy = private_entropy(&f->r.source, 40 + (uint64_t)site);
	assert_true(f->r.n <= PARAMETERS_MAX);
	return &f->r;
}

static void fixture_free(struct fixture *f)
{
	for (int i = 0; i < SITES; i++) {
		private_site_free(&f->sites[i]);
		table_free(&f->tables[i]);
	}
	private_study_free(&f->s);
}

/* ---- distributed */

/* How many words of all sites differ, and none by more than one. */
static uint32_t gradient_words_apart(struct fixture *f, bool from_formulas)
{
	uint32_t apart = 0, sampled = 0;

	for (int i = 0; i < SITES; i++) {
		struct reference *r = reference_of(f, i, from_formulas);
		const struct noised *n = &private_segment(r->site, SEGMENT_GRADIENT)->noised;
		int32_t noise[PARAMETERS_MAX];

		noise_draw(noise, r->n, n->variance, &r->entropy);
		sampled += sum_step(r, f->s.model.parameters);
		for (uint32_t k = 0; k < r->n; k++) {
			int32_t word = private_word(r->site, SEGMENT_GRADIENT, k);
			int64_t off = (int64_t)word - noised_word(r->sum[k], n, noise[k]);

			assert_true(off >= -1 && off <= 1);
			apart += off != 0;
		}
		assert_int_equal(r->source.octets, r->site->source.octets); /* nothing else is drawn */
	}
	assert_true(sampled > 30); /* of some 140 */
	return apart;
}

static void test_distributed_unit_by_unit(void **state)
{
	(void)state;
	for (int unit = UNIT_RECORD; unit <= UNIT_PATIENT; unit++) {
		struct fixture f;

		fixture_make(&f, PRIVACY_DISTRIBUTED, (enum privacy_unit)unit, 1.5);
		fixture_begin(&f, ASK_TRAIN);
		assert_true(private_segment(&f.sites[0], SEGMENT_GRADIENT)->grid < 1e-5);
		assert_int_equal(gradient_words_apart(&f, false), 0);
		fixture_free(&f);
	}
}

static void test_distributed_from_formulas(void **state)
{
	struct fixture f;

	(void)state;
	fixture_make(&f, PRIVACY_DISTRIBUTED, UNIT_PATIENT, 1e5);
	f.s.study.privacy.batch_cap = 60;
	fixture_begin(&f, ASK_TRAIN);
	assert_true(private_segment(&f.sites[0], SEGMENT_GRADIENT)->grid > 1e-4);
	assert_true(gradient_words_apart(&f, true) <= 2); /* of 87: float rounds apart once in a thousand */
	fixture_free(&f);
}

/* ---- the whole federation, distributed: sites, their sum, the coordinator's step; and all of it here */

/* Seeds of one round's entropy: private_site_fill begins the stream anew. */
static uint64_t seed_of(uint32_t round, int site)
{
	return 1000 * (uint64_t)round + (uint64_t)site;
}

/* The product's model after the round: s.model.parameters. */
static void play_round(struct fixture *f, uint32_t round)
{
	struct round_plan plan = {.step = round};
	struct aggregate sum = {0};
	struct outcome outcome = {0};
	double update[PARAMETERS_MAX];
	struct diag why = {{0}};

	for (int i = 0; i < SITES; i++) {
		struct private_site *p = &f->sites[i];

		private_site_fill_good(p, &f->s, ASK_TRAIN, seed_of(round, i));
		if (i == 0)
			aggregate_begin(&sum, p->layout);
		aggregate_add(&sum, bytes_of(p->octets, 4 * (size_t)p->layout->words));
	}
	if (outcome_train(&outcome, f->s.model.parameters, NULL, update, &f->s.study, &plan, &sum, &why) != OK)
		fail_msg("%s", why.text);
	aggregate_free(&sum);
	outcome_free(&outcome);
}

/* The same in whole numbers: w - rate * (sum of all sites' words) * grid / (q N). */
static void play_slowly(struct fixture *f, float *w, uint32_t round)
{
	const struct privacy_plan *p = &f->s.study.privacy;
	int64_t sums[PARAMETERS_MAX] = {0};
	double grid = 0;

	for (int i = 0; i < SITES; i++) {
		struct reference *r = reference_of(f, i, false);
		const struct noised *n = &private_segment(r->site, SEGMENT_GRADIENT)->noised;
		int32_t noise[PARAMETERS_MAX];

		r->entropy = private_entropy(&r->source, seed_of(round, i));
		noise_draw(noise, r->n, n->variance, &r->entropy);
		sum_step(r, w);
		for (size_t k = 0; k < r->n; k++)
			sums[k] += noised_word(r->sum[k], n, noise[k]);
		grid = n->grid;
	}
	for (size_t k = 0; k < f->r.n; k++) {
		double update =
			(double)sums[k] * grid * (-f->s.study.local.learning_rate / (p->sampling_rate * p->patients));

		w[k] = (float)(w[k] + f->s.study.server.learning_rate * update);
	}
}

static void test_a_federation_is_slow_dp_sgd(void **state)
{
	struct fixture f;
	float w[PARAMETERS_MAX], first[PARAMETERS_MAX];
	double moved = 0;

	(void)state;
	fixture_make(&f, PRIVACY_DISTRIBUTED, UNIT_PATIENT, 1.5);
	f.s.study.privacy.patients = 120;
	fixture_begin(&f, ASK_TRAIN);
	size_t octets = f.s.study.model.parameters * sizeof *w;
	memcpy(w, f.s.model.parameters, octets);
	memcpy(first, w, octets);
	for (uint32_t round = 1; round <= 4; round++) {
		play_round(&f, round);
		play_slowly(&f, w, round);
		assert_memory_equal(w, f.s.model.parameters, octets);
	}
	for (size_t k = 0; k < f.r.n; k++)
		moved += fabs((double)(w[k] - first[k]));
	assert_true(moved > 0.1);
	fixture_free(&f);
}

/* ---- local */

/* Plain SGD, a step: in float, as the product's. */
static void step_sgd(float *w, const struct reference *r, const struct noised *n, const int32_t *words, float scale)
{
	for (size_t i = 0; i < r->n; i++) {
		float gradient = (float)words[i] * (float)n->grid;

		w[i] -= (float)r->s->study.local.learning_rate * (scale * gradient);
	}
}

static void step_optimizer(float *w, struct optimizer *o, const struct noised *n, const int32_t *words, float scale)
{
	float gradient[PARAMETERS_MAX];

	for (size_t i = 0; i < o->n; i++)
		gradient[i] = (float)words[i] * (float)n->grid;
	optimizer_step(o, w, gradient, scale);
}

static void train_locally(float *w, struct reference *r, struct optimizer *o)
{
	const struct privacy_plan *p = &r->s->study.privacy;
	float scale = (float)(1 / (p->sampling_rate * p->patients / SITES));
	struct noised n;

	assert_int_equal(round_plan_step_noise(&n, &r->s->study, NULL), OK);
	for (int step = 0; step < PRIVATE_STEPS; step++) {
		int32_t noise[PARAMETERS_MAX], words[PARAMETERS_MAX];

		noise_draw(noise, r->n, n.variance, &r->entropy);
		sum_step(r, w);
		for (size_t i = 0; i < r->n; i++)
			words[i] = noised_word(r->sum[i], &n, noise[i]);
		if (o != NULL)
			step_optimizer(w, o, &n, words, scale);
		else
			step_sgd(w, r, &n, words, scale);
	}
}

static void check_local(enum optimizer_kind optimizer)
{
	struct fixture f;
	const float *global;
	double moved = 0;

	fixture_make(&f, PRIVACY_LOCAL, UNIT_PATIENT, 0.8);
	f.s.study.local.optimizer = optimizer;
	if (optimizer == OPTIMIZER_ADAM) {
		f.s.study.local.beta1 = 0.9;
		f.s.study.local.beta2 = 0.99;
		f.s.study.local.epsilon = 1e-6;
		f.s.study.local.learning_rate = 0.01;
	}
	fixture_begin(&f, ASK_TRAIN);
	global = f.s.model.parameters;
	for (int i = 0; i < SITES; i++) {
		struct reference *r = reference_of(&f, i, false);
		const struct segment *update = private_segment(r->site, SEGMENT_UPDATE);
		float w[PARAMETERS_MAX];
		struct optimizer o;

		memcpy(w, global, r->n * sizeof *w);
		optimizer_init(&o, &f.s.study.local, r->n);
		train_locally(w, r, optimizer == OPTIMIZER_SGD ? NULL : &o);
		optimizer_free(&o);
		for (uint32_t k = 0; k < r->n; k++) {
			double change = (double)(w[k] - global[k]);

			assert_true(fabs(change) < update->bound);
			assert_int_equal(private_word(r->site, SEGMENT_UPDATE, k), nearest(change / update->grid));
			moved += fabs(change);
		}
		assert_int_equal(private_word(r->site, SEGMENT_WEIGHT, 0), 1);
		assert_int_equal(r->source.octets, r->site->source.octets);
	}
	assert_true(moved > 0.1);
	fixture_free(&f);
}

static void test_local_unit_by_unit(void **state)
{
	(void)state;
	check_local(OPTIMIZER_SGD);
	check_local(OPTIMIZER_ADAM);
}

/* ---- site */

static void train_whole(float *local, struct fixture *f, struct private_site *p)
{
	double loss;

	memcpy(local, f->s.model.parameters, f->s.study.model.parameters * sizeof *local);
	assert_int_equal(
		contribution_train(local, &loss, &p->rows, &p->workspace, f->s.model.parameters, 1, NULL, NULL), OK);
}

static void check_update(struct fixture *f, int site)
{
	struct reference *r = reference_of(f, site, false);
	const struct noised *n = &private_segment(r->site, SEGMENT_UPDATE)->noised;
	float local[PARAMETERS_MAX];
	int32_t noise[PARAMETERS_MAX];
	long double squared = 0;

	noise_draw(noise, r->n, n->variance, &r->entropy);
	train_whole(local, f, r->site);
	for (size_t i = 0; i < r->n; i++) {
		r->sum[i] = (double)local[i] - f->s.model.parameters[i];
		squared += (long double)r->sum[i] * r->sum[i];
	}
	double norm = (double)sqrtl(squared), clip = f->s.clip > 0 ? f->s.clip : f->s.study.privacy.clip;
	for (uint32_t k = 0; k < r->n; k++) {
		double value = r->sum[k] * (norm > clip ? clip / norm : 1) * (1 - 0x1p-20);

		assert_int_equal(private_word(r->site, SEGMENT_UPDATE, k), noised_word(value, n, noise[k]));
	}
	assert_int_equal(r->source.octets, r->site->source.octets);
}

static void test_site(void **state)
{
	static const double clips[] = {0.02, 50, 50}; /* clipped, and not, and by a clip of the round's own */

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct fixture f;

		fixture_make(&f, PRIVACY_SITE, UNIT_SITE, 1.5);
		f.s.study.privacy.clip = clips[k];
		f.s.clip = k == 2 ? 0.03 : 0;
		fixture_begin(&f, ASK_TRAIN);
		for (int i = 0; i < SITES; i++)
			check_update(&f, i);
		fixture_free(&f);
	}
}

/* ---- statistics and figures */

/* Shares by patients, counted in the table. */
static void slow_shares(double *shares, const struct table *t, enum split_part part)
{
	uint32_t next = 0;

	for (uint32_t row = 0; row < t->rows; row++) {
		uint32_t rows = 0;

		for (uint32_t other = 0; other < t->rows; other++)
			rows += t->parts[other] == part && t->patients[other] == t->patients[row];
		if (t->parts[row] == part)
			shares[next++] = share_of(rows);
	}
}

static void check_words(const struct reference *r, enum segment_kind kind, const double *values, double divisor)
{
	const struct segment *s = private_segment(r->site, kind);
	int32_t *noise = mem_array(s->items, sizeof *noise);

	noise_draw(noise, s->items, s->noised.variance, &r->entropy);
	for (uint32_t k = 0; k < s->items; k++)
		assert_int_equal(
			private_word(r->site, kind, k),
			noised_word(trunc(values[k] / divisor * SHARE_STEPS) / SHARE_STEPS, &s->noised, noise[k]));
	free(noise);
}

/* Of a mechanism for patients the sum over them; for sites the mean. */
static void check_statistics(enum privacy_mechanism m, enum privacy_unit unit)
{
	struct fixture f;

	fixture_make(&f, m, unit, 1.5);
	fixture_begin(&f, ASK_STATISTICS);
	for (int i = 0; i < SITES; i++) {
		struct reference *r = reference_of(&f, i, false);
		double values[32], *shares = mem_array(f.tables[i].rows, sizeof *shares);

		slow_shares(shares, &f.tables[i], PART_TRAIN);
		statistics_collect_shares(values, &f.tables[i], shares);
		check_words(r, SEGMENT_STATISTICS, values,
		            unit == UNIT_SITE ? f.tables[i].part_patients[PART_TRAIN] : 1);
		assert_int_equal(r->source.octets, r->site->source.octets);
		free(shares);
	}
	fixture_free(&f);
}

static void test_statistics(void **state)
{
	(void)state;
	check_statistics(PRIVACY_DISTRIBUTED, UNIT_PATIENT);
	check_statistics(PRIVACY_SITE, UNIT_SITE);
}

/* One row at a time. */
static void slow_figures(double *loss, double *counts, const struct reference *r, const struct table *t,
                         enum split_part part)
{
	const struct examples *e = &r->site->rows.parts[part];
	double *shares = mem_array(t->rows, sizeof *shares);
	struct row_products products;
	struct network n;

	slow_shares(shares, t, part);
	network_init(&n, &r->s->study.model, 1);
	row_products_init(&products, &r->s->study.model);
	for (uint32_t row = 0; row < e->rows; row++) {
		struct shared_rows one = {e->inputs + (size_t)row * e->width, &e->labels[row], &shares[row], 1};

		assert_int_equal(evaluate_shares(loss, counts, study_shape(&r->s->study), &n, &products,
		                                 r->s->model.parameters, one, NULL, NULL),
		                 OK);
	}
	network_free(&n);
	row_products_free(&products);
	free(shares);
}

static void check_figures(enum privacy_mechanism m, enum privacy_unit unit)
{
	struct fixture f;

	fixture_make(&f, m, unit, 1.5);
	fixture_begin(&f, ASK_EVALUATE);
	for (int i = 0; i < SITES; i++) {
		struct reference *r = reference_of(&f, i, false);
		const struct table *t = &f.tables[i];
		uint32_t all = t->part_patients[PART_VALIDATION] + t->part_patients[PART_TEST];
		double loss[2] = {0}, counts[64] = {0};

		slow_figures(&loss[0], counts, r, t, PART_VALIDATION);
		slow_figures(&loss[1], counts + 32, r, t, PART_TEST);
		check_words(r, SEGMENT_LOSS, loss, unit == UNIT_SITE ? all : 1);
		check_words(r, SEGMENT_COUNTS, counts, unit == UNIT_SITE ? all : 1);
		assert_true(fabs(r->site->report.test.rows - t->part_patients[PART_TEST]) < 1e-3);
		assert_true(fabs(r->site->report.test.loss - loss[1] * 32 / r->site->report.test.rows) < 1e-9);
	}
	fixture_free(&f);
}

static void test_figures(void **state)
{
	(void)state;
	check_figures(PRIVACY_DISTRIBUTED, UNIT_PATIENT);
	check_figures(PRIVACY_LOCAL, UNIT_PATIENT);
	check_figures(PRIVACY_SITE, UNIT_SITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distributed_unit_by_unit),
		cmocka_unit_test(test_distributed_from_formulas),
		cmocka_unit_test(test_a_federation_is_slow_dp_sgd),
		cmocka_unit_test(test_local_unit_by_unit),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
