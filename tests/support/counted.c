#include "tests/support/counted.h"

#include "model/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const struct counted_row counted_list[COUNTED_ROWS] = {
	{8, 'a', '1', 1, "train"},      {-16, 'b', '0', 0, "train"},     {32, 'c', '?', 1, "train"},
	{99, 'a', '1', 0, "train"},     {-32, '?', '0', 0, "train"},     {3, 'c', '1', 1, "train"},
	{5, 'b', '0', 1, "validation"}, {-7, 'a', '1', 0, "validation"}, {16, 'c', '0', 1, "test"},
	{-24, 'b', '1', 0, "test"},     {0, 'a', '0', 1, "test"},        {1, 'a', '1', 0, "test"},
};

const float counted_dyadic[COUNTED_PARAMETERS] = {0.5f, -0.25f, 1.0f, -1.5f, 0.125f};

static const char study_format[] =
	"cohort: 1\n"
	"study: small\n"
	"purpose: Rows counted by hand\n"
	"expires: 2199-12-31\n"
	"data:\n"
	"  features:\n"
	"    - {name: x, min: -4, max: 4}\n"
	"    - {name: kind, levels: [a, b, c]}\n"
	"    - {name: flag, type: binary}\n"
	"  label: {name: label, type: binary, positive: \"1\"}\n"
	"  split: {column: part, train: train, validation: validation, test: test}\n"
	"  fill: mean\n"
	"  scale: none\n"
	"model: {layers: [dense 1], init: zero}\n"
	"training: {rounds: 3, local: {epochs: 1, batch: 4, learning_rate: 0.125}, weights: {%s}}\n"
	"evaluation: {release: masked, bins: 16, select: loss}\n"
	"sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"
	"masking: off\n"
	"privacy: {mechanism: none}\n";

void counted_rows(struct counted *f, const struct counted_row *list, size_t count)
{
	struct source source;
	struct diag why = {{0}};
	struct buf text;

	buf_init(&text, 65536);
	buf_put_text(&text, "x,kind,flag,label,part\n");
	for (size_t i = 0; i < count; i++) {
		if (list[i].x8 != 99)
			buf_printf(&text, "%.3f", list[i].x8 / 8.0);
		buf_printf(&text, ",%c,%c,%d,%s\n", list[i].kind, list[i].flag, list[i].label, list[i].part);
	}
	tempdir_write_bytes(&f->dir, "rows.csv", buf_bytes(&text));
	buf_free(&text);
	source = source_default("small", tempdir_path(&f->dir, "rows.csv"));
	contributor_free(&f->contributor);
	table_free(&f->table);
	if (table_load(&f->table, &f->study.schema, &source, &why) != OK)
		fail_msg("%s", why.text);
	contributor_init(&f->contributor, &f->study, &f->table, "st-mary");
}

void counted_study(struct counted *f, const char *weights)
{
	char text[2048];
	struct diag why = {{0}};

	snprintf(text, sizeof text, study_format, weights);
	contributor_free(&f->contributor);
	table_free(&f->table);
	study_free(&f->study);
	if (study_parse(&f->study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	counted_rows(f, counted_list, COUNTED_ROWS);
}

int counted_setup(void **state)
{
	static struct counted f;

	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	buf_init(&f.out, 1 << 20);
	buf_init(&f.model, 1 << 20);
	counted_study(&f, "by: patients, cap: 100");
	*state = &f;
	return 0;
}

int counted_teardown(void **state)
{
	struct counted *f = *state;

	contributor_free(&f->contributor);
	table_free(&f->table);
	study_free(&f->study);
	buf_free(&f->out);
	buf_free(&f->model);
	tempdir_remove(&f->dir);
	return 0;
}

void counted_model(struct counted *f, const float *parameters, double fill)
{
	struct checkpoint_input inputs[4] = {
		{"x", 0, 1, fill}, {"kind=b", 0, 1, fill}, {"kind=c", 0, 1, fill}, {"flag", 0, 1, fill}};
	char hex[HASH_HEX_SIZE];
	struct checkpoint_about about = {"small", hex, 1, "{}", inputs, 4, NULL};

	hash_hex(hex, &f->study.hash);
	buf_clear(&f->model);
	assert_int_equal(f->study.model.parameters, COUNTED_PARAMETERS);
	if (checkpoint_write(&f->model, &f->study.model, parameters, &about, &f->why) != OK)
		fail_msg("%s", f->why.text);
}

enum err counted_compute(struct counted *f, unsigned asks, const atomic_bool *cancel)
{
	static uint32_t sites[COUNTED_SITES] = {1, 2, 3, 4, 5};
	struct round_plan plan = {
		.study_hash = f->study.hash,
		.round = 2,
		.attempt = 1,
		.step = 1,
		.asks = asks,
		.sites = sites,
		.site_count = COUNTED_SITES,
	};

	memset(&f->why, 0, sizeof f->why);
	return contribution_compute(&f->contributor, &f->out, &f->report, &plan,
	                            asks & ASK_STATISTICS ? bytes_of(NULL, 0) : buf_bytes(&f->model), cancel, &f->why);
}

void counted_compute_good(struct counted *f, unsigned asks)
{
	if (counted_compute(f, asks, NULL) != OK)
		fail_msg("%s", f->why.text);
}

uint32_t counted_word(const struct buf *b, size_t index)
{
	assert_true(4 * index + 4 <= b->len);
	return load_u32(b->ptr + 4 * index);
}
