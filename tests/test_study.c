/*
 * protocol/study: the contract. Golden bytes and hashes (computed from the same bytes by Python's hashlib: blake2b with
 * digest_size 32, sha256), every refusal literally with its place, and received contracts held to the same terms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "protocol/study.h"
#include "tests/support/tempdir.h"

static const char minimal[] = "cohort: 1\n"
			      "study: heart\n"
			      "purpose: Predict coronary disease from a first visit\n"
			      "expires: 2027-06-30\n"
			      "data:\n"
			      "  features:\n"
			      "    - {name: age, min: 18, max: 110}\n"
			      "    - {name: sex, type: binary}\n"
			      "  label: {name: disease, type: binary}\n"
			      "model:\n"
			      "  layers: [dense 1]\n"
			      "training:\n"
			      "  rounds: 30\n"
			      "masking: off\n"
			      "privacy: {mechanism: none}\n";

static const char minimal_canonical[] =
	"{\"cohort\":1,\"study\":\"heart\",\"revision\":1,\"purpose\":\"Predict coronary disease from a first visit\","
	"\"expires\":\"2027-06-30\",\"data\":{\"source\":\"heart\",\"features\":["
	"{\"name\":\"age\",\"column\":\"age\",\"type\":\"numeric\",\"min\":18,\"max\":110,\"missing\":[]},"
	"{\"name\":\"sex\",\"column\":\"sex\",\"type\":\"binary\",\"positive\":\"1\",\"negative\":\"0\",\"missing\":[]}"
        "],"
	"\"label\":{\"name\":\"disease\",\"column\":\"disease\",\"type\":\"binary\",\"positive\":\"1\",\"negative\":"
        "\"0\"},"
	"\"missing\":[\"\",\"NA\",\"?\"],\"outside\":\"missing\",\"fill\":\"mean_and_flag\","
	"\"split\":{\"test_fraction\":0.29999999999999999,\"validation_fraction\":0,\"seed\":42},\"scale\":\"global\"},"
	"\"model\":{\"layers\":[\"dense 1\"],\"init\":\"he\"},"
	"\"training\":{\"strategy\":\"fedavg\",\"rounds\":30,"
	"\"local\":{\"epochs\":1,\"batch\":32,\"optimizer\":\"sgd\",\"learning_rate\":0.050000000000000003,"
	"\"weight_decay\":0},\"server\":{\"learning_rate\":1},\"weights\":{\"by\":\"patients\",\"cap\":5000},"
	"\"update_range\":8,\"evaluate_every\":1},"
	"\"evaluation\":{\"release\":\"masked\",\"bins\":2048,\"select\":\"auc\",\"patience\":0,\"subgroups\":[]},"
	"\"sites\":{\"min\":3,\"max_dropouts\":1,\"max_colluders\":1,\"cell_min\":11,\"members\":\"roster\"},"
	"\"masking\":\"off\",\"privacy\":{\"unit\":\"patient\",\"mechanism\":\"none\"}}";

/* `text` with its only occurrence of `old` replaced; freed by the caller. */
static char *edited(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);
	if (!at || strstr(at + 1, old))
		fail_msg("\"%s\" must occur once in the study", old);
	char *out = mem_alloc(strlen(text) + strlen(new) + 1);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	return out;
}

static void parse(struct study *s, const char *text)
{
	struct diag why = {0};
	if (study_parse(s, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s\n%s", why.text, text);
}

static void assert_refused(const char *text, const char *expected)
{
	struct study s;
	struct diag why = {0};
	enum err e = study_parse(&s, bytes_text(text), "study.yaml", false, &why);
	if (e == OK || strcmp(why.text, expected) != 0)
		fail_msg("%s\nexpected \"%s\"\ngot      \"%s\"", text, expected, why.text);
	assert_null(s.tree);
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
	parse(&s, minimal);
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
	assert_true(s.local.learning_rate == 0.05 && s.server_learning_rate == 1);
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

static const char rich[] =
	"cohort: 1\n"
	"study: rich-1\n"
	"revision: 12\n"
	"purpose: >\n"
	"  All keys that this version has,\n"
	"  none at its default\n"
	"contact: study@example.org\n"
	"ethics: EK 17/2026\n"
	"results: \"https://example.org/\\u00e4\"\n"
	"expires: '2028-02-29'\n"
	"data:\n"
	"  source: Extract_2\n"
	"  features:\n"
	"    - {name: age, column: ALTER, min: -1.5, max: 1.1e2, unit: a, missing: [\"-9\", 999], scale: none}\n"
	"    - {names: [fbs, \"px{8..10}x\"], type: binary, positive: yes, negative: no}\n"
	"    - {name: cp, levels: [1, 2.5, \"a b\"]}\n"
	"  label: {name: kind, column: Kind, type: categorical, levels: [x, y, z]}\n"
	"  patient_id: pid\n"
	"  missing: [NULL]\n"
	"  outside: clamp\n"
	"  fill: drop\n"
	"  split: {column: part, train: tr, validation: va, test: te}\n"
	"  scale: site\n"
	"model:\n"
	"  layers: [dense 5, sigmoid, dense 4, relu, dense 3]\n"
	"  init: {file: base.safetensors, sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff}\n"
	"training:\n"
	"  strategy: fedavg\n"
	"  rounds: 7\n"
	"  local: {steps: 100, batch: 8, optimizer: adam, learning_rate: 1.0e-3, beta1: 0.8, beta2: 0.99, epsilon: "
        "1e-6, "
	"weight_decay: 0.01}\n"
	"  server: {learning_rate: 0.5}\n"
	"  weights: {by: equal}\n"
	"  update_range: 2\n"
	"  evaluate_every: 0\n"
	"evaluation: {release: none, bins: 64, select: f1, patience: 0, subgroups: []}\n"
	"sites: {min: 2, max_dropouts: \"10%\", max_colluders: 0, cell_min: 0, members: [st-mary, St.Luke]}\n"
	"masking: off\n"
	"privacy: {unit: record, mechanism: none}\n";

static const char rich_canonical[] =
	"{\"cohort\":1,\"study\":\"rich-1\",\"revision\":12,"
	"\"purpose\":\"All keys that this version has, none at its default\",\"contact\":\"study@example.org\","
	"\"ethics\":\"EK 17/2026\",\"results\":\"https://example.org/\xc3\xa4\",\"expires\":\"2028-02-29\","
	"\"data\":{\"source\":\"Extract_2\",\"features\":["
	"{\"name\":\"age\",\"column\":\"ALTER\",\"type\":\"numeric\",\"min\":-1.5,\"max\":110,\"unit\":\"a\","
	"\"missing\":[\"-9\",\"999\"],\"scale\":\"none\"},"
	"{\"name\":\"fbs\",\"column\":\"fbs\",\"type\":\"binary\",\"positive\":\"yes\",\"negative\":\"no\",\"missing\":"
        "[]},"
	"{\"name\":\"px8x\",\"column\":\"px8x\",\"type\":\"binary\",\"positive\":\"yes\",\"negative\":\"no\","
        "\"missing\":[]},"
	"{\"name\":\"px9x\",\"column\":\"px9x\",\"type\":\"binary\",\"positive\":\"yes\",\"negative\":\"no\","
        "\"missing\":[]},"
	"{\"name\":\"px10x\",\"column\":\"px10x\",\"type\":\"binary\",\"positive\":\"yes\",\"negative\":\"no\","
	"\"missing\":[]},"
	"{\"name\":\"cp\",\"column\":\"cp\",\"type\":\"categorical\",\"levels\":[\"1\",\"2.5\",\"a "
        "b\"],\"missing\":[]}],"
	"\"label\":{\"name\":\"kind\",\"column\":\"Kind\",\"type\":\"categorical\",\"levels\":[\"x\",\"y\",\"z\"]},"
	"\"patient_id\":\"pid\",\"missing\":[\"NULL\"],\"outside\":\"clamp\",\"fill\":\"drop\","
	"\"split\":{\"column\":\"part\",\"train\":\"tr\",\"validation\":\"va\",\"test\":\"te\"},\"scale\":\"site\"},"
	"\"model\":{\"layers\":[\"dense 5\",\"sigmoid\",\"dense 4\",\"relu\",\"dense 3\"],"
	"\"init\":{\"file\":\"base.safetensors\","
	"\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}},"
	"\"training\":{\"strategy\":\"fedavg\",\"rounds\":7,\"local\":{\"steps\":100,\"batch\":8,\"optimizer\":"
        "\"adam\","
	"\"learning_rate\":0.001,\"beta1\":0.80000000000000004,\"beta2\":0.98999999999999999,"
	"\"epsilon\":9.9999999999999995e-07,\"weight_decay\":0.01},\"server\":{\"learning_rate\":0.5},"
	"\"weights\":{\"by\":\"equal\"},\"update_range\":2,\"evaluate_every\":0},"
	"\"evaluation\":{\"release\":\"none\",\"bins\":64,\"select\":\"f1\",\"patience\":0,\"subgroups\":[]},"
	"\"sites\":{\"min\":2,\"max_dropouts\":\"10%\",\"max_colluders\":0,\"cell_min\":0,"
	"\"members\":[\"st-mary\",\"St.Luke\"]},"
	"\"masking\":\"off\",\"privacy\":{\"unit\":\"record\",\"mechanism\":\"none\"}}";

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
	parse(&s, rich);
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
	assert_true(s.local.weight_decay == 0.01 && s.server_learning_rate == 0.5);
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
		char *text = edited(minimal, edits[i][0], edits[i][1]);
		parse(&s, text);
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
	parse(&before, minimal);
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		char *text = edited(minimal, edits[i][0], edits[i][1]);
		parse(&after, text);
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
	char *text = edited(minimal, "rounds: 30", "rounds: 30\n  local: {optimizer: momentum}");
	parse(&s, text);
	assert_true(s.local.momentum == 0.9 && s.local.beta1 == 0);
	study_free(&s);
	free(text);
	text = edited(minimal, "rounds: 30", "rounds: 30\n  local: {optimizer: adam, steps: 4}");
	parse(&s, text);
	assert_true(s.local.beta1 == 0.9 && s.local.beta2 == 0.999 && s.local.epsilon == 1e-8 && s.local.epochs == 0);
	study_free(&s);
	free(text);
	text = edited(minimal, "{name: disease, type: binary}", "{name: d, type: categorical, levels: [a, b, c]}");
	char *wider = edited(text, "dense 1", "dense 3");
	parse(&s, wider);
	assert_int_equal(s.select, SELECT_ACCURACY);
	study_free(&s);
	free(wider);
	free(text);
}

/* The listing of the documentation, which shows every key once. */
static const char listing[] =
	"cohort: 1                                  # format version; its defaults are frozen\n"
	"study: heart                               # [a-z0-9-]{1,64}\n"
	"revision: 1\n"
	"purpose: Predict coronary disease from a first visit\n"
	"contact: heart-study@example.org           # optional: contact, ethics (reference), results\n"
	"expires: 2027-06-30                        # after it no site answers a round\n"
	"data:\n"
	"  source: heart                            # a label that each hospital maps to its own file\n"
	"  features:                                # in the order of the model's inputs\n"
	"    - {name: age, min: 18, max: 110, unit: a}                 # numeric is implied by min/max\n"
	"    - {names: [sex, fbs, exang], type: binary}                # several alike\n"
	"    - {name: \"px{0..63}\", min: 0, max: 16}                    # px0 ... px63\n"
	"    - {name: chol, min: 50, max: 700, missing: [\"0\"]}         # this feature's own code for missing\n"
	"    - {name: cp, levels: [\"1\", \"2\", \"3\", \"4\"]}                # one-hot without the first level\n"
	"    - {name: n0i, column: \"ajcc_pathologic_n_N0 (i-)\", type: binary, scale: none}\n"
	"  label: {name: disease, type: binary, positive: \"1\"}         # binary | categorical | numeric | survival\n"
	"  patient_id: patient                      # optional column\n"
	"  missing: [\"\", \"NA\", \"?\"]\n"
	"  outside: missing                         # refuse | missing | clamp\n"
	"  fill: mean_and_flag                      # mean | mean_and_flag | drop | refuse\n"
	"  split: {test_fraction: 0.3, validation_fraction: 0, seed: 42}\n"
	"  scale: global                            # global | site | none\n"
	"model:\n"
	"  layers: [dense 128, relu, dropout 0.2, dense 64, relu, dense 1]      # the loss follows from the label\n"
	"  init: he                                 # he | xavier | gaussian 0.01 | zero | {file, sha256}\n"
	"training:\n"
	"  strategy: fedavg\n"
	"  rounds: 30\n"
	"  local: {epochs: 1, batch: 32, optimizer: adam, learning_rate: 0.001}   # or steps: 100\n"
	"  server: {learning_rate: 1.0}             # and only the strategy's own keys\n"
	"  weights: {by: patients, cap: 5000}       # patients | equal; a site above the cap refuses\n"
	"  update_range: 8.0                        # a coordinate beyond it saturates\n"
	"  evaluate_every: 1                        # 0 = once at the end\n"
	"evaluation: {release: masked, bins: 2048, select: auc, patience: 0, subgroups: []}\n"
	"sites: {min: 3, max_dropouts: 1, max_colluders: 1, cell_min: 11, members: roster}\n"
	"masking: required                          # required | off | groups of G\n"
	"privacy: {unit: patient, mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1.0, sampling_rate: 0.1, "
	"patients: 644,\n"
	"          statistics_share: 0.05, evaluation_epsilon: 3, spare_rounds: 3}\n";

/* Every key is known; what stands in the way is said one after the other, contradictions first. */
static void full_listing(void **state)
{
	(void)state;
	static const char *const steps[][3] = {
		{"epochs: 1, ", "",
	         "study.yaml:29:19: training.local.epochs: under privacy.mechanism distributed a round is one step; "
	         "leave "
	         "epochs out"},
		{"optimizer: adam, ", "",
	         "study.yaml:29:33: training.local.optimizer: under privacy.mechanism distributed sites keep no "
	         "moments; move "
	         "\"adam\" to training.server"},
		{"dropout 0.2, ", "",
	         "study.yaml:24:29: model.layers[2]: layer \"dropout 0.2\" is not built yet; use dense WIDTH, relu or "
	         "sigmoid"},
		{"masking: required", "masking: off",
	         "study.yaml:36:10: masking: \"required\" is not built yet in this version; write masking: off"},
		{"mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1.0, sampling_rate: 0.1, patients: 644,\n"
	         "          statistics_share: 0.05, evaluation_epsilon: 3, spare_rounds: 3}",
	         "mechanism: none}",
	         "study.yaml:37:37: privacy.mechanism: \"distributed\" is not built yet in this version; write "
	         "privacy: "
	         "{mechanism: none}"},
	};
	char *text = mem_copy_text(listing);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		assert_refused(text, steps[i][2]);
		char *next = edited(text, steps[i][0], steps[i][1]);
		free(text);
		text = next;
	}
	struct study s;
	parse(&s, text);
	assert_int_equal(s.schema.feature_count, 71);
	assert_string_equal(s.schema.features[4].name, "px0");
	assert_string_equal(s.schema.features[67].column, "px63");
	assert_string_equal(s.schema.features[70].column, "ajcc_pathologic_n_N0 (i-)");
	assert_true(s.schema.features[70].unscaled);
	assert_int_equal(s.model.inputs, 73 + 71);
	study_free(&s);
	free(text);
}

struct refusal {
	const char *old, *new, *expected;
};

static void assert_refusals(const struct refusal *cases, size_t count)
{
	char expected[DIAG_MAX];
	for (size_t i = 0; i < count; i++) {
		char *text = edited(minimal, cases[i].old, cases[i].new);
		snprintf(expected, sizeof expected, "study.yaml:%s", cases[i].expected);
		assert_refused(text, expected);
		free(text);
	}
}
#define ASSERT_REFUSALS(cases) assert_refusals(cases, sizeof cases / sizeof cases[0])

static void refuses_head(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{"cohort: 1\n", "", "1:1: \"cohort\" is missing"},
		{"cohort: 1\nstudy: heart\n", "cohort: 2\nnew_key: heart\n",
	         "1:9: cohort: the study has format 2 and this version reads format 1; install a version of Cohort "
	         "that is as "
	         "new as the study"},
		{"cohort: 1", "cohort: 0",
	         "1:9: cohort: the study has format 0 and this version reads format 1; write cohort: 1"},
		{"cohort: 1", "cohort: 1x", "1:9: cohort: \"1x\" is not an integer"},
		{"study: heart", "study: Heart",
	         "2:8: study: \"Heart\" is no study name; use a-z, 0-9 and '-', at most 64 of them"},
		{"study: heart", "study: ../heart",
	         "2:8: study: \"../heart\" is no study name; use a-z, 0-9 and '-', at most 64 of them"},
		{"study: heart", "study:", "2:7: study: has no value; write one or leave the key out"},
		{"study: heart", "study: heart\nrevision: 0", "3:11: revision: 0 is below 1"},
		{"purpose:", "porpose:", "3:1: unknown key \"porpose\"; did you mean \"purpose\"?"},
		{"purpose: Predict coronary disease from a first visit\n", "", "1:1: \"purpose\" is missing"},
		{"Predict coronary disease from a first visit", "\"a\\nb\"", "3:10: a text holds a control character"},
		{"expires: 2027-06-30\n", "",
	         "1:1: \"expires\" is missing; write the last day on which sites answer, such as expires: 2027-06-30"},
		{"2027-06-30", "2027-06-31",
	         "4:10: expires: \"2027-06-31\" is not a date that exists, written YYYY-MM-DD"},
		{"2027-06-30", "30.6.2027",
	         "4:10: expires: \"30.6.2027\" is not a date that exists, written YYYY-MM-DD"},
		{"masking: off", "masking: off\nmasking: off", "15:1: \"masking\" was written before, in line 14"},
		{"study: heart", "study: heart\nfoo: 1",
	         "3:1: unknown key \"foo\"; known here: cohort, study, revision, purpose, contact, ethics, results, "
	         "expires, "
	         "data, model, training, evaluation, sites, masking, privacy"},
	};
	ASSERT_REFUSALS(cases);
}

static void refuses_features(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{"  label: {", "  lable: {", "9:3: unknown key \"lable\" in data; did you mean \"label\"?"},
		{"{name: sex, type: binary}", "{name: sex}",
	         "8:7: data.features[1].type: is missing: write min and max (numeric), levels (categorical) or type: "
	         "binary"},
		{"{name: sex, type: binary}", "{type: binary}", "8:7: data.features[1]: has no name"},
		{"{name: sex, type: binary}", "{name: sex, names: [a], type: binary}",
	         "8:7: data.features[1]: has both name and names; write one"},
		{"{name: sex, type: binary}", "{name: sex, type: binari}",
	         "8:25: data.features[1].type: \"binari\" is not one of numeric, binary, categorical; did you mean "
	         "\"binary\"?"},
		{"min: 18, max: 110", "min: 18",
	         "7:7: data.features[0].max: is missing; a numeric feature needs min and max"},
		{"min: 18, max: 110", "max: 110",
	         "7:7: data.features[0].min: is missing; a numeric feature needs min and max"},
		{"min: 18, max: 110", "min: 110, max: 18", "7:34: data.features[0].max: max 18 is not above min 110"},
		{"max: 110", "max: .inf", "7:33: data.features[0].max: \".inf\" is not a number"},
		{"max: 110", "max: .nan", "7:33: data.features[0].max: \".nan\" is not a number"},
		{"max: 110", "max: 110 y", "7:33: data.features[0].max: \"110 y\" is not a number"},
		{"max: 110", "max: '110'",
	         "7:33: data.features[0].max: \"110\" is in quotes and so a text, not a number"},
		{"max: 110", "max: 1e400", "7:33: data.features[0].max: \"1e400\" is not a number"},
		{"max: 110", "maxi: 110", "7:28: unknown key \"maxi\" in data.features[0]; did you mean \"max\"?"},
		{"max: 110", "max: 110, positive: a",
	         "7:48: data.features[0].positive: belongs to type: binary; leave it out"},
		{"max: 110", "max: 110, levels: [a, b]",
	         "7:46: data.features[0].levels: belongs to type: categorical; leave it out"},
		{"type: binary}\n  label", "type: binary, min: 0}\n  label",
	         "8:38: data.features[1].min: belongs to type: numeric; leave it out"},
		{"{name: sex, type: binary}", "{name: sex, levels: [a]}",
	         "8:27: data.features[1].levels: has 1 entries, fewer than 2"},
		{"{name: sex, type: binary}", "{name: sex, type: categorical}",
	         "8:7: data.features[1].levels: is missing; a categorical feature needs its levels"},
		{"{name: sex, type: binary}", "{name: sex, levels: [4, b, 4.0]}",
	         "8:34: data.features[1].levels[2]: level \"4.0\" is the same as level \"4\""},
		{"{name: sex, type: binary}", "{name: age, type: binary}",
	         "8:14: data.features[1].name: the name \"age\" is used twice"},
		/* the second entry makes features 1 to 3, the third one features 4 and 5: the file's index is told */
		{"{name: sex, type: binary}",
	         "{name: \"px{1..3}\", type: binary}\n    - {names: [q, px2], type: binary}",
	         "9:7: data.features[2].name: the name \"px2\" is used twice"},
		{"name: sex", "name: \"p{1..}\"",
	         "8:14: data.features[1].name: \"p{1..}\": a range is written {0..63}, once in a name"},
		{"name: sex", "name: \"p{3..1}\"",
	         "8:14: data.features[1].name: \"p{3..1}\": a range is written {0..63}, once in a name"},
		{"name: sex", "name: \"p{1..2}{1..2}\"",
	         "8:14: data.features[1].name: \"p{1..2}{1..2}\": a range is written {0..63}, once in a name"},
		{"name: sex", "name: \"p}\"",
	         "8:14: data.features[1].name: \"p}\": a range is written {0..63}, once in a name"},
		{"name: sex", "name: \"p{0..18446744073709551615}\"",
	         "8:7: data.features[1]: makes more than 4096 features"},
		{"name: sex", "name: \"p{1..2}\", column: c",
	         "8:33: data.features[1].column: one column cannot serve several features; list them one by one"},
		{"name: sex", "names: [a, b], column: c",
	         "8:31: data.features[1].column: one column cannot serve several features; list them one by one"},
		{"{name: sex, type: binary}", "sex", "8:7: data.features[1]: \"sex\" is not a map (key: value)"},
	};
	ASSERT_REFUSALS(cases);
}

static void refuses_data(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{"  label: {name: disease, type: binary}\n", "", "6:3: data: \"label\" is missing"},
		{"disease, type: binary", "disease, type: numeric",
	         "9:32: data.label.type: \"numeric\" is not built yet in this version; write type: binary or "
	         "categorical"},
		{"disease, type: binary", "disease, type: survival, time: t, event: e",
	         "9:32: data.label.type: \"survival\" is not built yet in this version; write type: binary or "
	         "categorical"},
		{"disease, type: binary", "disease, type: binary, time: t",
	         "9:46: data.label.time: belongs to type: survival; leave it out"},
		{"disease, type: binary", "disease, type: binary, levels: [a, b]",
	         "9:48: data.label.levels: belongs to type: categorical; leave it out"},
		{"disease, type: binary", "disease, type: categorical",
	         "9:10: data.label.levels: is missing; a categorical label needs its levels"},
		{"disease, type: binary", "disease, type: binary, positive: 0",
	         "9:50: data.label.positive: positive \"0\" and negative \"0\" are the same"},
		{"name: disease", "name: sex", "8:14: data.features[1].name: the name \"sex\" is used twice"},
		{"data:\n", "data:\n  source: a b\n",
	         "6:11: data.source: \"a b\" is no label; use letters, digits, '.', '_' and '-'"},
		{"data:\n", "data:\n  outside: clip\n",
	         "6:12: data.outside: \"clip\" is not one of refuse, missing, clamp"},
		{"data:\n", "data:\n  missing: NA\n", "6:12: data.missing: \"NA\" is not a list"},
		{"data:\n", "data:\n  split: {test_fraction: 1}\n",
	         "6:26: data.split.test_fraction: 1 is above 0.999999999"},
		{"data:\n", "data:\n  split: {test_fraction: 0.5, validation_fraction: 0.5}\n",
	         "6:26: data.split.test_fraction: test_fraction 0.5 and validation_fraction 0.5 leave nobody to train "
	         "on"},
		{"data:\n", "data:\n  split: {column: part, train: a}\n",
	         "6:10: data.split.test: is missing; it is the column's value for test rows"},
		{"data:\n", "data:\n  split: {column: part, train: a, test: b, seed: 7}\n",
	         "6:50: data.split.seed: belongs to a split without column; leave it out"},
		{"data:\n", "data:\n  split: {train: a}\n",
	         "6:18: data.split.train: belongs to a split with column; leave it out"},
	};
	ASSERT_REFUSALS(cases);
}

static void refuses_model_and_training(void **state)
{
	(void)state;
#define LOCAL(keys) "rounds: 30\n  local: {" keys "}"
	static const struct refusal cases[] = {
		{"[dense 1]", "[]", "11:11: model.layers: must not be empty"},
		{"[dense 1]", "[dense 2]",
	         "11:11: model.layers: the last layer is \"dense 2\"; this label needs \"dense 1\""},
		{"[dense 1]", "[dense 1, sigmoid]",
	         "11:11: model.layers: the last layer is \"sigmoid\"; layers end with the logits (\"dense 1\"), what "
	         "follows "
	         "them is the label's"},
		{"[dense 1]", "[tanh, dense 1]",
	         "11:12: model.layers[0]: layer \"tanh\" is not built yet; use dense WIDTH, relu or sigmoid"},
		{"[dense 1]", "[dense 3, rleu, dense 1]",
	         "11:21: model.layers[1]: unknown layer \"rleu\"; did you mean \"relu\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: xavier\n",
	         "12:9: model.init: \"xavier\" is not built yet in this version; write he, zero or {file: ..., sha256: "
	         "...}"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussian 0.01\n",
	         "12:9: model.init: \"gaussian 0.01\" is not built yet in this version; write he, zero or {file: ..., "
	         "sha256: "
	         "...}"},
		{"[dense 1]\n", "[dense 1]\n  init: zeros\n",
	         "12:9: model.init: \"zeros\" is unknown; did you mean \"zero\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: random\n",
	         "12:9: model.init: \"random\" is unknown; write he, zero or {file: ..., sha256: ...}"},
		{"[dense 1]\n", "[dense 1]\n  init: {file: a}\n", "12:9: model.init: \"sha256\" is missing"},
		{"[dense 1]\n",
	         "[dense 1]\n  init: {file: a, sha256: "
	         "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff}\n",
	         "12:27: model.init.sha256: must be the 64 characters 0-9 and a-f that sha256sum prints"},
		{"  rounds: 30", "  round: 30", "13:3: unknown key \"round\" in training; did you mean \"rounds\"?"},
		{"rounds: 30", "rounds: 0", "13:11: training.rounds: 0 is below 1"},
		{"rounds: 30", "rounds: 100001", "13:11: training.rounds: 100001 is above 100000"},
		{"rounds: 30", "rounds: 3e1", "13:11: training.rounds: \"3e1\" is not an integer"},
		{"rounds: 30", "rounds: 30\n  strategy: fedadam",
	         "14:13: training.strategy: \"fedadam\" is not built yet in this version; write strategy: fedavg"},
		{"rounds: 30", "rounds: 30\n  strategy: fedavgg",
	         "14:13: training.strategy: \"fedavgg\" is not one of fedavg, fedavgm, fedadagrad, fedadam, fedyogi, "
	         "median, "
	         "trimmed_mean, krum; did you mean \"fedavg\"?"},
		{"rounds: 30", LOCAL("epochs: 1, steps: 2"),
	         "14:29: training.local.steps: stands beside epochs; write one of them"},
		{"rounds: 30", LOCAL("momentum: 0.9"),
	         "14:21: training.local.momentum: belongs to optimizer: momentum; leave it out"},
		{"rounds: 30", LOCAL("beta1: 0.9"),
	         "14:18: training.local.beta1: belongs to optimizer: adam; leave it out"},
		{"rounds: 30", LOCAL("optimizer: adam, momentum: 0.9"),
	         "14:38: training.local.momentum: belongs to optimizer: momentum; leave it out"},
		{"rounds: 30", LOCAL("optimizer: adam, beta1: 1"),
	         "14:35: training.local.beta1: 1 is above 0.999999999"},
		{"rounds: 30", LOCAL("learning_rate: 0"), "14:26: training.local.learning_rate: 0 is below 1e-09"},
		{"rounds: 30", LOCAL("learning_rate: -0.1"),
	         "14:26: training.local.learning_rate: -0.1 is below 1e-09"},
		{"rounds: 30", "rounds: 30\n  server: {momentum: 0.9}",
	         "14:22: training.server.momentum: belongs to a strategy that is not built yet in this version; leave "
	         "it out"},
		{"rounds: 30", "rounds: 30\n  weights: {by: equal, cap: 10}",
	         "14:29: training.weights.cap: belongs to by: patients; leave it out"},
		{"rounds: 30", "rounds: 30\n  weights: {cap: 10000001}",
	         "14:18: training.weights.cap: 10000001 is above 10000000"},
		{"rounds: 30\nmasking: off", "rounds: 30\n  weights: {cap: 10000000}\nsites: {min: 1000}\nmasking: off",
	         "14:12: training.weights: the sum of 1000 sites with weight up to 10000000 each does not fit 31 bits: "
	         "lower the "
	         "cap"},
	};
	ASSERT_REFUSALS(cases);
}

static void refuses_federation(void **state)
{
	(void)state;
#define BEFORE(text) "masking: off", text "\nmasking: off"
	static const struct refusal cases[] = {
		{"masking: off\n", "",
	         "1:1: masking: \"required\" is not built yet in this version; write masking: off"},
		{"masking: off", "masking: required",
	         "14:10: masking: \"required\" is not built yet in this version; write masking: off"},
		{"masking: off", "masking: groups of 8",
	         "14:10: masking: \"groups of 8\" is not built yet in this version; write masking: off"},
		{"masking: off", "masking: groups of 1",
	         "14:10: masking: \"groups of 1\" is unknown; did you mean \"groups of 8\"?"},
		{"masking: off", "masking: none",
	         "14:10: masking: \"none\" is unknown; write required, off or groups of 8"},
		{"privacy: {mechanism: none}\n", "", "1:1: \"privacy\" is missing"},
		{"{mechanism: none}", "{}", "15:10: privacy: \"mechanism\" is missing"},
		{"{mechanism: none}", "{mechanism: local, epsilon: 3}",
	         "15:22: privacy.mechanism: \"local\" is not built yet in this version; write privacy: {mechanism: "
	         "none}"},
		{"{mechanism: none}", "{mechanism: site}",
	         "15:22: privacy.mechanism: \"site\" is not built yet in this version; write privacy: {mechanism: "
	         "none}"},
		{"{mechanism: none}", "{mechanism: none, epsilon: 3}",
	         "15:37: privacy.epsilon: belongs to a mechanism with noise; leave it out"},
		{"{mechanism: none}", "{mechanism: none, noise_multiplier: 3}",
	         "15:46: privacy.noise_multiplier: follows from epsilon and is computed when the study is added; leave "
	         "it out"},
		{BEFORE("evaluation: {release: noised}"), "14:23: evaluation.release: \"noised\" is not built yet in "
	                                                  "this version; write release: masked or none"},
		{BEFORE("evaluation: {patience: 3}"),
	         "14:24: evaluation.patience: early stopping is not built yet in this version; write patience: 0"},
		{BEFORE("evaluation: {subgroups: [sex]}"),
	         "14:25: evaluation.subgroups: are not built yet in this version; write subgroups: []"},
		{BEFORE("evaluation: {bins: 3}"),
	         "14:20: evaluation.bins: 3 is odd; an even number puts probability one half on an edge"},
		{BEFORE("evaluation: {bins: 65538}"), "14:20: evaluation.bins: 65538 is above 65536"},
		{BEFORE("sites: {min: 0}"), "14:14: sites.min: 0 is below 1"},
		{BEFORE("sites: {max_dropouts: 10 %}"),
	         "14:23: sites.max_dropouts: \"10 %\" is neither a number of sites nor a percentage such as \"10%\""},
		{BEFORE("sites: {max_dropouts: 101%}"),
	         "14:23: sites.max_dropouts: \"101%\" is neither a number of sites nor a percentage such as \"10%\""},
		{BEFORE("sites: {max_dropouts: 1.5}"),
	         "14:23: sites.max_dropouts: \"1.5\" is neither a number of sites nor a percentage such as \"10%\""},
		{BEFORE("sites: {members: rooster}"),
	         "14:18: sites.members: \"rooster\" is not one of roster; did you mean \"roster\"?"},
		{BEFORE("sites: {members: [a, b]}"), "14:18: sites.members: names 2 sites, fewer than sites.min 3"},
		{BEFORE("sites: {members: [a, b, c, B]}"), "14:18: sites.members: \"B\" is named twice"},
		{BEFORE("sites: {members: [a, b, ../c]}"),
	         "14:18: sites.members: \"../c\" is no site name; use letters, digits, '.', '_' and '-'"},
	};
	ASSERT_REFUSALS(cases);
}

static void wide_inputs_are_refused(void **state)
{
	(void)state;
	struct buf levels;
	buf_init(&levels, 65536);
	buf_put_text(&levels, "{name: \"f{1..100}\", levels: [0");
	for (int i = 1; i < 1000; i++)
		buf_printf(&levels, ",%d", i);
	buf_put_text(&levels, "]}");
	char *text = edited(minimal, "{name: sex, type: binary}", buf_text(&levels));
	assert_refused(text,
	               "study.yaml:7:5: data.features: make 100002 inputs, levels counted; at most 65536 are possible");
	free(text);
	buf_free(&levels);
	/* a few lines that stand for gigabytes */
	buf_init(&levels, 300000);
	buf_put_text(&levels, "{name: \"f{1..4000}\", levels: [0");
	for (int i = 1; i < 1000; i++)
		buf_printf(&levels, ",%0200d", i);
	buf_put_text(&levels, "]}");
	text = edited(minimal, "{name: sex, type: binary}", buf_text(&levels));
	assert_refused(text, "study.yaml:8:7: data.features[1]: makes the contract larger than 1048576 bytes");
	free(text);
	buf_free(&levels);
}

static void the_largest_list_is_read(void **state)
{
	(void)state;
	struct study s;
	char *text = edited(minimal, "{name: sex, type: binary}", "{name: \"f{1..4095}\", min: 0, max: 1}");
	parse(&s, text);
	assert_int_equal(s.schema.feature_count, 4096);
	study_free(&s);
	free(text);
}

static void received(struct study *s, struct bytes text)
{
	struct diag why = {0};
	if (study_from_canonical(s, text, &why) != OK)
		fail_msg("%s", why.text);
}

static void received_contracts_are_the_same(void **state)
{
	(void)state;
	struct study written, s;
	parse(&written, rich);
	received(&s, buf_bytes(&written.canonical));
	assert_true(hash_equal(&s.hash, &written.hash) && hash_equal(&s.sha256, &written.sha256));
	assert_true(bytes_equal(buf_bytes(&s.canonical), buf_bytes(&written.canonical)));
	study_free(&written); /* nothing is borrowed from it */
	assert_rich_data(&s.schema);
	assert_string_equal(s.members[0], "st-mary");
	study_free(&s);
	parse(&written, minimal);
	received(&s, bytes_text(minimal_canonical));
	assert_true(hash_equal(&s.hash, &written.hash));
	assert_memory_equal(&s.local, &written.local, sizeof s.local);
	assert_memory_equal(&s.sites, &written.sites, sizeof s.sites);
	study_free(&s);
	study_free(&written);
}

static void refuses_received(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{"{\"cohort\":1,", "{\"cohort\":2,",
	         "cohort: the study has format 2 and this version reads format 1; install a version of Cohort that is "
	         "as new as "
	         "the study"},
		{"{\"cohort\":1,", "{", "cohort: is missing or not in its place"},
		{"\"revision\":1,", "", "revision: is missing or not in its place"},
		{"\"revision\":1,", "\"revision\":1,\"extra\":0,", "purpose: is missing or not in its place"},
		{"\"revision\":1,", "\"revision\":1.5,", "revision: is of a wrong type"},
		{"\"revision\":1,", "\"revision\":null,", "revision: is of a wrong type"},
		{"\"mechanism\":\"none\"}", "\"mechanism\":\"none\",\"more\":1}",
	         "privacy.more: is unknown or not in its place"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"column\":\"age\",\"name\":\"age\"",
	         "data.features[0].missing: is missing or not in its place"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"name\":\"age\",\"names\":[\"a\"],\"column\":\"age\"",
	         "data.features[0].names: is a shorthand and must be replaced"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"name\":\"age\"", "data.features[0].column: is missing"},
		{"\"name\":\"age\",", "", "data.features[0].name: is missing"},
		{"\"type\":\"numeric\",", "", "data.features[0].type: is missing"},
		{"\"min\":18,", "", "data.features[0].min: is missing; a numeric feature needs min and max"},
		{"\"min\":18,", "\"min\":200,", "data.features[0].max: max 110 is not above min 200"},
		{"\"source\":\"heart\",", "", "data.source: is missing"},
		{"\"epochs\":1,", "", "training.local.epochs: is missing"},
		{"\"epochs\":1,", "\"epochs\":1,\"steps\":1,",
	         "training.local.steps: stands beside epochs; write one of them"},
		{",\"cap\":5000", "", "training.weights.cap: is missing"},
		{"\"bins\":2048,", "", "evaluation.bins: is missing"},
		{"\"test_fraction\":0.29999999999999999,", "", "data.split.test_fraction: is missing"},
		{"\"masking\":\"off\"", "\"masking\":\"required\"",
	         "masking: \"required\" is not built yet in this version; write masking: off"},
		{"\"mechanism\":\"none\"", "\"mechanism\":\"distributed\"",
	         "training.local.epochs: under privacy.mechanism distributed a round is one step; leave epochs out"},
		{"\"seed\":42", "\"seed\":42.0", "data.split.seed: is of a wrong type"},
		{"\"min\":18,", "\"min\":18.0,", "not in canonical form, although every term is understood"},
		{"0.29999999999999999", "0.3", "not in canonical form, although every term is understood"},
		{"\"revision\":1,", "\"revision\": 1,", "not in canonical form, although every term is understood"},
		{"a first visit", "a\\u0020first visit", "not in canonical form, although every term is understood"},
		{"a first visit", "a\\nfirst visit", "purpose: holds a control character"},
	};
	char expected[DIAG_MAX];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct study s;
		struct diag why = {0};
		char *text = edited(minimal_canonical, cases[i].old, cases[i].new);
		snprintf(expected, sizeof expected, "contract: %s", cases[i].expected);
		enum err e = study_from_canonical(&s, bytes_text(text), &why);
		if (e == OK || strcmp(why.text, expected) != 0)
			fail_msg("%s -> %s\nexpected \"%s\"\ngot      \"%s\"", cases[i].old, cases[i].new, expected,
			         why.text);
		assert_null(s.tree);
		free(text);
	}
}

static void truncated_and_flipped_files(void **state)
{
	(void)state;
	size_t len = strlen(minimal);
	for (size_t n = 0; n < len; n++) {
		struct study s;
		struct diag why = {0};
		uint8_t *cut = mem_alloc(n + 1);
		cut = mem_resize(cut, n ? n : 1, 1); /* exactly n bytes: reading one more is a heap error */
		memcpy(cut, minimal, n);
		enum err e = study_parse(&s, bytes_of(cut, n), "study.yaml", false, &why);
		assert_true(e != OK || n == len - 1); /* without the last line break it is whole */
		assert_true(e == OK || strncmp(why.text, "study.yaml:", 11) == 0);
		study_free(&s);
		free(cut);
		for (int bit = 0; bit < 8; bit++) {
			char flipped[sizeof minimal];
			memcpy(flipped, minimal, sizeof minimal);
			flipped[n] = (char)(flipped[n] ^ (1 << bit));
			e = study_parse(&s, bytes_of(flipped, len), "study.yaml", false, &why);
			assert_true((e == OK) == (s.tree != NULL));
			study_free(&s);
		}
	}
}

static void truncated_and_flipped_contracts(void **state)
{
	(void)state;
	size_t len = strlen(minimal_canonical);
	struct study s, original;
	received(&original, bytes_text(minimal_canonical));
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = mem_alloc(n + 1);
		cut = mem_resize(cut, n ? n : 1, 1);
		memcpy(cut, minimal_canonical, n);
		assert_int_not_equal(study_from_canonical(&s, bytes_of(cut, n), NULL), OK);
		free(cut);
		for (int bit = 0; bit < 8; bit++) {
			char flipped[sizeof minimal_canonical];
			memcpy(flipped, minimal_canonical, sizeof minimal_canonical);
			flipped[n] = (char)(flipped[n] ^ (1 << bit));
			if (study_from_canonical(&s, bytes_of(flipped, len), NULL) == OK)
				assert_false(hash_equal(&s.hash, &original.hash));
			study_free(&s);
		}
	}
	study_free(&original);
	char *large = mem_alloc(CONTRACT_MAX + 1);
	struct diag why = {0};
	assert_int_equal(study_from_canonical(&s, bytes_of(large, CONTRACT_MAX + 1), &why), ERR_LIMIT);
	assert_string_equal(why.text, "contract: 1048577 bytes, more than the 1048576 allowed");
	free(large);
}

/* Seconds from Python: calendar.timegm((2027, 7, 1, 0, 0, 0)). */
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
		char *text = edited(minimal, "2027-06-30", cases[i].date);
		parse(&s, text);
		assert_true(study_expires_s(&s) == cases[i].seconds);
		study_free(&s);
		free(text);
	}
	char *text = edited(minimal, "expires: 2027-06-30\n", "");
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
	parse(&s, minimal);
	assert_true(study_invites(&s, "anyone"));
	study_free(&s);
	parse(&s, rich);
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
		cmocka_unit_test(full_listing),
		cmocka_unit_test(refuses_head),
		cmocka_unit_test(refuses_features),
		cmocka_unit_test(refuses_data),
		cmocka_unit_test(refuses_model_and_training),
		cmocka_unit_test(refuses_federation),
		cmocka_unit_test(wide_inputs_are_refused),
		cmocka_unit_test(the_largest_list_is_read),
		cmocka_unit_test(received_contracts_are_the_same),
		cmocka_unit_test(refuses_received),
		cmocka_unit_test(truncated_and_flipped_files),
		cmocka_unit_test(truncated_and_flipped_contracts),
		cmocka_unit_test(expiry),
		cmocka_unit_test(invitations),
		cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
