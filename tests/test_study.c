/*
 * protocol/study: the contract. Golden bytes and hashes (computed from the same bytes by Python's hashlib: blake2b with
 * digest_size 32, sha256), defaults, what changes the hash and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/contracts.h"
#include "tests/support/tempdir.h"

static char *minimal, *minimal_canonical, *rich, *rich_canonical;

static int read_texts(void **state)
{
	(void)state;
	minimal = contract_text("minimal.yaml");
	minimal_canonical = contract_text("minimal.json");
	rich = contract_text("all-keys.yaml");
	rich_canonical = contract_text("all-keys.json");
	return 0;
}

static int free_texts(void **state)
{
	(void)state;
	free(minimal);
	free(minimal_canonical);
	free(rich);
	free(rich_canonical);
	return 0;
}

static void assert_hex(const struct hash *h, const char *expected)
{
	char hex[HASH_HEX_SIZE];
	hash_hex(hex, h);
	assert_string_equal(hex, expected);
}

static void minimal_study(void **state)
{
	(void)state;
	struct study s;
	contract_parse(&s, minimal);
	assert_string_equal(buf_text(&s.canonical), minimal_canonical);
	assert_hex(&s.hash, "960efd8ec1f62ef15aa6089321579fe889436fe34b8c5e50ad478f05d32ec8a3");
	assert_hex(&s.sha256, "b20582ec0c3b5a39b796e2b3902dc47f2d551a0470df26ce773774f33d1efbf2");
	assert_string_equal(s.name, "heart");
	assert_string_equal(s.contact, "");
	assert_string_equal(s.schema.source, "heart");
	assert_int_equal(s.schema.feature_count, 2);
	assert_int_equal(s.schema.features[0].type, COLUMN_NUMERIC);
	assert_true(s.schema.features[0].min == 18 && s.schema.features[0].max == 110);
	assert_string_equal(s.schema.features[1].positive, "1");
	assert_int_equal(s.schema.missing.count, 3);
	assert_int_equal(s.schema.outside, OUTSIDE_MISSING);
	assert_int_equal(s.schema.fill, FILL_MEAN_AND_FLAG);
	assert_true(s.schema.split.test_fraction == 0.3 && s.schema.split.validation_fraction == 0);
	assert_true(s.schema.split.seed == 42 && s.schema.split.column == NULL);
	assert_null(s.schema.patient_id);
	assert_int_equal(s.model.inputs, 4); /* two features, two flags */
	assert_int_equal(s.model.parameters, 5);
	assert_int_equal(s.init, INIT_HE);
	assert_int_equal(s.rounds, 30);
	assert_int_equal(s.local.epochs, 1);
	assert_int_equal(s.local.steps, 0);
	assert_int_equal(s.local.batch, 32);
	assert_int_equal(s.local.optimizer, OPTIMIZER_SGD);
	assert_true(s.local.learning_rate == 0.05 && s.server.learning_rate == 1);
	assert_int_equal(s.weights, WEIGHTS_BY_PATIENTS);
	assert_true(s.weight_cap == 5000 && s.update_range == 8);
	assert_int_equal(s.evaluate_every, 1);
	assert_int_equal(s.evaluation, EVALUATION_MASKED);
	assert_int_equal(s.bins, 2048);
	assert_int_equal(s.select, SELECT_AUC);
	assert_int_equal(s.sites.min, 3);
	assert_int_equal(s.sites.max_dropouts, 1);
	assert_int_equal(s.sites.masking, MASKING_OFF);
	assert_null(s.members);
	assert_int_equal(s.privacy.mechanism, PRIVACY_NONE);
	assert_int_equal(s.privacy.unit, UNIT_PATIENT);
	study_free(&s);
	study_free(&s);
}

static void assert_rich_data(const struct schema *d)
{
	assert_string_equal(d->source, "Extract_2");
	assert_int_equal(d->feature_count, 6);
	assert_string_equal(d->features[0].column, "ALTER");
	assert_string_equal(d->features[0].unit, "a");
	assert_true(d->features[0].unscaled);
	assert_int_equal(d->features[0].missing.count, 2);
	assert_string_equal(d->features[0].missing.items[1], "999");
	assert_string_equal(d->features[4].name, "px10x");
	assert_string_equal(d->features[4].negative, "no");
	assert_string_equal(d->features[5].levels.items[2], "a b");
	assert_int_equal(d->label.type, COLUMN_CATEGORICAL);
	assert_string_equal(d->label.column, "Kind");
	assert_int_equal(d->label.levels.count, 3);
	assert_string_equal(d->patient_id, "pid");
	assert_int_equal(d->outside, OUTSIDE_CLAMP);
	assert_int_equal(d->fill, FILL_DROP);
	assert_int_equal(d->scale, SCALE_SITE);
	assert_string_equal(d->split.column, "part");
	assert_string_equal(d->split.validation, "va");
}

static void rich_study(void **state)
{
	(void)state;
	struct study s;
	contract_parse(&s, rich);
	assert_string_equal(buf_text(&s.canonical), rich_canonical);
	assert_hex(&s.hash, "ee0c41e77f7eee886f9ce7b4b898ec13b753c18dc27cb4ebcb7ddecb3035a1df");
	assert_hex(&s.sha256, "523becaf172eb9e8efc8b57b187dee65a2b99bed0a48a85aec0cfa1d961fc53f");
	assert_int_equal(s.revision, 12);
	assert_rich_data(&s.schema);
	assert_int_equal(s.model.layer_count, 5);
	assert_int_equal(s.model.loss, LOSS_SOFTMAX_CROSS_ENTROPY);
	assert_int_equal(s.init, INIT_FILE);
	assert_string_equal(s.init_file, "base.safetensors");
	assert_int_equal(s.init_sha256.b[15], 0xff);
	assert_int_equal(s.local.epochs, 0);
	assert_int_equal(s.local.steps, 100);
	assert_true(s.local.beta1 == 0.8 && s.local.beta2 == 0.99 && s.local.epsilon == 1e-6);
	assert_true(s.local.weight_decay == 0.01 && s.server.learning_rate == 0.5);
	assert_int_equal(s.weights, WEIGHTS_EQUAL);
	assert_true(s.weight_cap == 1);
	assert_int_equal(s.evaluation, EVALUATION_NONE);
	assert_int_equal(s.select, SELECT_F1);
	assert_true(s.sites.dropouts_percent && s.sites.max_dropouts == 10);
	assert_int_equal(s.member_count, 2);
	assert_string_equal(s.members[1], "St.Luke");
	assert_int_equal(s.privacy.unit, UNIT_RECORD);
	study_free(&s);
}

/* How a number, a text or a list is spelt in the file, and in which order keys stand, does not matter. */
static void spelling_does_not_change_the_hash(void **state)
{
	(void)state;
	static const char *const edits[][2] = {
		{"min: 18", "min: 18.0"},
		{"min: 18, max: 110", "max: 1.1e2, min: 18"},
		{"study: heart\n", "revision: 1\nstudy: 'heart' # a comment\n"},
		{"privacy: {mechanism: none}\n", "privacy:\n    mechanism: none\n"},
		{"{name: sex, type: binary}", "{names: [sex], type: binary, positive: 1, column: sex}"},
		{"  rounds: 30\n", "  rounds: 30\n  local: {optimizer: sgd, epochs: 1}\n  update_range: 8.0\n"},
	};
	struct study s;
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		char *text = contract_edited(minimal, edits[i][0], edits[i][1]);
		contract_parse(&s, text);
		assert_string_equal(buf_text(&s.canonical), minimal_canonical);
		study_free(&s);
		free(text);
	}
}

/* One term changed is another contract. */
static void every_term_changes_the_hash(void **state)
{
	(void)state;
	static const char *const edits[][2] = {
		{"study: heart", "study: heart2"},
		{"first visit", "first visit."},
		{"2027-06-30", "2027-06-29"},
		{"min: 18", "min: 19"},
		{"name: age", "name: Age"},
		{"[dense 1]", "[dense 2, relu, dense 1]"},
		{"rounds: 30", "rounds: 31"},
		{"mechanism: none", "mechanism: none, unit: record"},
		{"masking: off\n", "masking: off\nsites: {cell_min: 12}\n"},
	};
	struct study before, after;
	contract_parse(&before, minimal);
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		char *text = contract_edited(minimal, edits[i][0], edits[i][1]);
		contract_parse(&after, text);
		assert_false(hash_equal(&before.hash, &after.hash));
		assert_false(hash_equal(&before.sha256, &after.sha256));
		study_free(&after);
		free(text);
	}
	study_free(&before);
}

static void conditional_defaults(void **state)
{
	(void)state;
	struct study s;
	char *text = contract_edited(minimal, "rounds: 30", "rounds: 30\n  local: {optimizer: momentum}");
	contract_parse(&s, text);
	assert_true(s.local.momentum == 0.9 && s.local.beta1 == 0);
	study_free(&s);
	free(text);
	text = contract_edited(minimal, "rounds: 30", "rounds: 30\n  local: {optimizer: adam, steps: 4}");
	contract_parse(&s, text);
	assert_true(s.local.beta1 == 0.9 && s.local.beta2 == 0.999 && s.local.epsilon == 1e-8 && s.local.epochs == 0);
	study_free(&s);
	free(text);
	text = contract_edited(minimal, "{name: disease, type: binary}",
	                       "{name: d, type: categorical, levels: [a, b, c]}");
	char *wider = contract_edited(text, "dense 1", "dense 3");
	contract_parse(&s, wider);
	assert_int_equal(s.select, SELECT_ACCURACY);
	study_free(&s);
	char *area = contract_edited(wider, "masking: off", "evaluation: {select: auc}\nmasking: off");
	contract_refused(
		area,
		"study.yaml:14:22: evaluation.select: auc needs a binary label, or class_bins: 64; write accuracy, "
		"loss or f1");
	free(area);
	area = contract_edited(wider, "masking: off", "evaluation: {class_bins: 64, select: auc}\nmasking: off");
	contract_parse(&s, area);
	assert_int_equal(s.class_bins, 64);
	assert_int_equal(s.select, SELECT_AUC);
	assert_int_equal(spec_counts_length(study_shape(&s)), 9 + 3 * 2 * 64);
	assert_non_null(strstr(buf_text(&s.canonical), "\"bins\":2048,\"class_bins\":64,\"select\":\"auc\""));
	study_free(&s);
	free(area);
	area = contract_edited(wider, "masking: off", "evaluation: {class_bins: 63}\nmasking: off");
	contract_refused(
		area, "study.yaml:14:26: evaluation.class_bins: 63 is odd; an even number puts probability one half on "
		      "an edge");
	free(area);
	area = contract_edited(wider, "masking: off", "evaluation: {class_bins: 2050}\nmasking: off");
	contract_refused(area, "study.yaml:14:26: evaluation.class_bins: 2050 is above 2048");
	free(area);
	area = contract_edited(minimal, "masking: off", "evaluation: {class_bins: 64}\nmasking: off");
	contract_refused(area, "study.yaml:14:26: evaluation.class_bins: belongs to a categorical label; leave it out");
	free(area);
	free(wider);
	free(text);
}

static void numeric_label(void **state)
{
	(void)state;
	struct study s;
	char *text = contract_edited(minimal, "{name: disease, type: binary}",
	                             "{name: bp, type: numeric, min: 60, max: 240, unit: mmHg}");
	contract_parse(&s, text);
	assert_int_equal(s.schema.label.type, COLUMN_NUMERIC);
	assert_true(s.schema.label.min == 60 && s.schema.label.max == 240);
	assert_string_equal(s.schema.label.unit, "mmHg");
	assert_int_equal(s.model.loss, LOSS_SQUARED_ERROR);
	assert_string_equal(spec_link(&s.model), "identity");
	assert_int_equal(s.select, SELECT_LOSS);
	const struct metrics_shape shape = study_shape(&s);
	assert_true(shape.classes == 0 && shape.middle == 150 && shape.half == 90);
	assert_non_null(strstr(buf_text(&s.canonical),
	                       "\"label\":{\"name\":\"bp\",\"column\":\"bp\",\"type\":\"numeric\",\"min\":60,"
	                       "\"max\":240,\"unit\":\"mmHg\"}"));
	study_free(&s);
	static const char *const selects[] = {"loss", "r2", "rmse"};
	static const enum select_metric wanted[] = {SELECT_LOSS, SELECT_R2, SELECT_RMSE};
	char *area = contract_edited(text, "masking: off", "evaluation: {select: auc}\nmasking: off");
	contract_refused(area,
	                 "study.yaml:14:22: evaluation.select: auc needs classes, and the label is a number; write "
	                 "loss, r2 or rmse");
	free(area);
	area = contract_edited(minimal, "masking: off", "evaluation: {select: rmse}\nmasking: off");
	contract_refused(area, "study.yaml:14:22: evaluation.select: rmse needs a numeric label; write auc, accuracy, "
	                       "loss or f1");
	free(area);
	area = contract_edited(text, "rounds: 30", "rounds: 30\n  local: {label_smoothing: 0.1}");
	contract_refused(area,
	                 "study.yaml:14:28: training.local.label_smoothing: belongs to a label of classes; leave it "
	                 "out");
	free(area);
	for (int i = 0; i < 3; i++) {
		char line[64];
		snprintf(line, sizeof line, "evaluation: {select: %s}\nmasking: off", selects[i]);
		char *with = contract_edited(text, "masking: off", line);
		contract_parse(&s, with);
		assert_int_equal(s.select, wanted[i]);
		study_free(&s);
		free(with);
	}
	free(text);
}

/* The keys that came after the first version: absent from the contract unless written, with their own defaults. */
static void later_keys(void **state)
{
	(void)state;
	struct study s;
	contract_parse(&s, minimal);
	assert_int_equal(s.class_bins, 0);
	assert_null(strstr(buf_text(&s.canonical), "class_bins"));
	assert_true(s.local.l1 == 0 && s.local.proximal == 0 && s.local.label_smoothing == 0 &&
	            s.local.schedule.kind == SCHEDULE_CONSTANT);
	study_free(&s);
	static const struct {
		const char *local, *canonical;
	} cases[] = {
		{"l1: 0.001", "\"weight_decay\":0,\"l1\":0.001}"},
		{"label_smoothing: 0.25", "\"weight_decay\":0,\"label_smoothing\":0.25}"},
		{"schedule: {kind: constant}", "\"weight_decay\":0,\"schedule\":{\"kind\":\"constant\",\"warmup\":0}}"},
		{"schedule: {kind: step, every: 10}",
	         "\"schedule\":{\"kind\":\"step\",\"warmup\":0,\"every\":10,\"factor\":0.10000000000000001}}"},
		{"schedule: {warmup: 2, kind: cosine}", "\"schedule\":{\"kind\":\"cosine\",\"warmup\":2,\"floor\":0}}"},
		{"optimizer: nesterov",
	         "\"optimizer\":\"nesterov\",\"learning_rate\":0.050000000000000003,\"momentum\":0.90000000000000002,"},
		{"optimizer: adamw",
	         "\"optimizer\":\"adamw\",\"learning_rate\":0.050000000000000003,\"beta1\":0.90000000000000002,"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char line[128];
		snprintf(line, sizeof line, "rounds: 30\n  local: {%s}", cases[i].local);
		char *text = contract_edited(minimal, "rounds: 30", line);
		contract_parse(&s, text);
		if (!strstr(buf_text(&s.canonical), cases[i].canonical))
			fail_msg("%s: %s", cases[i].local, buf_text(&s.canonical));
		study_free(&s);
		free(text);
	}
}

static void first_parameters(void **state)
{
	(void)state;
	struct study s;
	char *text = contract_edited(minimal, "[dense 1]", "[dense 1]\n  init: xavier");
	contract_parse(&s, text);
	assert_int_equal(s.init, INIT_XAVIER);
	assert_non_null(strstr(buf_text(&s.canonical), "\"init\":\"xavier\""));
	study_free(&s);
	free(text);
	text = contract_edited(minimal, "[dense 1]", "[dense 1]\n  init: gaussian 0.02");
	contract_parse(&s, text);
	assert_true(s.init == INIT_GAUSSIAN && s.init_deviation == 0.02);
	assert_non_null(strstr(buf_text(&s.canonical), "\"init\":\"gaussian 0.02\""));
	study_free(&s);
	free(text);
}

/* The bytes of a contract with all of them are frozen, too, and are read as they were written. */
static void later_keys_are_frozen(void **state)
{
	(void)state;
	char *text = contract_text("training.yaml"), *canonical = contract_text("training.json");
	struct study written, received;
	struct diag why = {0};
	contract_parse(&written, text);
	assert_string_equal(buf_text(&written.canonical), canonical);
	if (study_from_canonical(&received, bytes_text(canonical), &why))
		fail_msg("%s", why.text);
	assert_true(hash_equal(&received.hash, &written.hash));
	assert_memory_equal(&received.local, &written.local, sizeof written.local);
	assert_memory_equal(&received.model, &written.model, sizeof written.model);
	assert_true(received.init == INIT_GAUSSIAN && received.init_deviation == 0.05);
	study_free(&written);
	study_free(&received);
	free(text);
	free(canonical);
}

static void later_keys_are_read(void **state)
{
	(void)state;
	struct study s;
	char *text = contract_edited(
		minimal, "rounds: 30",
		"rounds: 30\n  strategy: fedprox\n"
		"  local: {optimizer: nesterov, momentum: 0.8, l1: 0.01, proximal: 0.1, label_smoothing: 0.2,\n"
		"    schedule: {kind: step, warmup: 3, every: 7, factor: 0.5}}");
	contract_parse(&s, text);
	assert_true(s.local.optimizer == OPTIMIZER_NESTEROV && s.local.momentum == 0.8);
	assert_true(s.local.l1 == 0.01 && s.local.proximal == 0.1 && s.local.label_smoothing == 0.2);
	assert_true(s.local.schedule.kind == SCHEDULE_STEP && s.local.schedule.warmup == 3);
	assert_true(s.local.schedule.every == 7 && s.local.schedule.factor == 0.5);
	study_free(&s);
	free(text);
	text = contract_edited(minimal, "rounds: 30",
	                       "rounds: 30\n  local: {optimizer: adamw, schedule: {kind: cosine, floor: 0.25}}");
	contract_parse(&s, text);
	assert_true(s.local.optimizer == OPTIMIZER_ADAMW && s.local.beta2 == 0.999 && s.local.epsilon == 1e-8);
	assert_true(s.local.schedule.kind == SCHEDULE_COSINE && s.local.schedule.floor == 0.25);
	study_free(&s);
	free(text);
}

/* The listing of the documentation, which shows every key once. */
/* Each strategy's own keys are written out, and no other. */
static void strategies(void **state)
{
	(void)state;
	static const struct {
		const char *written, *canonical;
		enum strategy_kind strategy;
		struct server_training server;
	} cases[] = {
		{"strategy: fedavg", "{\"learning_rate\":1}", STRATEGY_FEDAVG, {.learning_rate = 1}},
		{"strategy: fedavgm",
	         "{\"learning_rate\":1,\"momentum\":0.90000000000000002}",
	         STRATEGY_FEDAVGM,
	         {.learning_rate = 1, .momentum = 0.9}},
		{"strategy: fedprox", "{\"learning_rate\":1}", STRATEGY_FEDPROX, {.learning_rate = 1}},
		{"strategy: fedadagrad",
	         "{\"learning_rate\":0.10000000000000001,\"beta1\":0,\"tau\":0.001}",
	         STRATEGY_FEDADAGRAD,
	         {.learning_rate = 0.1, .tau = 1e-3}},
		{"strategy: fedadam",
	         "{\"learning_rate\":0.10000000000000001,\"beta1\":0.90000000000000002,\"beta2\":0.98999999999999999,"
	         "\"tau\":0.001}",
	         STRATEGY_FEDADAM,
	         {.learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3}},
		{"strategy: median\n  server: {learning_rate: 0.5}",
	         "{\"learning_rate\":0.5}",
	         STRATEGY_MEDIAN,
	         {.learning_rate = 0.5}},
		{"strategy: trimmed_mean\nsites: {min: 5}",
	         "{\"learning_rate\":1,\"trim\":0.20000000000000001}",
	         STRATEGY_TRIMMED_MEAN,
	         {.learning_rate = 1, .trim = 0.2}},
		{"strategy: krum\nsites: {min: 5}",
	         "{\"learning_rate\":1,\"byzantine\":1,\"keep\":1}",
	         STRATEGY_KRUM,
	         {.learning_rate = 1, .byzantine = 1, .keep = 1}},
		{"strategy: krum\n  server: {keep: 3, byzantine: 2}\nsites: {members: [a, b, c, d, e, f, g], "
	         "max_dropouts: 0}",
	         "{\"learning_rate\":1,\"byzantine\":2,\"keep\":3}",
	         STRATEGY_KRUM,
	         {.learning_rate = 1, .byzantine = 2, .keep = 3}},
		{"strategy: fedyogi\n  server: {tau: 0.5, beta1: 0.25, learning_rate: 2}",
	         "{\"learning_rate\":2,\"beta1\":0.25,\"beta2\":0.98999999999999999,\"tau\":0.5}",
	         STRATEGY_FEDYOGI,
	         {.learning_rate = 2, .beta1 = 0.25, .beta2 = 0.99, .tau = 0.5}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct study s, again;
		char with[256], *text;
		snprintf(with, sizeof with, "rounds: 30\n  %s", cases[i].written);
		text = contract_edited(minimal, "rounds: 30", with);
		contract_parse(&s, text);
		const char *server = strstr(buf_text(&s.canonical), "\"server\":") + strlen("\"server\":");
		assert_memory_equal(server, cases[i].canonical, strlen(cases[i].canonical));
		assert_int_equal(s.strategy, cases[i].strategy);
		assert_true(s.local.proximal == (s.strategy == STRATEGY_FEDPROX ? 0.01 : 0));
		assert_int_equal(strstr(buf_text(&s.canonical), "\"weight_decay\":0,\"proximal\":0.01}") != NULL,
		                 s.strategy == STRATEGY_FEDPROX);
		assert_memory_equal(&s.server, &cases[i].server, sizeof s.server);
		assert_int_equal(study_from_canonical(&again, buf_bytes(&s.canonical), NULL), OK);
		assert_memory_equal(&again.server, &cases[i].server, sizeof again.server);
		study_free(&again);
		study_free(&s);
		free(text);
	}
}

static void early_stopping(void **state)
{
	(void)state;
	static const char *const splits[] = {"split: {validation_fraction: 0.1}",
	                                     "split: {column: part, train: a, validation: b, test: c}"};
	struct study s;
	for (size_t i = 0; i < 2; i++) {
		char data[256], *text;
		snprintf(data, sizeof data, "  %s\n  label: {name: disease, type: binary}\nevaluation: {patience: 3}\n",
		         splits[i]);
		text = contract_edited(minimal, "  label: {name: disease, type: binary}\n", data);
		contract_parse(&s, text);
		assert_int_equal(s.patience, 3);
		assert_string_equal(study_select_name(s.select), "auc");
		study_free(&s);
		free(text);
	}
	contract_parse(&s, minimal);
	assert_int_equal(s.patience, 0);
	study_free(&s);
}

static void full_listing(void **state)
{
	(void)state;
	static const char *const steps[][3] = {
		{"dropout 0.2, ", "",
	         "study.yaml:24:29: model.layers[2]: dropout draws by a row's place among the others, so one patient's "
	         "rows would move theirs; leave it out (the noise holds the model back already)"},
		{"epochs: 1, ", "",
	         "study.yaml:29:19: training.local.epochs: under distributed a round is one step; leave it out, and "
	         "raise training.rounds for more"},
		{"optimizer: adam, ", "",
	         "study.yaml:29:33: training.local.optimizer: under distributed a site takes no step of its own; move "
	         "it to server: training.strategy: fedadam"},
		{"evaluation_epsilon: 3, ", "",
	         "study.yaml:38:55: privacy.evaluation_epsilon: belongs to evaluation.release: noised; leave it out"},
	};
	char *text = contract_text("listing.yaml");
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		contract_refused(text, steps[i][2]);
		char *next = contract_edited(text, steps[i][0], steps[i][1]);
		free(text);
		text = next;
	}
	struct study s;
	contract_parse(&s, text);
	assert_int_equal(s.schema.feature_count, 71);
	assert_int_equal(s.sites.masking, MASKING_REQUIRED);
	assert_string_equal(s.schema.features[4].name, "px0");
	assert_string_equal(s.schema.features[67].column, "px63");
	assert_string_equal(s.schema.features[70].column, "ajcc_pathologic_n_N0 (i-)");
	assert_true(s.schema.features[70].unscaled);
	assert_int_equal(s.model.inputs, 73 + 71);
	assert_int_equal(s.privacy.mechanism, PRIVACY_DISTRIBUTED);
	assert_string_equal(
		buf_text(&s.warnings),
		"study.yaml:31:17: training.weights.by: is equal under privacy, since a weight would tell how many "
		"patients there are; the contract says so\n"
		"study.yaml:31:32: training.weights.cap: means nothing under privacy, where all hospitals count the "
		"same\n"
		"study.yaml:29:18: training.local.batch: means nothing under mechanism distributed, which draws "
		"patients by "
		"privacy.sampling_rate\n"
		"study.yaml:32:17: training.update_range: means nothing under mechanism distributed; privacy.clip "
		"does\n");
	study_free(&s);
	free(text);
}

static void masking(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum masking kind;
		uint32_t group;
	} cases[] = {{"masking: required\n", MASKING_REQUIRED, 0},
	             {"", MASKING_REQUIRED, 0},
	             {"masking: groups of 8\n", MASKING_GROUPS, 8},
	             {"masking: groups of 4096\n", MASKING_GROUPS, 4096}};
	struct study s;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text = contract_edited(minimal, "masking: off\n", cases[i].text);
		contract_parse(&s, text);
		assert_int_equal(s.sites.masking, cases[i].kind);
		assert_int_equal(s.sites.group, cases[i].group);
		study_free(&s);
		free(text);
	}
}

static void expiry(void **state)
{
	(void)state;
	static const struct {
		const char *date;
		int64_t seconds;
	} cases[] = {{"2027-06-30", 1814400000},
	             {"2028-02-29", 1835481600},
	             {"2027-12-31", 1830297600},
	             {"9999-12-31", 253402300800}};
	struct study s;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text = contract_edited(minimal, "2027-06-30", cases[i].date);
		contract_parse(&s, text);
		assert_true(study_expires_s(&s) == cases[i].seconds);
		study_free(&s);
		free(text);
	}
	char *text = contract_edited(minimal, "expires: 2027-06-30\n", "");
	assert_int_equal(study_parse(&s, bytes_text(text), "study.yaml", true, NULL), OK);
	assert_true(study_expires_s(&s) == INT64_MAX);
	assert_null(strstr(buf_text(&s.canonical), "expires"));
	study_free(&s);
	free(text);
}

static void invitations(void **state)
{
	(void)state;
	struct study s;
	contract_parse(&s, minimal);
	assert_true(study_invites(&s, "anyone"));
	study_free(&s);
	contract_parse(&s, rich);
	assert_true(study_invites(&s, "st-mary"));
	assert_true(study_invites(&s, "St.Luke"));
	assert_false(study_invites(&s, "st.luke"));
	assert_false(study_invites(&s, "st-mar"));
	study_free(&s);
}

static void files(void **state)
{
	(void)state;
	struct tempdir t;
	struct study s;
	struct diag why = {0};
	tempdir_make(&t);
	tempdir_write(&t, "study.yaml", minimal);
	assert_int_equal(study_load(&s, tempdir_path(&t, "study.yaml"), false, &why), OK);
	assert_string_equal(buf_text(&s.canonical), minimal_canonical);
	study_free(&s);
	assert_int_equal(study_load(&s, tempdir_path(&t, "absent.yaml"), false, &why), ERR_NO_INPUT);
	assert_null(s.tree);
	char *large = mem_alloc(YAML_TEXT_MAX + 2);
	memset(large, '\n', YAML_TEXT_MAX + 1);
	tempdir_write(&t, "large.yaml", large);
	assert_int_equal(study_load(&s, tempdir_path(&t, "large.yaml"), false, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "large.yaml"));
	free(large);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimal_study),
		cmocka_unit_test(rich_study),
		cmocka_unit_test(spelling_does_not_change_the_hash),
		cmocka_unit_test(every_term_changes_the_hash),
		cmocka_unit_test(conditional_defaults),
		cmocka_unit_test(numeric_label),
		cmocka_unit_test(later_keys),
		cmocka_unit_test(first_parameters),
		cmocka_unit_test(later_keys_are_frozen),
		cmocka_unit_test(later_keys_are_read),
		cmocka_unit_test(strategies),
		cmocka_unit_test(early_stopping),
		cmocka_unit_test(full_listing),
		cmocka_unit_test(masking),
		cmocka_unit_test(expiry),
		cmocka_unit_test(invitations),
		cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, read_texts, free_texts);
}
