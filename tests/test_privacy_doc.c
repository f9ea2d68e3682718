/* docs/PRIVACY.md against the code: its sections, the files and tests that it names, its lists, and the numbers in its examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "privacy/calibrate.h"
#include "privacy/plan.h"
#include "privacy/rdp.h"
#include "tests/support/page.h"

#define PAGE "docs/PRIVACY.md"

static const char *whole(struct page *page)
{
	page_open(page, PAGE);
	return buf_text(&page->text);
}

static void says(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("%s does not say \"%s\"", PAGE, words);
}

static void every_file_that_it_names_is_there(void **state)
{
	struct page page;
	char path[128];
	int files = 0;

	(void)state;
	for (const char *at = whole(&page); (at = strchr(at, '`')) != NULL;) {
		size_t length = strcspn(at + 1, "`");
		const char *slash = memchr(at + 1, '/', length);

		snprintf(path, sizeof path, "%.*s", (int)length, at + 1);
		if (slash != NULL && strchr(path, ' ') == NULL && strchr(path, '.') != NULL) {
			files++;
			if (access(path, R_OK) != 0)
				fail_msg("%s names %s, which is not there", PAGE, path);
		}
		at += length + 2;
	}
	assert_true(files >= 4);
	page_close(&page);
}

static void it_knows_every_mechanism_and_unit(void **state)
{
	struct page page;
	char word[32];

	(void)state;
	whole(&page);
	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		snprintf(word, sizeof word, "`%s`", privacy_mechanism_name((enum privacy_mechanism)i));
		if (i != PRIVACY_NONE)
			says(buf_text(&page.text), word);
	}
	says(buf_text(&page.text), "`privacy: {mechanism: none}`");
	for (int i = UNIT_RECORD; i <= UNIT_SITE; i++) {
		snprintf(word, sizeof word, "`%s`", privacy_unit_name((enum privacy_unit)i));
		says(buf_text(&page.text), word);
	}
	page_close(&page);
}

static void its_orders_are_the_accountants(void **state)
{
	struct page page;
	char list[256] = "2..64";
	size_t used = strlen(list);

	(void)state;
	for (size_t i = 0; i < RDP_ORDERS; i++)
		if (i < 63)
			assert_int_equal(rdp_orders[i], 2 + i);
		else
			used += (size_t)snprintf(list + used, sizeof list - used, ", %u", (unsigned)rdp_orders[i]);
	says(whole(&page), list);
	page_close(&page);
}

/* (q = .1, z = 2, T = 500) and (q = .05, z = 1.3, T = 100) at delta 1e-6. */
static void its_example_of_two_studies_is_what_the_accountant_says(void **state)
{
	static const struct account_steps list[] = {{0.1, 2, 500}, {0.05, 1.3, 100}};
	struct rdp both = {{0}}, one;
	struct page page;
	double apart = 0;
	char text[16];

	(void)state;
	for (int i = 0; i < 2; i++) {
		rdp_add(&both, &list[i]);
		memset(&one, 0, sizeof one);
		rdp_add(&one, &list[i]);
		apart += rdp_epsilon(&one, 1e-6);
	}
	whole(&page);
	snprintf(text, sizeof text, "%.2f by Renyi", rdp_epsilon(&both, 1e-6));
	says(buf_text(&page.text), text);
	assert_true(apart > rdp_epsilon(&both, 1e-6) + 1);
	page_close(&page);
}

/* Statistics and steps calibrated together, against steps that have nine tenths of epsilon. */
static void its_example_of_a_share_is_what_the_solver_says(void **state)
{
	const double mu = 1 / calibrate_multiplier(3, 1e-5, 1, 1, NULL, 0);
	const struct account_steps statistics = {1, sqrt(1 / 0.1) / mu, 1};
	struct page page;
	char text[64];

	(void)state;
	snprintf(text, sizeof text, "need z %.2f instead of %.2f", calibrate_multiplier(2.7, 1e-5, 0.1, 300, NULL, 0),
	         calibrate_multiplier(3, 1e-5, 0.1, 300, &statistics, 1));
	says(whole(&page), text);
	page_close(&page);
}

static void its_bounds_of_the_noise_are_those_of_the_code(void **state)
{
	struct page page;

	(void)state;
	says(whole(&page), "C / gamma >= 256 and 4 grid steps of deviation in each share");
	says(buf_text(&page.text), "(rows of a table + 3) 2^-53 64 B_max C");
	assert_true(noised_gradient_error(10, 2) == (CSV_ROWS_MAX + 3) * 0x1p-53 * 64 * 10 * 2);
	page_close(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_that_it_names_is_there),
		cmocka_unit_test(it_knows_every_mechanism_and_unit),
		cmocka_unit_test(its_orders_are_the_accountants),
		cmocka_unit_test(its_example_of_two_studies_is_what_the_accountant_says),
		cmocka_unit_test(its_bounds_of_the_noise_are_those_of_the_code),
		cmocka_unit_test(its_example_of_a_share_is_what_the_solver_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
