#include "tests/support/simulated.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/close.h"
#include "tests/support/page.h"

#define PAGE_ROUNDING 0.001 /* the page has three digits */

void simulate(struct simulated *s)
{
	struct diag why = {{0}};
	size_t settings = 0;

	while (settings < SIMULATED_SETTINGS_MAX && s->settings[settings] != NULL)
		settings++;
	snprintf(s->path, sizeof s->path, strchr(s->study, '/') ? "%s" : "tests/studies/%s.yaml", s->study);
	s->request = (struct run_request){
		.study = s->path,
		.data = s->data,
		.seed = s->seed,
		.threads = 1,
		.baselines = s->baselines,
		.settings = s->settings,
		.setting_count = settings,
	};
	if (run_perform(&s->run, &s->request, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(s->run.complete);
	assert_int_equal(s->run.rounds, s->run.study.rounds);
}

void simulated_end(struct simulated *s)
{
	run_free(&s->run);
}

double simulated_mean(const struct metrics *sites, uint32_t count, size_t offset)
{
	double sum = 0;
	uint32_t defined = 0;

	for (uint32_t i = 0; i < count; i++) {
		double figure;

		memcpy(&figure, (const char *)&sites[i] + offset, sizeof figure);
		if (isnan(figure))
			continue;
		sum += figure;
		defined++;
	}
	return sum / defined;
}

void series_add(struct series *s, double value)
{
	assert_true(s->count < SERIES_MAX);
	s->values[s->count++] = value;
}

/* Another way of rounding (of another CPU, of a faster kernel) moves a mean, though by less than other seeds would. */
static double tolerance(struct spread s)
{
	return PAGE_ROUNDING + (s.n > 1 ? s.deviation / sqrt((double)s.n) : 0);
}

/* The number that begins the last cell of the row "| NAME | ... | 0.826 ± 0.022 |". */
static double number_on_page(const char *name)
{
	struct page page;
	char *text, *row, *cell = NULL, begin[256];
	double number;

	page_open(&page, "docs/SIMULATOR.md");
	text = page_section(&page, "What it gives on real data");
	snprintf(begin, sizeof begin, "\n| %s |", name);
	row = strstr(text, begin);
	if (row == NULL)
		fail_msg("%s has no row%s", page.path, begin);
	row = strtok(row, "\n");
	for (char *bar = row; (bar = strchr(bar, '|')) != NULL && bar[1] != '\0'; bar++)
		cell = bar + 1;
	number = strtod(cell, NULL);
	free(text);
	page_close(&page);
	return number;
}

struct spread series_end(const struct series *s)
{
	struct spread spread = spread_of(s->values, s->count);

	print_message("  %s: %.4f", s->name, spread.mean);
	if (spread.n > 1)
		print_message(" +- %.4f over %zu seeds", spread.deviation, spread.n);
	print_message("\n");
	assert_close(number_on_page(s->name), spread.mean, tolerance(spread));
	return spread;
}
