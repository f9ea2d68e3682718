/* protocol/masked_plan: the octets that both sides must find, what changes them, groups, and the check words of a sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "protocol/masked_plan.h"

static struct diag why;
static struct feature features[] = {{.name = "age", .type = COLUMN_NUMERIC, .min = 18, .max = 110}};

struct fixture {
	struct study study;
	struct round_plan plan;
	struct layout layout;
	struct roster roster;
};

/* Sites 11, 18, 25, ... and as many on the roster, with others between them. */
static void begin(struct fixture *f, uint32_t n)
{
	struct study *s = &f->study;

	memset(f, 0, sizeof *f);
	*s = (struct study){.rounds = 4, .weights = WEIGHTS_BY_PATIENTS, .weight_cap = 5000, .update_range = 8};
	s->schema = (struct schema){.features = features, .feature_count = 1, .label = {.type = COLUMN_BINARY}};
	s->evaluate_every = 1;
	s->bins = 2;
	s->sites = (struct sites_rule){.min = 3, .max_dropouts = 1, .max_colluders = 1, .masking = MASKING_REQUIRED};
	memset(s->hash.b, 7, HASH_SIZE);
	spec_begin(&s->model, 1);
	assert_int_equal(spec_add_layer(&s->model, "dense 1", &why), OK);
	assert_int_equal(spec_end(&s->model, LOSS_BINARY_CROSS_ENTROPY, 1, &why), OK);
	f->plan = (struct round_plan){.study_hash = s->hash, .round = 3, .attempt = 1, .step = 1, .asks = ASK_TRAIN};
	f->plan.model_octets = 1000;
	memset(f->plan.model.b, 9, HASH_SIZE);
	memset(f->plan.roster.b, 5, HASH_SIZE);
	f->plan.sites = mem_array(n, sizeof *f->plan.sites);
	f->plan.site_count = n;
	f->roster = (struct roster){.version = 2, .count = 2 * n, .content = f->plan.roster};
	f->roster.sites = mem_array(2 * (size_t)n, sizeof *f->roster.sites);
	for (uint32_t i = 0; i < n; i++) {
		f->plan.sites[i] = 11 + 7 * i;
		for (uint32_t j = 0; j < 2; j++) {
			struct roster_site *site = &f->roster.sites[2 * i + j];

			site->number = 11 + 7 * i + 3 * j;
			memset(site->key, (int)(i + 1 + 100 * j), sizeof site->key);
		}
	}
	assert_int_equal(round_plan_layout(&f->layout, s, ASK_TRAIN, n, &why), OK);
}

static void end(struct fixture *f)
{
	round_plan_free(&f->plan);
	free(f->roster.sites);
}

static void hash_of(struct hash *out, const struct fixture *f)
{
	struct masked_plan m;

	assert_int_equal(masked_plan_make(&m, &f->plan, &f->study, &f->layout, &f->roster, 0, &why), OK);
	masked_plan_hash(out, &m);
	masked_plan_free(&m);
}

static void an_attempt_names_what_is_asked_for(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 5);
	snprintf(f.roster.federation, sizeof f.roster.federation, "heart");
	f.plan.attempt = 4;
	struct secagg_attempt a = masked_plan_attempt(&f.plan, &f.study, &f.roster);
	assert_true(bytes_equal(a.federation, bytes_text("heart")));
	assert_true(bytes_equal(a.study, bytes_of(f.study.hash.b, HASH_SIZE)));
	assert_int_equal(a.round, 3);
	assert_int_equal(a.attempt, 4);
	assert_true(hash_equal(&a.model, &f.plan.model));
	end(&f);
}

/* ---- octets */

/* Written out field by field, as the header has them: 5 sites, d = 2 parameters, a weight, 4 check words. */
static void octets_are_as_written(void **state)
{
	static const char expected[] = "20000000"
				       "0505050505050505050505050505050505050505050505050505050505050505"
				       "14000000"
				       "0b000000"
				       "12000000"
				       "19000000"
				       "20000000"
				       "27000000"
				       "08000000"
				       "00000000"
				       "01000000"
				       "14000000"
				       "0b000000"
				       "12000000"
				       "19000000"
				       "20000000"
				       "27000000"
				       "0c000000"
				       "07000000"
				       "20000000"
				       "04000000"
				       "14000000"
				       "0000000000002040"
				       "000000000088b340"
				       "00000000"
				       "14000000"
				       "04000000"
				       "01000000"
				       "04000000"
				       "00000000"
				       "00000000"
				       "14000000"
				       "01000000"
				       "02000000"
				       "e803000000000000"
				       "00000000"
				       "38000000"
				       "01000000"
				       "00000000"
				       "02000000"
				       "0000000000002040"
				       "000000000000603e"
				       "02000000"
				       "01000000"
				       "01000000"
				       "000000000088b340"
				       "000000000000f03f"
				       "00000000";
	struct fixture f;
	struct masked_plan m;
	char hex[2 * 512];

	(void)state;
	begin(&f, 5);
	assert_int_equal(masked_plan_make(&m, &f.plan, &f.study, &f.layout, &f.roster, 0, &why), OK);
	assert_true(m.octets.len < 512);
	for (size_t i = 0; i < m.octets.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", m.octets.ptr[i]);
	assert_string_equal(hex, expected);
	assert_int_equal(m.plan.n, 5);
	assert_int_equal(m.plan.words, f.layout.words + 4);
	assert_int_equal(m.plan.quorum, 4);
	assert_int_equal(m.sites[1].number, 18);
	assert_int_equal(m.sites[1].identity[0], 2);
	masked_plan_free(&m);
	end(&f);
}

/* What the two sides must agree on changes the hash; the attempt, which keeps its plan, does not. */
static void every_term_counts(void **state)
{
	struct fixture f;
	struct hash first, other;

	(void)state;
	begin(&f, 5);
	hash_of(&first, &f);
#define CHANGES(change, undo)                                                                                          \
	do {                                                                                                           \
		change;                                                                                                \
		hash_of(&other, &f);                                                                                   \
		undo;                                                                                                  \
		assert_false(hash_equal(&first, &other));                                                              \
	} while (0)
	CHANGES(f.study.update_range = 4, f.study.update_range = 8);
	CHANGES(f.study.weight_cap = 4999, f.study.weight_cap = 5000);
	CHANGES(f.study.weights = WEIGHTS_EQUAL, f.study.weights = WEIGHTS_BY_PATIENTS);
	CHANGES(f.study.sites.max_dropouts = 0, f.study.sites.max_dropouts = 1);
	CHANGES(f.study.sites.max_colluders = 0, f.study.sites.max_colluders = 1);
	CHANGES(f.plan.step = 2, f.plan.step = 1);
	CHANGES(f.plan.asks = ASK_EVALUATE, f.plan.asks = ASK_TRAIN);
	CHANGES(f.plan.model_octets++, f.plan.model_octets--);
	CHANGES(f.plan.sites[4]++; f.roster.sites[8].number++, f.plan.sites[4]--; f.roster.sites[8].number--);
	CHANGES(f.plan.roster.b[0]++; f.roster.content.b[0]++, f.plan.roster.b[0]--; f.roster.content.b[0]--);
	CHANGES(f.layout.segments[0].grid *= 2, f.layout.segments[0].grid /= 2);
	CHANGES(f.layout.words++, f.layout.words--);
#undef CHANGES
	f.plan.attempt = 2;
	hash_of(&other, &f);
	assert_true(hash_equal(&first, &other));
	end(&f);
}

/* ---- refusals */

static void refused(const struct fixture *f, const char *words)
{
	struct masked_plan m;

	assert_int_equal(masked_plan_make(&m, &f->plan, &f->study, &f->layout, &f->roster, 0, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, words));
	assert_null(m.sites);
	assert_null(m.octets.ptr);
}

static void what_cannot_be_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 5);
	f.roster.content.b[3] ^= 1;
	refused(&f, "another roster");
	f.roster.content.b[3] ^= 1;
	f.roster.sites[2].number++;
	refused(&f, "invited site 18 is not on roster 2");
	f.roster.sites[2].number--;
	f.study.sites.max_dropouts = 2;
	refused(&f, "leave 3");
	f.study.sites.max_dropouts = 1;
	f.study.sites.min = 6;
	refused(&f, "sites.min is 6");
	end(&f);
}

/* ---- the graph, and groups */

static void many_sites_take_the_graph(void **state)
{
	struct fixture f;
	struct masked_plan m;

	(void)state;
	begin(&f, 500);
	f.study.sites.max_colluders = f.study.sites.max_dropouts = 25;
	assert_int_equal(masked_plan_make(&m, &f.plan, &f.study, &f.layout, &f.roster, 0, &why), OK);
	assert_int_equal(m.plan.degree, 44); /* Bell et al.'s rule, s = 40: n = 500, A = B - A = .05 n */
	assert_int_equal(m.plan.share_threshold, 31);
	assert_int_equal(m.plan.quorum, 475);
	masked_plan_free(&m);
	end(&f);
}

static void groups_divide_the_invited(void **state)
{
	struct fixture f;
	struct masked_plan m;
	bool seen[17] = {false};
	struct hash hashes[3];

	(void)state;
	begin(&f, 17);
	f.study.sites.masking = MASKING_GROUPS;
	f.study.sites.group = 5;
	assert_int_equal(masked_plan_groups(&f.study, 17), 3);
	for (uint32_t g = 0; g < 3; g++) {
		assert_int_equal(masked_plan_make(&m, &f.plan, &f.study, &f.layout, &f.roster, g, &why), OK);
		assert_true(m.plan.n == 5 || m.plan.n == 6);
		assert_int_equal(m.plan.quorum, plan_quorum(&f.study.sites, m.plan.n));
		for (uint32_t i = 0; i < m.plan.n; i++) {
			uint32_t index = (m.sites[i].number - 11) / 7;

			assert_true(i == 0 || m.sites[i].number > m.sites[i - 1].number);
			assert_false(seen[index]);
			seen[index] = true;
			assert_int_equal(masked_plan_group_of(&f.plan, &f.study, m.sites[i].number), g);
		}
		masked_plan_hash(&hashes[g], &m);
		masked_plan_free(&m);
	}
	for (int i = 0; i < 17; i++)
		assert_true(seen[i]);
	assert_false(hash_equal(&hashes[0], &hashes[1]));
	assert_int_equal(masked_plan_group_of(&f.plan, &f.study, 12), UINT32_MAX);
	end(&f);
}

/* ---- check words */

static void check_words_add_up_or_the_sum_is_discarded(void **state)
{
	uint32_t words[MASKED_CHECK_WORDS], sum[MASKED_CHECK_WORDS] = {0};

	(void)state;
	for (int site = 0; site < 3; site++) {
		masked_plan_check_words(words);
		for (int i = 0; i < MASKED_CHECK_WORDS; i++)
			sum[i] += words[i];
	}
	assert_int_equal(masked_plan_judge_sum(sum, 3, &why), OK);
	assert_int_equal(masked_plan_judge_sum(sum, 4, &why), ERR_DATA);
	for (int i = 0; i < MASKED_CHECK_WORDS; i++) {
		sum[i] ^= 1u << (8 * i);
		assert_int_equal(masked_plan_judge_sum(sum, 3, &why), ERR_DATA);
		assert_non_null(strstr(why.text, "check words"));
		sum[i] ^= 1u << (8 * i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_attempt_names_what_is_asked_for),
		cmocka_unit_test(octets_are_as_written),
		cmocka_unit_test(every_term_counts),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(many_sites_take_the_graph),
		cmocka_unit_test(groups_divide_the_invited),
		cmocka_unit_test(check_words_add_up_or_the_sum_is_discarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
