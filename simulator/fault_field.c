#include "simulator/fault_field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the studies share; then the lines in which they differ. */
static const char common[] = "cohort: 1\n"
			     "study: faults-%u\n"
			     "purpose: Made-up rows for a world that is disturbed\n"
			     "expires: 2199-12-31\n"
			     "model: {layers: [%s]}\n"
			     "privacy: {%s}\n"
			     "data:\n"
			     "  features:\n"
			     "    - {name: x, min: -4, max: 4}\n"
			     "    - {name: kind, levels: [a, b, c]}\n"
			     "  split: {test_fraction: 0.2, validation_fraction: %s, seed: 7}\n"
			     "  label: {name: label, %s}\n"
			     "%s";

#define NONE "mechanism: none"

static const struct variant {
	const char *layer, *label, *masking, *privacy, *lines;
} variants[FAULT_STUDIES] = {
	{"dense 1", "type: binary", "off", NONE,
         "training: {rounds: 4, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: masked, bins: 4, select: loss}\n"
         "sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"},
	{"dense 1", "type: binary", "off", NONE, /* nothing is evaluated: the study ends with its last training round */
         "training: {rounds: 3, strategy: fedadam, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: none}\n"
         "sites: {min: 2, max_dropouts: 2, cell_min: 1}\n"},
	{"dense 1", "type: binary", "off", NONE, /* nobody may stay away, and single updates are looked at */
         "training: {rounds: 2, strategy: median, local: {epochs: 1, batch: 8, learning_rate: 0.1}, weights: {by: "
         "equal}}\n"
         "evaluation: {release: masked, bins: 4, select: accuracy}\n"
         "sites: {min: 3, max_dropouts: 0, cell_min: 1}\n"},
	{"dense 1", "type: binary", "off",
         NONE, /* the best model is often not the last, and the study then stops early */
         "training: {rounds: 5, strategy: fedavgm, local: {epochs: 2, batch: 4, learning_rate: 2}}\n"
         "evaluation: {release: masked, bins: 4, select: auc, patience: 2}\n"
         "sites: {min: 2, max_dropouts: \"50%\", cell_min: 1}\n"},
	{"dense 3", "type: categorical, levels: [p, q, r]", "off", NONE,
         "training: {rounds: 3, local: {steps: 2, batch: 4, optimizer: adam, learning_rate: 0.01}}\n"
         "evaluation: {release: masked, select: loss}\n"
         "sites: {min: 3, max_dropouts: 1, cell_min: 1}\n"},
	{"dense 1", "type: binary", "off", NONE, /* one evaluation, of the last model */
         "training: {rounds: 3, evaluate_every: 0, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: masked, bins: 4, select: loss}\n"
         "sites: {min: 2, max_dropouts: \"25%\", cell_min: 1}\n"},
	{"dense 1", "type: binary", "required", NONE, /* one may stay away, or fall silent */
         "training: {rounds: 3, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: masked, bins: 4, select: loss}\n"
         "sites: {min: 2, max_dropouts: 1, max_colluders: 0, cell_min: 1}\n"},
	{"dense 3", "type: categorical, levels: [p, q, r]", "required", NONE, /* all must come, against one colluder */
         "training: {rounds: 2, strategy: fedadam, local: {steps: 2, batch: 4, learning_rate: 0.1}}\n"
         "evaluation: {release: masked, select: loss}\n"
         "sites: {min: 3, max_dropouts: 0, max_colluders: 1, cell_min: 1}\n"},
	{"dense 1", "type: binary", "groups of 2", NONE, /* a group's sum is what the strategy sees */
         "training: {rounds: 2, strategy: median, local: {epochs: 1, batch: 8, learning_rate: 0.1}, weights: {by: "
         "equal}}\n"
         "evaluation: {release: none}\n"
         "sites: {min: 2, max_dropouts: 0, max_colluders: 0, cell_min: 1}\n"},
	{"dense 1", "type: binary", "required", NONE, /* most may fall silent */
         "training: {rounds: 3, evaluate_every: 0, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: masked, bins: 4, select: loss}\n"
         "sites: {min: 2, max_dropouts: \"40%\", max_colluders: 0, cell_min: 1}\n"},
	/* Private ones. With q = 1 a release costs nothing to account for (privacy/rdp.c). */
	{"dense 1", "type: binary", "required",
         "mechanism: distributed, epsilon: 20, delta: 1.0e-3, clip: 1, spare_rounds: 2, sampling_rate: 1, patients: "
         "60",
         "training: {rounds: 2, local: {learning_rate: 0.5}}\n"
         "evaluation: {release: noised, bins: 16}\n"
         "sites: {min: 2, max_dropouts: 1, max_colluders: 0, cell_min: 1}\n"},
	{"dense 1", "type: binary", "off", /* noise in every local step, so nothing else need be hidden */
         "mechanism: local, epsilon: 20, delta: 1.0e-3, clip: 1, spare_rounds: 1, sampling_rate: 1, patients: 60",
         "training: {rounds: 3, local: {steps: 2, learning_rate: 0.1}}\n"
         "evaluation: {release: none}\n"
         "sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"},
	{"dense 3", "type: categorical, levels: [p, q, r]", "required", /* its figures are exact, and cost nothing */
         "mechanism: local, epsilon: 20, delta: 1.0e-3, clip: 1, spare_rounds: 2, sampling_rate: 1, patients: 60",
         "training: {rounds: 2, local: {steps: 2, optimizer: adam, learning_rate: 0.01}}\n"
         "evaluation: {release: masked, select: loss}\n"
         "sites: {min: 2, max_dropouts: \"40%\", max_colluders: 0, cell_min: 1}\n"},
	{"dense 1", "type: binary", "required", /* the clip of each round follows from the one before */
         "mechanism: site, epsilon: 20, delta: 1.0e-3, clip: 1, spare_rounds: 3, clip_quantile: 0.5, clip_rate: 0.2",
         "training: {rounds: 3, local: {epochs: 1, batch: 8, learning_rate: 0.1}}\n"
         "evaluation: {release: noised, bins: 16}\n"
         "sites: {min: 2, max_dropouts: 1, max_colluders: 0, cell_min: 1}\n"},
};

/* ---- studies and rows */

static void make_study(struct study *out, uint32_t number)
{
	const struct variant *v = &variants[number];
	bool noised = strstr(v->lines, "release: noised") != NULL; /* then there is nothing to be chosen */
	struct diag why = {{0}};
	struct buf text;

	buf_init(&text, YAML_TEXT_MAX);
	buf_printf(&text, common, number, v->layer, v->privacy, noised ? "0" : "0.2", v->label, v->lines);
	buf_printf(&text, "masking: %s\n", v->masking);
	if (study_parse(out, buf_bytes(&text), "a study of the faults", false, &why) != OK) {
		fprintf(stderr, "%s\n", why.text);
		CHECK(false);
	}
	buf_free(&text);
}

static void make_table(struct table *out, const struct study *study, uint32_t site)
{
	static const uint8_t parts[] = {PART_TRAIN, PART_TRAIN, PART_TRAIN, PART_VALIDATION, PART_TEST};
	uint32_t rows = 12 + 3 * site, classes = schema_classes(&study->schema);
	struct rng r;

	rng_seeded(&r, site, "rows");
	table_make(out, &study->schema, rows);
	for (uint32_t i = 0; i < rows; i++) {
		double x = rng_normal(&r) / 2;

		out->cells[2 * i] = (float)(x < -4 ? -4 : x > 4 ? 4 : x);
		out->cells[2 * i + 1] = (float)rng_below(&r, 3);
		out->classes[i] = (uint16_t)(x > 0.3 ? classes - 1 : rng_below(&r, classes));
		out->patients[i] = i;
		out->parts[i] = parts[i % sizeof parts];
		if (out->parts[i] == PART_VALIDATION && study->schema.split.validation_fraction == 0)
			out->parts[i] = PART_TRAIN;
	}
	table_count(out);
}

/* Of the patient in row `row` all that is not public: what is missing, the rarest class. */
static void change_patient(struct table *t, const struct study *study, uint32_t row)
{
	t->cells[2 * row] = t->cells[2 * row] > 0 ? NAN : 4;
	t->cells[2 * row + 1] = NAN;
	t->classes[row] = (uint16_t)(schema_classes(&study->schema) - 1 - t->classes[row]);
	table_count(t);
}

void fault_field_make(struct fault_field *f)
{
	static const char policy[] =
		"masking: off\nmechanisms: [none, distributed, local, site]\nevaluation: [masked, noised]\n"
		"epsilon_per_study: 20\nbudget: {epsilon: 1000, delta: 1.0e-3}\nmin_sites: 2\n";

	CHECK(policy_parse(&f->policy, bytes_text(policy), "the policy of the faults", NULL) == OK);
	for (uint32_t k = 0; k < FAULT_STUDIES; k++) {
		make_study(&f->studies[k], k);
		for (uint32_t i = 0; i < FAULT_SITES_MAX; i++) {
			make_table(&f->tables[k][i], &f->studies[k], i);
			make_table(&f->twins[k][i], &f->studies[k], i);
			change_patient(&f->twins[k][i], &f->studies[k], i);
		}
	}
}

void fault_field_free(struct fault_field *f)
{
	for (uint32_t k = 0; k < FAULT_STUDIES; k++) {
		for (uint32_t i = 0; i < FAULT_SITES_MAX; i++) {
			table_free(&f->tables[k][i]);
			table_free(&f->twins[k][i]);
		}
		study_free(&f->studies[k]);
	}
}
