/* The contract in words: every number in it against the contract, every warning where it belongs and nowhere else. */
#include "client/words.h"
#include "protocol/round_plan.h"
#include "tests/support/contracts.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S 1800000000
#define WIDTH 80

static struct study s;
static struct policy p;
static struct words_place place = {.policy = &p, .site = "north", .now_s = NOW_S};
static struct buf page; /* as it is printed */
static char
	*flat; /* the same with every run of blanks and line ends as one blank: sentences are broken at the margin */

static void write_study(void)
{
	size_t n = 0;

	buf_init(&page, WORDS_MAX);
	words_contract(&page, &s, &place);
	flat = malloc(page.len + 1);
	for (const char *c = buf_text(&page); *c != '\0'; c++) {
		bool blank = *c == ' ' || *c == '\n';

		if (!blank || (n > 0 && flat[n - 1] != ' '))
			flat[n++] = blank ? ' ' : *c;
	}
	flat[n] = '\0';
}

static void write_page(const char *line)
{
	small_study(&s, line);
	write_study();
}

/* tests/fuzz/corpus/study/private.yaml with `old` replaced by `new`. */
static void write_private_page(const char *old, const char *new)
{
	char *whole = contract_text("private.yaml"), *text = contract_edited(whole, old, new);

	contract_parse(&s, text);
	write_study();
	free(text);
	free(whole);
}

static void drop_page(void)
{
	free(flat);
	buf_free(&page);
	study_free(&s);
}

static void expect_words(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void expect_words(const char *fmt, ...)
{
	char words[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	if (strstr(flat, words) == NULL)
		fail_msg("not said: %s\n%s", words, buf_text(&page));
}

static int setup(void **state)
{
	(void)state;
	small_policy(&p);
	return 0;
}

static size_t octets(unsigned asks)
{
	struct layout l;

	assert_int_equal(round_plan_layout(&l, &s, asks, s.sites.min, NULL), OK);
	return layout_octets(&l);
}

static void test_what_leaves_is_the_layout(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("(statistics, %zu octets): %u counts and sums", octets(ASK_STATISTICS),
	             schema_statistics_length(&s.schema));
	expect_words("In each of 3 training rounds (train, %zu octets)", octets(ASK_TRAIN));
	expect_words("the model's %zu parameters", s.model.parameters);
	expect_words("After each training round (evaluate, %zu octets)", octets(ASK_EVALUATE));
	expect_words("%zu counts of patients", 2 * spec_counts_length(study_shape(&s)));
	expect_words("its number of training patients");
	expect_words("No round is answered after 2199-12-31.");
	drop_page();
	write_page("training: {rounds: 7, local: {epochs: 1}, weights: {by: equal}, evaluate_every: 0}");
	expect_words("In each of 7 training rounds");
	expect_words("all hospitals count the same");
	expect_words("makes the next model (strategy fedavg)");
	expect_words("Once, at the end (evaluate,");
	assert_null(strstr(flat, "Training ends before"));
	drop_page();
	write_page("evaluation: {release: masked, bins: 16, select: loss, patience: 5}");
	expect_words(
		"Training ends before that when 5 evaluations in a row found no better loss on the validation patients "
		"of all hospitals.");
	drop_page();
	write_page("  label: {name: weight, type: numeric, min: 0, max: 300, unit: kg}");
	expect_words("weight (the label, a number, 0 to 300 kg)");
	expect_words("(statistics, %zu octets): %u counts and sums", octets(ASK_STATISTICS),
	             schema_statistics_length(&s.schema));
	expect_words("for each category how many have it; the same of the label.");
	expect_words("(evaluate, %zu octets)", octets(ASK_EVALUATE));
	expect_words(
		"the sum of their losses, and 10 sums over patients (how many, their label and its square, the model's "
		"error, its square)");
	drop_page();
	write_page("evaluation: {release: none}");
	expect_words("Evaluation: nothing leaves.");
	assert_null(strstr(flat, "(evaluate"));
	drop_page();
}

static void test_who_and_how_many(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("Every hospital that the federation's authority has enrolled may take part.");
	expect_words("at least 2 hospitals, and every published sum is over at least 2 of them");
	expect_words("invited to a round 1 may drop out");
	expect_words("with 10 hospitals invited a sum is over at least 9.");
	drop_page();
	write_page("sites: {min: 4, max_dropouts: 25%, cell_min: 7, members: [north, south, east, west]}");
	expect_words("These hospitals may take part, and no other: north, south, east, west.");
	expect_words("invited to a round 25 %% may drop out");
	expect_words("with 10 hospitals invited a sum is over at least 8."); /* 2.5 is rounded down to 2 */
	expect_words("shows no count below 7 to people");
	drop_page();
}

static void test_a_list_without_masks(void **state)
{
	static const struct known_sites known;

	(void)state;
	p.known = &known;
	write_page(NULL);
	expect_words(
		"WARNING: its list of known hospitals (known, min_known) protects nothing in a study without masking.");
	drop_page();
	p.known = NULL;
	write_page(NULL);
	assert_null(strstr(flat, "list of known hospitals"));
	drop_page();
}

static void test_warnings(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("masking: off: WARNING: the coordinator can read this hospital's contribution alone");
	expect_words("privacy: none: WARNING: no noise is added.");
	expect_words(
		"figures are exact sums over the hospitals; with masking off the coordinator reads this hospital's "
		"counts alone, too.");
	drop_page();
	write_private_page("privacy:", "privacy:");
	assert_null(strstr(flat, "WARNING"));
	drop_page();
}

static void test_a_mechanism_with_noise(void **state)
{
	(void)state;
	write_private_page("privacy:", "privacy:");
	expect_words("In each round: every training patient takes part with probability 0.1, drawn here and told to "
	             "nobody.");
	expect_words("The gradient of each is cut to length 1,");
	expect_words(
		"In each of 100 training rounds (train, %zu octets): the sum of the clipped gradients, %zu numbers,",
		octets(ASK_TRAIN) + 16, s.model.parameters);
	expect_words("Once (statistics, %zu octets): %u sums over the training patients of this hospital,",
	             octets(ASK_STATISTICS) + 16, schema_statistics_length(&s.schema));
	expect_words("Once, at the end (evaluate, %zu octets): how well the model does", octets(ASK_EVALUATE) + 16);
	expect_words("privacy: distributed: epsilon 3, delta 0.0001 for each patient");
	expect_words("noise multiplier z = %g of each step", s.privacy.noise_multiplier);
	expect_words("Expected signal-to-noise ratio of a step: at most");
	expect_words("A hospital that has more than 644 training patients must not take part.");
	assert_null(strstr(flat, "its number of training patients"));
	assert_null(strstr(flat, "than 1 training patients"));
	drop_page();
	write_private_page("rounds: 100\nprivacy: {mechanism: distributed,",
	                   "rounds: 9\n  local: {steps: 4, learning_rate: 0.2}\nprivacy: {mechanism: local,");
	expect_words("In each round: 4 steps. In each every training patient takes part with probability 0.1");
	expect_words("noise is added to their sum before it moves the model, with learning rate 0.2.");
	expect_words("by how much those steps changed the model's %zu parameters.", s.model.parameters);
	drop_page();
	write_private_page(
		"{mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644}",
		"{mechanism: site, epsilon: 2, delta: 0.01, clip: 2, clip_quantile: 0.5}");
	expect_words("In each round: 1 pass over the training rows in batches of 32 rows");
	expect_words(
		"cut to length 2 (at first), and whether it was shorter, with this hospital's share of the noise.");
	assert_null(strstr(flat, "must not take part"));
	drop_page();
	write_private_page("privacy:", "evaluation: {release: masked}\nprivacy:");
	expect_words("figures are exact, NOT covered by epsilon.");
	drop_page();
	write_private_page("1.0e-4", "1.0e-3");
	expect_words("WARNING: delta is above a tenth of 1 / patients");
	drop_page();
}

/* How far the study would bring the hospital, when it is known; and that it cannot be. */
static void test_the_budget(void **state)
{
	struct budget budget = {0};
	struct budget_debit other = {.mechanism = PRIVACY_DISTRIBUTED,
	                             .unit = UNIT_PATIENT,
	                             .what = DEBIT_TRAINING,
	                             .part_count = 1,
	                             .parts = {{1, 1, 1}}};
	double alone, more;

	(void)state;
	write_private_page("privacy:", "privacy:");
	assert_null(strstr(flat, "privacy budget"));
	drop_page();
	place.budget = &budget;
	write_private_page("privacy:", "privacy:");
	alone = budget_forecast(&budget, &s, p.budget_delta);
	expect_words("Of the privacy budget (epsilon 8 at delta 0.0001, over all studies of this hospital) epsilon "
	             "0.0000 was "
	             "spent; with all that this study has paid for it would be %.4f.",
	             alone);
	assert_true(alone > 3 && alone < 4); /* of a promised 3: Renyi sums are the looser bound */
	assert_null(strstr(flat, "REFUSES the study (budget)"));
	drop_page();
	for (int i = 0; i < 3; i++)
		budget_spend(&budget, &(struct hash){{1}}, &other);
	write_private_page("privacy:", "privacy:");
	more = budget_forecast(&budget, &s, p.budget_delta);
	assert_true(more > 8);
	expect_words("It REFUSES the study (budget): this hospital's privacy budget: all its studies have spent "
	             "epsilon %.4f; "
	             "with all that this one has paid for it would be %.4f, and the limit is 8 at delta 0.0001; raise "
	             "budget.epsilon in policy.yaml, or ask for a revision that spends less",
	             budget_epsilon(&budget, 1e-4), more);
	drop_page();
	write_page(NULL); /* without noise nothing is spent */
	assert_null(strstr(flat, "privacy budget"));
	drop_page();
	place.budget = NULL;
	budget_free(&budget);
}

static void test_what_is_read(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("These columns of the source `small`, and no other:");
	expect_words("x (number, -4 to 4)");
	expect_words("kind (3 levels)");
	expect_words("label (the label, two classes)");
	expect_words("20 %% of the patients are kept for testing and 20 %% for validation.");
	drop_page();
}

static void test_what_is_trained(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("A network with %zu parameters on %u inputs. Its layers: dense 3, relu, dense 1.",
	             s.model.parameters, s.model.inputs);
	expect_words(
		"In each round: 1 pass over the training rows in batches of 8 rows, by gradient descent with learning "
		"rate 0.1.");
	assert_null(strstr(flat, "learning rate is"));
	assert_null(strstr(flat, "weight decay"));
	assert_null(strstr(flat, "FedProx"));
	assert_null(strstr(flat, "smoothing"));
	drop_page();
	write_page("training: {strategy: fedprox, rounds: 9, local: {steps: 20, batch: 4, optimizer: adamw, "
	           "weight_decay: 0.02, proximal: "
	           "0.3, label_smoothing: 0.1, "
	           "schedule: {kind: step, every: 3, warmup: 2}}}");
	expect_words("20 batches of 4 rows of the training rows, by AdamW with learning rate 0.05.");
	expect_words("The learning rate rises to it over the first 2 rounds.");
	expect_words("is multiplied by 0.1 every 3 rounds.");
	expect_words("weight decay (L2) 0.02, L1 0.");
	expect_words("(FedProx, mu 0.3)");
	expect_words("takes 0.1 of each label's certainty (label smoothing)");
	expect_words("makes the next model (strategy fedprox)");
	drop_page();
	write_page("training: {strategy: median, rounds: 9}");
	expect_words(
		"The coordinator compares the hospitals' changes one by one, leaves out those that lie far from the "
		"others, and makes the next model of the rest (strategy median).");
	assert_null(strstr(flat, "weighted mean"));
	drop_page();
	write_page(
		"training: {rounds: 9, local: {epochs: 2, optimizer: nesterov, l1: 0.001, schedule: {kind: cosine}}}");
	expect_words(
		"2 passes over the training rows in batches of 32 rows, by gradient descent with Nesterov momentum");
	expect_words("falls as a cosine towards 0 of it");
	expect_words("weight decay (L2) 0, L1 0.001.");
	drop_page();
}

static void test_the_policy_s_word(void **state)
{
	(void)state;
	write_page(NULL);
	expect_words("It permits the study.");
	expect_words("this hospital stops taking part until a person approves again");
	drop_page();
	p.masking_required = true;
	p.ask_on_data_change = false;
	write_page(NULL);
	expect_words("It REFUSES the study (policy_masking): the study sends this hospital's numbers unmasked");
	expect_words("the new rows are used without asking again");
	drop_page();
}

/* The hash and the purpose are the contract's; and nothing passes the margin but what cannot be broken. */
static void test_the_page(void **state)
{
	char hex[HASH_HEX_SIZE];

	(void)state;
	write_page("purpose: A purpose so long that it takes several lines of a terminal, because those who wrote it "
	           "wanted to say it "
	           "all at once and in one sentence");
	hash_hex(hex, &s.hash);
	expect_words("Study small, revision 1 contract %s", hex);
	expect_words("wanted to say it all at once and in one sentence");
	for (const char *line = buf_text(&page); *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= WIDTH);
	drop_page();
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_leaves_is_the_layout),
		CASE(test_who_and_how_many),
		CASE(test_warnings),
		CASE(test_a_list_without_masks),
		CASE(test_what_is_read),
		CASE(test_what_is_trained),
		CASE(test_the_policy_s_word),
		CASE(test_the_page),
		CASE(test_a_mechanism_with_noise),
		CASE(test_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
