/*
 * Two attacks on the breast-cancer study, each on what the network sees of a hospital: without privacy both succeed, so they are real;
 * with it, at epsilon 3, both do no better than a guess.
 *
 *   inversion     the row itself from the first layer's gradient: of a unit's weights and bias dW = g x, db = g, so x = dW / db
 *                 (Phong et al., Privacy-Preserving Deep Learning via Additively Homomorphic Encryption, 2018, section 3)
 *   membership    whether a row was there, of rows that the attacker has: which multiples of the gradients that they would have
 *                 add up to the one that was sent, by least squares; 0 of those that were not there. White-box, as in Nasr,
 *                 Shokri, Houmansadr, Comprehensive Privacy Analysis of Deep Learning, S&P 2019, section III
 *
 * The attacker knows the model, the rows that it asks about, and under privacy the sum of as few honest sites as the promise allows
 * for, of which all but the attacked one are without rows.
 */
#include "base/file.h"
#include "base/secret.h"
#include "base/vec.h"
#include "client/contribution.h"
#include "model/init.h"
#include "tests/support/contracts.h"
#include "tests/support/private_site.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 5
#define HONEST 3 /* four of five must answer, and one of them colludes */
#define INPUTS 30
#define UNITS 128 /* of the first layer: [UNITS, INPUTS] weights, then UNITS biases */
#define ROUNDS 100

struct attack {
	struct study study;
	struct table all; /* every hospital's rows together */
	uint32_t *training, count; /* its rows in training */
	struct round_model model;
	struct site_rows encoded;
	struct private_entropy source;
	struct entropy entropy;
	struct workspace workspace;
	double *seen; /* the gradient of the newest round, as far as the attacker can tell */
};

/* ---- the study, with and without privacy */

static void edit(char **text, const char *old, const char *new)
{
	char *edited = contract_edited(*text, old, new);

	free(*text);
	*text = edited;
}

static void parse(struct study *out, bool is_private)
{
	struct buf file;
	struct diag why = {{0}};

	if (file_read(&file, "examples/breast-cancer/study-none.yaml", 1 << 16, &why) != OK)
		fail_msg("%s", why.text);
	char *text = mem_copy_text(buf_text(&file));
	edit(&text, "{epochs: 1, batch: 32, optimizer: adam, learning_rate: 0.001}",
	     is_private ? "{learning_rate: 1}" : "{steps: 1, batch: 64, learning_rate: 1}");
	edit(&text, "{by: patients, cap: 1000}", "{by: equal}");
	edit(&text, "rounds: 30", "rounds: 100");
	edit(&text, "evaluation: {release: masked, bins: 2048, select: auc}", "evaluation: {release: none}");
	edit(&text, "evaluate_every: 1", "evaluate_every: 0");
	if (is_private)
		edit(&text, "privacy: {mechanism: none}",
		     "privacy: {mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.16, "
		     "patients: 398, spare_rounds: 0}");
	contract_parse(out, text);
	free(text);
	buf_free(&file);
}

static void load(struct attack *a)
{
	struct source source = source_default("breast-cancer", "examples/breast-cancer/together.csv");
	struct diag why = {{0}};

	if (table_load(&a->all, &a->study.schema, &source, &why) != OK)
		fail_msg("%s", why.text);
	a->training = mem_array(a->all.rows, sizeof *a->training);
	for (uint32_t row = 0; row < a->all.rows; row++)
		if (a->all.parts[row] == PART_TRAIN)
			a->training[a->count++] = row;
}

static void make_model(struct attack *a)
{
	double *sums = mem_array(schema_statistics_length(&a->study.schema), sizeof *sums);
	struct rng r;

	statistics_collect(sums, &a->all);
	scaling_from_statistics(&a->model.scaling, &a->study.schema, sums);
	a->model.scaling_name.b[0] = 1;
	a->model.parameters = vec_f32(a->study.model.parameters);
	rng_seeded(&r, 1, "init");
	init_he(a->model.parameters, &a->study.model, &r);
	free(sums);
}

static void begin(struct attack *a, bool is_private)
{
	memset(a, 0, sizeof *a);
	parse(&a->study, is_private);
	load(a);
	make_model(a);
	site_rows_init(&a->encoded, &a->study, &a->all, "all");
	site_rows_encode(&a->encoded, &a->model);
	a->entropy = private_entropy(&a->source, 1);
	workspace_init(&a->workspace, &a->study);
	a->seen = mem_array(a->study.model.parameters, sizeof *a->seen);
}

static void end(struct attack *a)
{
	site_rows_free(&a->encoded);
	table_free(&a->all);
	workspace_free(&a->workspace);
	round_model_free(&a->model);
	free(a->training);
	free(a->seen);
	study_free(&a->study);
}

/* ---- what the attacker sees */

static void add_site(struct attack *a, uint32_t *sum, const struct layout *l, const struct round_plan *plan,
                     struct site_rows *rows)
{
	struct contribution_terms terms = {plan, &a->model, &a->entropy, NULL};
	struct contribution_report report;
	struct diag why = {{0}};
	uint8_t *octets = mem_array(l->words, 4);

	if (contribution_fill(octets, &report, rows, &a->workspace, &terms, &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t i = 0; i < l->words; i++)
		sum[i] += load_u32(octets + 4 * (size_t)i);
	free(octets);
}

static void add_sites(struct attack *a, uint32_t *sum, const struct layout *l, const struct round_plan *plan,
                      const uint32_t *rows, uint32_t count)
{
	bool is_private = a->study.privacy.mechanism != PRIVACY_NONE;

	for (int i = 0; i < (is_private ? HONEST : 1); i++) {
		struct table table;
		struct site_rows site;

		table_take(&table, &a->all, rows, i == 0 ? count : 0);
		site_rows_init(&site, &a->study, &table, "st-mary");
		add_site(a, sum, l, plan, &site);
		site_rows_free(&site);
		table_free(&table);
	}
}

/* A round in which the attacked site has these rows; a->seen: the gradient that it gives away. */
static void look(struct attack *a, const uint32_t *rows, uint32_t count)
{
	static uint32_t numbers[SITES] = {1, 2, 3, 4, 5};
	struct round_plan plan = {.study_hash = a->study.hash,
	                          .round = 2,
	                          .attempt = 1,
	                          .step = 1,
	                          .asks = ASK_TRAIN,
	                          .sites = numbers,
	                          .site_count = SITES};
	bool is_private = a->study.privacy.mechanism != PRIVACY_NONE;
	const struct layout *l;
	struct diag why = {{0}};

	if (workspace_layout(&l, &a->workspace, &a->study, &plan, &why) != OK)
		fail_msg("%s", why.text);
	uint32_t *sum = mem_array(l->words, sizeof *sum);
	add_sites(a, sum, l, &plan, rows, count);
	const struct segment *s = layout_find(l, is_private ? SEGMENT_GRADIENT : SEGMENT_UPDATE);
	for (uint32_t i = 0; i < s->items; i++) /* an update goes down by the learning rate, which is 1 */
		a->seen[i] = (is_private ? 1 : -1) * (int32_t)sum[s->first + i] * s->grid;
	free(sum);
}

/* ---- inversion */

#define VICTIMS 40

static double product(const double *a, const double *b, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

static double cosine(const double *a, const double *b, size_t count)
{
	return product(a, b, count) / sqrt(product(a, a, count) * product(b, b, count));
}

/* From the unit whose bias moved most. */
static void invert(double x[INPUTS], const double *gradient)
{
	const double *biases = gradient + (size_t)UNITS * INPUTS;
	uint32_t most = 0;

	for (uint32_t unit = 1; unit < UNITS; unit++)
		if (fabs(biases[unit]) > fabs(biases[most]))
			most = unit;
	for (uint32_t i = 0; i < INPUTS; i++)
		x[i] = gradient[(size_t)most * INPUTS + i] / biases[most];
}

static void inputs_of(double x[INPUTS], const struct attack *a, uint32_t number)
{
	for (uint32_t i = 0; i < INPUTS; i++)
		x[i] = a->encoded.parts[PART_TRAIN].inputs[(size_t)number * INPUTS + i];
}

/* The training row most like this one. */
static uint32_t most_alike(const double x[INPUTS], const struct attack *a)
{
	double other[INPUTS], best = -2;
	uint32_t found = 0;

	for (uint32_t number = 0; number < a->count; number++) {
		inputs_of(other, a, number);
		if (cosine(x, other, INPUTS) > best) {
			best = cosine(x, other, INPUTS);
			found = number;
		}
	}
	return found;
}

/* How many of the victims are recognised among all training rows; `alike`: mean cosine of what was recovered and the truth. */
static uint32_t recognised(double *alike, struct attack *a)
{
	double x[INPUTS], truth[INPUTS];
	uint32_t found = 0;

	*alike = 0;
	for (uint32_t victim = 0; victim < VICTIMS; victim++) {
		look(a, &a->training[victim], 1);
		invert(x, a->seen);
		inputs_of(truth, a, victim);
		*alike += cosine(x, truth, INPUTS) / VICTIMS;
		found += most_alike(x, a) == victim;
	}
	return found;
}

static void test_a_row_from_its_gradient(void **state)
{
	struct attack a;
	double alike;

	(void)state;
	begin(&a, false);
	assert_int_equal(recognised(&alike, &a), VICTIMS);
	printf("inversion without privacy: %d of %d rows, cosine %.4f\n", VICTIMS, VICTIMS, alike);
	assert_true(alike > 0.9999);
	end(&a);

	begin(&a, true);
	uint32_t found = recognised(&alike, &a);
	printf("inversion at epsilon 3: %u of %d rows, cosine %.4f\n", found, VICTIMS, alike);
	assert_true(found <= 2); /* by chance: 40 / 398 */
	assert_true(fabs(alike) < 0.1); /* 30 inputs, 40 victims: deviation .03 */
	end(&a);
}

/* ---- membership */

#define MEMBERS 20 /* at the site; as many others are asked about, too */
#define TRIALS 20

/* The share of pairs in which the member has the higher score. */
static double auc(const double *members, const double *others, size_t count)
{
	double above = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++)
			above += members[i] > others[k] ? 1 : members[i] == others[k] ? 0.5 : 0;
	return above / (double)(count * count);
}

/* gradients[rows][parameters], as the attacker computes them: of the plain study, each of length 1. */
static void know(double *gradients, struct attack *plain, const uint32_t *rows, uint32_t count)
{
	size_t parameters = plain->study.model.parameters;

	for (uint32_t i = 0; i < count; i++) {
		look(plain, &rows[i], 1);
		double length = sqrt(product(plain->seen, plain->seen, parameters));

		for (size_t k = 0; k < parameters; k++)
			gradients[i * parameters + k] = plain->seen[k] / length;
	}
}

/* x of A x = b, A[n][n] symmetric and positive; both are overwritten (Gauss; no pivots are needed). */
static void solve(double *matrix, double *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = i + 1; k < n; k++) {
			double factor = matrix[k * n + i] / matrix[i * n + i];

			for (uint32_t l = i; l < n; l++)
				matrix[k * n + l] -= factor * matrix[i * n + l];
			b[k] -= factor * b[i];
		}
	for (uint32_t i = n; i-- > 0;) {
		for (uint32_t l = i + 1; l < n; l++)
			b[i] -= matrix[i * n + l] * b[l];
		b[i] /= matrix[i * n + i];
	}
}

/* scores[count]: the multiples of the gradients whose sum is nearest to `sent`. */
static void explain(double *scores, const double *sent, const double *gradients, size_t parameters, uint32_t count)
{
	double *products = mem_array((size_t)count * count, sizeof *products);

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k <= i; k++)
			products[i * count + k] = products[k * count + i] =
				product(gradients + i * parameters, gradients + k * parameters, parameters);
		products[i * count + i] += 1e-9;
		scores[i] = product(sent, gradients + i * parameters, parameters);
	}
	solve(products, scores, count);
	free(products);
}

/* scores[2 * members] of rows of which the first half is at the site, from the sum of so many rounds. */
static void ask(double *scores, struct attack *a, const double *gradients, const uint32_t *rows, uint32_t members,
                uint32_t rounds)
{
	size_t parameters = a->study.model.parameters;
	double *sent = mem_array(parameters, sizeof *sent);

	for (uint32_t round = 0; round < rounds; round++) {
		look(a, rows, members);
		for (size_t k = 0; k < parameters; k++)
			sent[k] += a->seen[k];
	}
	explain(scores, sent, gradients, parameters, 2 * members);
	free(sent);
}

static double membership(struct attack *a, struct attack *plain, uint32_t members, uint32_t trials, uint32_t rounds)
{
	double *gradients = mem_array(2 * members * a->study.model.parameters, sizeof *gradients);
	double *scores = mem_array(2 * members, sizeof *scores);
	double *in = mem_array(members * trials, sizeof *in), *out = mem_array(members * trials, sizeof *out);
	struct rng r;

	rng_seeded(&r, 5, "test: members");
	for (uint32_t trial = 0; trial < trials; trial++) {
		rng_shuffle(&r, plain->training, plain->count);
		know(gradients, plain, plain->training, 2 * members);
		ask(scores, a, gradients, plain->training, members, rounds);
		memcpy(in + trial * members, scores, members * sizeof *in);
		memcpy(out + trial * members, scores + members, members * sizeof *out);
	}
	double result = auc(in, out, members * trials);
	free(gradients);
	free(scores);
	free(in);
	free(out);
	return result;
}

static void test_whether_a_row_was_there(void **state)
{
	struct attack plain, private;

	(void)state;
	begin(&plain, false);
	begin(&private, true);
	double control = membership(&plain, &plain, MEMBERS, TRIALS, 1);
	double hidden = membership(&private, &plain, MEMBERS, TRIALS, 1);
	double over_all = membership(&private, &plain, MEMBERS, TRIALS / 4, ROUNDS);
	printf("membership without privacy: AUC %.3f; at epsilon 3: %.3f of one round, %.3f of all\n", control, hidden,
	       over_all);
	assert_true(control > 0.95);
	assert_true(fabs(hidden - 0.5) < 0.06); /* 400 of each: deviation .02 */
	assert_true(fabs(over_all - 0.5) < 0.12); /* 100 of each: deviation .04 */
	end(&plain);
	end(&private);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_from_its_gradient),
		cmocka_unit_test(test_whether_a_row_was_there),
	};

	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
