/* protocol/study: what a private study is refused for, each line literally with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/contracts.h"

#define TERMS "{mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644}"
#define SITE_TERMS "{mechanism: site, epsilon: 8, delta: 1.0e-2, clip: 1}"

static char *private;

static int read_texts(void **state)
{
	(void)state;
	private = contract_text("private.yaml");
	return 0;
}

static int free_texts(void **state)
{
	(void)state;
	free(private);
	return 0;
}

static void refuses_terms(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"epsilon: 3, ", "",
	         "15:10: privacy.epsilon: is missing and has no default; write the promise, such as epsilon: 3"},
		{"epsilon: 3, ", "epsilon: 0, ",
	         "15:44: privacy.epsilon: 0 is not above 0; there is no default: 1 to 3 is common"},
		{"epsilon: 3, ", "epsilon: -1, ", "15:44: privacy.epsilon: -1 is below 0"},
		{"epsilon: 3, ", "epsilon: .nan, ", "15:44: privacy.epsilon: \".nan\" is not a number"},
		{"delta: 1.0e-4, ", "",
	         "15:10: privacy.delta: is missing and has no default; write a tenth of 1 / patients or less, such as "
	         "delta: 1.0e-5"},
		{"1.0e-4", "0",
	         "15:54: privacy.delta: 0 is not between 0 and 1; take a tenth of 1 / patients, or less"},
		{"1.0e-4", "1.6e-3",
	         "15:54: privacy.delta: 0.0016 is not below 1 / patients = 0.0015528: a mechanism that publishes one "
	         "patient would be allowed; take 0.0001"},
		{"clip: 1, ", "",
	         "15:10: privacy.clip: is missing and has no default; write the largest norm of one contribution, such "
	         "as "
	         "clip: 1.0"},
		{"clip: 1, ", "clip: 0, ", "15:68: privacy.clip: 0 is not above 0; 1 is common"},
		{"clip: 1, ", "clip: -1, ", "15:68: privacy.clip: -1 is below 0"},
		{"sampling_rate: 0.1, ", "",
	         "15:10: privacy.sampling_rate: is missing and has no default; write a patient's part in a step, such "
	         "as "
	         "0.1"},
		{"sampling_rate: 0.1, ", "sampling_rate: 0, ",
	         "15:86: privacy.sampling_rate: 0 is not in (0, 1]; write a patient's part in a step, such as 0.1"},
		{"sampling_rate: 0.1, ", "sampling_rate: 1.1, ", "15:86: privacy.sampling_rate: 1.1 is above 1"},
		{", patients: 644", "",
	         "15:10: privacy.patients: is missing and has no default; write how many training patients the study "
	         "has at "
	         "least, as a public number"},
		{"patients: 644", "patients: 0",
	         "15:101: privacy.patients: write how many training patients the study has, or fewer"},
		{"patients: 644", "patients: 644, hospitals_per_patient: 0",
	         "15:129: privacy.hospitals_per_patient: 0 is below 1"},
		{"patients: 644", "patients: 644, statistics_share: 0",
	         "15:124: privacy.statistics_share: 0 is below 0.001"},
		{"patients: 644", "patients: 644, statistics_share: 1",
	         "15:124: privacy.statistics_share: 1 is above 0.999"},
		{"patients: 644", "patients: 644, evaluation_epsilon: 0",
	         "15:126: privacy.evaluation_epsilon: 0 is not above 0"},
		{"patients: 644", "patients: 644, unit: site",
	         "15:112: privacy.unit: site does not go with mechanism distributed; a site is the unit under "
	         "mechanism "
	         "site, and only there"},
		{"patients: 644", "patients: 644, clip_quantile: 0.5",
	         "15:121: privacy.clip_quantile: belongs to mechanism: site; leave it out"},
		{"mechanism: distributed", "mechanism: site",
	         "15:79: privacy.sampling_rate: belongs to mechanism: distributed or local; leave it out"},
		{TERMS, "{mechanism: site, epsilon: 3, delta: 1.0e-2, clip: 1, patients: 9}",
	         "15:74: privacy.patients: belongs to mechanism: distributed or local; leave it out"},
		{TERMS, "{mechanism: site, epsilon: 3, delta: 1.0e-2, clip: 1, hospitals_per_patient: 2}",
	         "15:87: privacy.hospitals_per_patient: belongs to mechanism: distributed or local; leave it out"},
		{TERMS, "{mechanism: site, epsilon: 3, delta: 1.0e-2, clip: 1, evaluation_epsilon: 2}",
	         "15:84: privacy.evaluation_epsilon: belongs to mechanism: distributed or local; leave it out"},
		{TERMS, "{mechanism: site, unit: patient, epsilon: 3, delta: 1.0e-2, clip: 1}",
	         "15:34: privacy.unit: patient does not go with mechanism site; a site is the unit under mechanism "
	         "site, "
	         "and only there"},
		{TERMS, "{mechanism: site, epsilon: 3, delta: 0.34, clip: 1}",
	         "15:47: privacy.delta: 0.34 is not below 1 / sites.min = 0.333333: a mechanism that publishes one "
	         "site "
	         "would be allowed; take 0.03"},
		{TERMS, "{mechanism: site, epsilon: 3, delta: 0.01, clip: 1, clip_rate: 0.2}",
	         "15:73: privacy.clip_rate: belongs to clip_quantile; leave it out"},
		{"patients: 644", "patients: 644, noise_multiplier: 2",
	         "15:124: privacy.noise_multiplier: follows from epsilon and is computed when the study is added; "
	         "leave it "
	         "out"},
		{"patients: 644", "patients: 644, statistics_multiplier: 2",
	         "15:129: privacy.statistics_multiplier: follows from epsilon and is computed when the study is added; "
	         "leave it out"},
		{"patients: 644", "patients: 644, evaluation_multiplier: 2",
	         "15:129: privacy.evaluation_multiplier: follows from epsilon and is computed when the study is added; "
	         "leave it out"},
		{"patients: 644", "patients: 644, batch_cap: 2",
	         "15:117: privacy.batch_cap: follows from epsilon and is computed when the study is added; leave it "
	         "out"},
	};
	contract_refusals_of("private.yaml", cases, sizeof cases / sizeof *cases);
}

static void refuses_what_mixes_patients(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"dense 8, relu", "dense 8, batch_norm",
	         "12:21: model.layers[1]: layer \"batch_norm\" is not offered: batch normalisation mixes the patients "
	         "of a "
	         "batch, so that one patient's values would move what another contributes; leave it out"},
		{"dense 8, relu", "dense 8, relu, dropout 0.5",
	         "12:27: model.layers[2]: dropout draws by a row's place among the others, so one patient's rows would "
	         "move "
	         "theirs; leave it out (the noise holds the model back already)"},
		{"  patient_id", "  scale: site\n  patient_id",
	         "10:10: data.scale: with site, one patient's values move the inputs of all others there, so clipping "
	         "bounds nothing; write global or none"},
		{"  patient_id", "  outside: refuse\n  patient_id",
	         "10:12: data.outside: with refuse, a refusal would tell of a patient's values; write missing or "
	         "clamp"},
		{"  patient_id", "  fill: refuse\n  patient_id",
	         "10:9: data.fill: with refuse, a refusal would tell of a patient's values; write mean or drop"},
	};
	contract_refusals_of("private.yaml", cases, sizeof cases / sizeof *cases);
}

static void refuses_training(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"rounds: 100", "rounds: 100\n  local: {epochs: 1}",
	         "15:19: training.local.epochs: under distributed a round is one step; leave it out, and raise "
	         "training.rounds for more"},
		{"rounds: 100", "rounds: 100\n  local: {steps: 2}",
	         "15:18: training.local.steps: under distributed a round is one step; leave it out, and raise "
	         "training.rounds for more"},
		{"rounds: 100", "rounds: 100\n  local: {optimizer: adamw}",
	         "15:22: training.local.optimizer: under distributed a site takes no step of its own; move it to "
	         "server: "
	         "training.strategy: fedadam"},
		{"rounds: 100", "rounds: 100\n  local: {optimizer: nesterov}",
	         "15:22: training.local.optimizer: under distributed a site takes no step of its own; move it to "
	         "server: "
	         "training.strategy: fedavgm"},
		{"rounds: 100", "rounds: 100\n  local: {weight_decay: 0.1}",
	         "15:25: training.local.weight_decay: under distributed a site takes no step of its own; leave it out"},
		{"rounds: 100", "rounds: 100\n  local: {l1: 0.1}",
	         "15:15: training.local.l1: belongs to mechanism: local, site or none; leave it out"},
		{"rounds: 100", "rounds: 100\n  local: {label_smoothing: 0.1}",
	         "15:28: training.local.label_smoothing: belongs to mechanism: local, site or none; leave it out"},
		{"rounds: 100", "rounds: 100\n  strategy: fedprox",
	         "15:13: training.strategy: fedprox holds several local steps together, and under distributed a round "
	         "is "
	         "one; write fedavg"},
		{"rounds: 100", "rounds: 100\n  strategy: krum",
	         "15:13: training.strategy: krum looks at single updates, and under mechanism distributed only their "
	         "noised "
	         "sum is seen; write fedavg"},
		{"rounds: 100", "rounds: 100\n  weights: {by: equal, cap: 7}",
	         "15:29: training.weights.cap: belongs to by: patients; leave it out"},
		{"privacy: {mechanism: distributed,", "privacy: {mechanism: local,",
	         "14:3: training.local.epochs: under mechanism local each step draws its patients anew and is paid "
	         "for; "
	         "write steps, such as steps: 10"},
		{"privacy:", "masking: off\nprivacy:",
	         "15:10: masking: under mechanism distributed each site adds a share of the noise, which hides nothing "
	         "alone; write masking: required"},
		{"privacy: " TERMS, "masking: groups of 8\nprivacy: " SITE_TERMS,
	         "15:10: masking: under mechanism site each site adds a share of the noise, which hides nothing alone; "
	         "write masking: required"},
	};
	contract_refusals_of("private.yaml", cases, sizeof cases / sizeof *cases);
}

static void refuses_evaluation(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"rounds: 100", "rounds: 100\n  evaluate_every: 5",
	         "15:19: training.evaluate_every: noised figures are released once, at the end; write 0 or leave it "
	         "out"},
		{"privacy:", "evaluation: {patience: 2}\nprivacy:",
	         "15:24: evaluation.patience: early stopping needs figures on the way, and noised ones are released "
	         "once; "
	         "write patience: 0"},
		{"  patient_id", "  split: {validation_fraction: 0.1}\n  patient_id",
	         "10:32: data.split.validation_fraction: validation rows choose among models, and noised figures are "
	         "released once; write 0 or leave it out"},
		{"  patient_id", "  split: {column: c, train: a, validation: b, test: d}\n  patient_id",
	         "10:44: data.split.validation: validation rows choose among models, and noised figures are released "
	         "once; "
	         "leave it out"},
		{"privacy:", "evaluation: {bins: 66}\nprivacy:",
	         "15:20: evaluation.bins: 66: each bin gets the same noise, so noised figures have 16 to 64; or leave "
	         "it "
	         "out"},
		{"privacy:", "evaluation: {bins: 14}\nprivacy:",
	         "15:20: evaluation.bins: 14: each bin gets the same noise, so noised figures have 16 to 64; or leave "
	         "it "
	         "out"},
		{"patients: 644}", "patients: 644, evaluation_epsilon: 2}\nevaluation: {release: none}",
	         "15:126: privacy.evaluation_epsilon: belongs to evaluation.release: noised; leave it out"},
	};
	contract_refusals_of("private.yaml", cases, sizeof cases / sizeof *cases);
	char *text = contract_edited(private, "  label: {name: disease, type: binary}",
	                             "  label: {name: disease, type: categorical, levels: [a, b, c]}");
	char *three = contract_edited(text, "relu, dense 1]", "relu, dense 3]");
	char *bins = contract_edited(three, "privacy:", "evaluation: {class_bins: 64}\nprivacy:");
	contract_refused(bins,
	                 "study.yaml:15:26: evaluation.class_bins: are too many for noised figures; leave it out");
	free(text);
	free(three);
	free(bins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_terms),
		cmocka_unit_test(refuses_what_mixes_patients),
		cmocka_unit_test(refuses_training),
		cmocka_unit_test(refuses_evaluation),
	};
	return cmocka_run_group_tests(tests, read_texts, free_texts);
}
