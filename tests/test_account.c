/*
 * The accountant as a whole: which of its bounds counts, what it says when there is none, and, where the folder of vectors stands
 * beside the project, every row of them.
 */
#include "privacy/account.h"

#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "tests/support/lattice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VECTORS "../shared/vectors/dp_accountant.csv"
#define COLUMNS 13
#define ROWS 64

static struct account of(double q, double z, uint64_t steps, double delta)
{
	struct account a;

	account_epsilon(&a, &(struct account_steps){q, z, steps}, 1, delta);
	return a;
}

static void test_the_smaller_bound_counts(void **state)
{
	struct account a = of(0.01, 1, 1000, 1e-5);

	(void)state;
	assert_string_equal(a.accountant, "pld");
	assert_true(a.epsilon == a.epsilon_pld && a.epsilon_pld < a.epsilon_rdp && a.delta == 1e-5);
	a = of(1, 2, 10, 1e-5);
	assert_string_equal(a.accountant, "gaussian");
	assert_true(a.epsilon == a.epsilon_pld && a.epsilon_pld < a.epsilon_rdp);
	a = of(0.5, 0.01, 10, 1e-5); /* too little noise for the distribution of the loss */
	assert_string_equal(a.accountant, "rdp");
	assert_true(a.epsilon == a.epsilon_rdp && isfinite(a.epsilon) && a.epsilon_pld == INFINITY);
}

static void test_nothing_and_no_promise(void **state)
{
	static const double nonsense[] = {0, -1, NAN, INFINITY, 1e-200};
	struct account a;

	(void)state;
	account_epsilon(&a, NULL, 0, 1e-5);
	assert_true(a.epsilon == 0 && a.epsilon_pld == 0);
	for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
		assert_true(of(0.1, nonsense[i], 1, 1e-5).epsilon == INFINITY);
		assert_true(of(nonsense[i], 1, 1, 1e-5).epsilon == INFINITY);
	}
	assert_true(of(0.1, 1, 1, NAN).epsilon == INFINITY);
	assert_true(of(0.1, 1, 1, 0).epsilon == INFINITY);
	assert_true(of(0.1, 1, 1, 1).epsilon == INFINITY);
}

/* Two studies: composed, not added. */
static void test_a_ledger_of_two_studies(void **state)
{
	static const struct account_steps studies[] = {{0.1, 2, 500}, {0.05, 1.3, 100}};
	struct account both, one, other;

	(void)state;
	account_epsilon(&both, studies, 2, 1e-6);
	account_epsilon(&one, &studies[0], 1, 1e-6);
	account_epsilon(&other, &studies[1], 1, 1e-6);
	assert_true(fabs(both.epsilon_pld - 6.7131) < 0.003 && fabs(both.epsilon_rdp - 7.29) < 0.005);
	assert_true(fabs(one.epsilon + other.epsilon - 8.69) < 0.01);
}

/* ---- the vectors */

struct row {
	const char *cells[COLUMNS];
	struct account_steps steps;
	double delta, epsilon, epsilon_rdp;
	uint32_t parties;
};

static void read_row(struct row *r, char *line)
{
	for (int i = 0; i < COLUMNS; i++)
		r->cells[i] = strsep(&line, ",");
	r->steps = (struct account_steps){strtod(r->cells[4], NULL), strtod(r->cells[3], NULL),
	                                  strtoull(r->cells[5], NULL, 10)};
	r->parties = (uint32_t)strtoul(r->cells[6], NULL, 10);
	r->delta = strtod(r->cells[7], NULL);
	r->epsilon = strtod(r->cells[9], NULL);
	r->epsilon_rdp = strtod(r->cells[10], NULL);
}

static void judge_row(const struct row *r)
{
	bool lattice = strncmp(r->cells[2], "discrete", 8) == 0;
	double got;

	if (lattice) {
		got = lattice_epsilon(r->steps.noise_multiplier, 1, r->parties, (uint32_t)r->steps.count, r->delta);
	} else {
		struct account a = of(r->steps.sampling_rate, r->steps.noise_multiplier, r->steps.count, r->delta);
		got = a.epsilon;
		if (!(fabs(a.epsilon_rdp - r->epsilon_rdp) <= 1e-9 * r->epsilon_rdp))
			fail_msg("%s: by Renyi %.12g, expected %.12g", r->cells[0], a.epsilon_rdp, r->epsilon_rdp);
	}
	if (!(got >= r->epsilon * (1 - 1e-6) - 1e-9 && got <= r->epsilon * (1 + 1e-3) + 1e-3))
		fail_msg("%s: %.12g, expected %.12g", r->cells[0], got, r->epsilon);
	if ((lattice || r->steps.sampling_rate == 1) && !(fabs(got - r->epsilon) <= 1e-9 * r->epsilon))
		fail_msg("%s: %.15g, expected %.15g to 1e-9", r->cells[0], got, r->epsilon);
}

static void test_vectors(void **state)
{
	struct buf text = {0};
	struct diag why;
	char *at, *line;
	int rows = 0;

	(void)state;
	if (access(VECTORS, R_OK) != 0) {
		printf("skipped: no " VECTORS "\n");
		skip();
	}
	assert_int_equal(file_read(&text, VECTORS, 1u << 20, &why), OK);
	at = (char *)(uintptr_t)buf_text(&text);
	strsep(&at, "\n"); /* titles */
	while ((line = strsep(&at, "\n")) != NULL && *line != '\0') {
		struct row r;
		read_row(&r, line);
		judge_row(&r);
		rows++;
	}
	assert_int_equal(rows, ROWS);
	buf_free(&text);
}

/* Sums are on a grid of which the clip is 256 steps or more, and the share of delta that the solver keeps for treating that as
 * continuous, 2^-10, is more than it costs; as the sum of shares, each of 4 grid steps or more, too. */
static void test_what_the_lattice_costs(void **state)
{
	(void)state;
	for (double z = 0.5; z < 3; z *= 1.5)
		for (double delta = 1e-3; delta > 1e-10; delta /= 100)
			assert_true(lattice_epsilon(256 * z, 256, 1, 1, delta) <=
			            of(1, z, 1, delta * (1 - 0x1p-10)).epsilon);
	for (double sigma = 4; sigma < 12; sigma *= 1.7)
		assert_true(fabs(lattice_epsilon(sigma, 16, 4, 1, 1e-6) / lattice_epsilon(2 * sigma, 16, 1, 1, 1e-6) -
		                 1) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_smaller_bound_counts), cmocka_unit_test(test_nothing_and_no_promise),
		cmocka_unit_test(test_a_ledger_of_two_studies),  cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_what_the_lattice_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
