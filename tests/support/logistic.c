#include "tests/support/logistic.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 8
#define ANSWERS 2
#define ROW_MAX 256 /* bytes */
#define MISSING 0.03 /* of all cells */

char *logistic_study(unsigned rounds, unsigned epochs)
{
	char *text;

	if (asprintf(&text,
	             "cohort: 1\n"
	             "study: logistic\n"
	             "purpose: A made-up outcome from made-up rows\n"
	             "expires: 2199-12-31\n"
	             "data:\n"
	             "  features:\n"
	             "    - {name: \"n{0..7}\", min: -3, max: 3}\n"
	             "    - {name: smoker, type: binary, positive: \"yes\", negative: \"no\"}\n"
	             "    - {name: sex, type: binary, positive: f, negative: m, missing: [\"x\"]}\n"
	             "  label: {name: ill, type: binary}\n"
	             "  outside: clamp\n"
	             "  fill: mean\n"
	             "  split: {test_fraction: 0.25, validation_fraction: 0.1, seed: 5}\n"
	             "model: {layers: [dense 1], init: zero}\n"
	             "training:\n"
	             "  rounds: %u\n"
	             "  local: {epochs: %u, batch: 16, optimizer: sgd, learning_rate: 0.05}\n"
	             "  weights: {by: patients, cap: 20000}\n"
	             "evaluation: {release: masked, bins: 64, select: auc}\n"
	             "sites: {min: 2, max_dropouts: 1, cell_min: 0}\n"
	             "masking: off\n"
	             "privacy: {mechanism: none}\n",
	             rounds, epochs) < 0)
		mem_exhausted(1, 1);
	return text;
}

static void put_row(struct buf *out, struct rng *r)
{
	static const char *const answers[ANSWERS][2] = {{"no", "yes"}, {"m", "f"}};
	double z = -0.4;

	for (unsigned i = 0; i < NUMBERS; i++) {
		double x = rng_normal(r);

		z += (i % 2 ? 0.7 : -0.5) * x / (1 + i / 2);
		if (rng_unit(r) < MISSING)
			buf_put_text(out, i % 2 ? "," : "NA,");
		else
			buf_printf(out, "%.4f,", x);
	}
	for (unsigned i = 0; i < ANSWERS; i++) {
		unsigned yes = rng_unit(r) < 0.4;

		z += yes ? 0.8 : 0;
		buf_printf(out, "%s,", rng_unit(r) < MISSING ? (i ? "x" : "") : answers[i][yes]);
	}
	buf_printf(out, "%d\n", rng_unit(r) < 1 / (1 + exp(-z)));
}

void logistic_rows(struct tempdir *dir, const char *path, unsigned seed, unsigned rows)
{
	struct buf text;
	struct rng r;

	rng_seeded(&r, seed, "logistic");
	buf_init(&text, (size_t)(rows + 1) * ROW_MAX);
	for (unsigned i = 0; i < NUMBERS; i++)
		buf_printf(&text, "n%u,", i);
	buf_put_text(&text, "smoker,sex,ill\n");
	for (unsigned i = 0; i < rows; i++)
		put_row(&text, &r);
	tempdir_write_bytes(dir, path, buf_bytes(&text));
	buf_free(&text);
}
