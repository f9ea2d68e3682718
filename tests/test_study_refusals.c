/* protocol/study: what a person's file is refused for, each line literally with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/contracts.h"

static char *minimal;

static int read_texts(void **state)
{
	(void)state;
	minimal = contract_text("minimal.yaml");
	return 0;
}

static int free_texts(void **state)
{
	(void)state;
	free(minimal);
	return 0;
}

static void refuses_head(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
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
	CONTRACT_REFUSALS(cases);
}

static void refuses_features(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
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
	CONTRACT_REFUSALS(cases);
}

static void refuses_data(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"  label: {name: disease, type: binary}\n", "", "6:3: data: \"label\" is missing"},
		{"disease, type: binary", "disease, type: numeric",
	         "9:10: data.label.min: is missing; a numeric label needs min and max"},
		{"disease, type: binary", "disease, type: numeric, min: 0",
	         "9:10: data.label.max: is missing; a numeric label needs min and max"},
		{"disease, type: binary", "disease, type: numeric, min: 9, max: 0",
	         "9:54: data.label.max: max 0 is not above min 9"},
		{"disease, type: binary", "disease, type: numeric, min: 0, max: 9, positive: 1",
	         "9:67: data.label.positive: belongs to type: binary; leave it out"},
		{"disease, type: binary", "disease, type: binary, min: 0",
	         "9:45: data.label.min: belongs to type: numeric; leave it out"},
		{"disease, type: binary", "disease, type: binary, unit: kg",
	         "9:46: data.label.unit: belongs to type: numeric; leave it out"},
		{"disease, type: binary}", "disease, type: numeric, min: 0, max: 9, unit: \"\"}",
	         "9:63: data.label.unit: must not be empty"},
		{"disease, type: binary", "disease, type: survival, time: t, event: e",
	         "9:32: data.label.type: \"survival\" is not built yet in this version; write type: binary, "
	         "categorical or numeric"},
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
		{"data:\n", "data:\n  split: {column: part, train: a, test: b, validation_fraction: 0.2}\n",
	         "6:65: data.split.validation_fraction: belongs to a split without column; leave it out, or write "
	         "data.split: {test_fraction: 0.3, validation_fraction: 0.2} instead of the column"},
		{"data:\n", "data:\n  split: {column: part, train: a, test: b, test_fraction: 0.25}\n",
	         "6:59: data.split.test_fraction: belongs to a split without column; leave it out, or write "
	         "data.split: {test_fraction: 0.25} instead of the column"},
		{"data:\n", "data:\n  split: {train: a}\n",
	         "6:18: data.split.train: belongs to a split with column; leave it out"},
	};
	CONTRACT_REFUSALS(cases);
}

static void refuses_model_and_training(void **state)
{
	(void)state;
#define LOCAL(keys) "rounds: 30\n  local: {" keys "}"
	static const struct contract_refusal cases[] = {
		{"[dense 1]", "[]", "11:11: model.layers: must not be empty"},
		{"[dense 1]", "[dense 2]",
	         "11:11: model.layers: the last layer is \"dense 2\"; this label needs \"dense 1\""},
		{"[dense 1]", "[dense 1, sigmoid]",
	         "11:11: model.layers: the last layer is \"sigmoid\"; layers end with the logits (\"dense 1\"), what "
	         "follows "
	         "them is the label's"},
		{"[dense 1]", "[conv 3, dense 1]",
	         "11:12: model.layers[0]: layer \"conv 3\" is not built yet; use dense WIDTH, relu, sigmoid, tanh or "
	         "dropout SHARE"},
		{"[dense 1]", "[dropout 1.5, dense 1]",
	         "11:12: model.layers[0]: layer \"dropout 1.5\": the share must be a number from 0.0001 to 0.9999, "
	         "such "
	         "as \"dropout 0.2\""},
		{"[dense 1]", "[dropout 0.20, dense 1]",
	         "11:12: model.layers[0]: layer \"dropout 0.20\": write \"dropout 0.2\""},
		{"[dense 1]", "[dense 1, dropout 0.5]",
	         "11:11: model.layers: the last layer is \"dropout 0.5\"; layers end with the logits (\"dense 1\"), "
	         "what "
	         "follows them is the label's"},
		{"[dense 1]", "[dense 3, rleu, dense 1]",
	         "11:21: model.layers[1]: unknown layer \"rleu\"; did you mean \"relu\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: xavier 2\n",
	         "12:9: model.init: \"xavier 2\" is unknown; did you mean \"xavier\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussian\n",
	         "12:9: model.init: a gaussian needs a deviation from 1e-06 to 10, such as gaussian 0.01"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussian 0\n",
	         "12:9: model.init: a gaussian needs a deviation from 1e-06 to 10, such as gaussian 0.01"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussian 0.01x\n",
	         "12:9: model.init: a gaussian needs a deviation from 1e-06 to 10, such as gaussian 0.01"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussian 11\n",
	         "12:9: model.init: a gaussian needs a deviation from 1e-06 to 10, such as gaussian 0.01"},
		{"[dense 1]\n", "[dense 1]\n  init: gaussion 0.1\n",
	         "12:9: model.init: \"gaussion 0.1\" is unknown; did you mean \"gaussian\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: zeros\n",
	         "12:9: model.init: \"zeros\" is unknown; did you mean \"zero\"?"},
		{"[dense 1]\n", "[dense 1]\n  init: random\n",
	         "12:9: model.init: \"random\" is unknown; write he, xavier, gaussian 0.01, zero or {file: ..., "
	         "sha256: ...}"},
		{"[dense 1]\n", "[dense 1]\n  init: {file: a}\n", "12:9: model.init: \"sha256\" is missing"},
		{"[dense 1]\n",
	         "[dense 1]\n  init: {file: a, sha256: "
	         "'0000000000000000000000000000000000000000000000000000000000000000'}\n",
	         "12:27: model.init.sha256: must be the 64 characters 0-9 and a-f that sha256sum prints"},
		{"[dense 1]\n",
	         "[dense 1]\n  init: {file: a, sha256: "
	         "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff}\n",
	         "12:27: model.init.sha256: must be the 64 characters 0-9 and a-f that sha256sum prints"},
		{"  rounds: 30", "  round: 30", "13:3: unknown key \"round\" in training; did you mean \"rounds\"?"},
		{"rounds: 30", "rounds: 0", "13:11: training.rounds: 0 is below 1"},
		{"rounds: 30", "rounds: 100001", "13:11: training.rounds: 100001 is above 100000"},
		{"rounds: 30", "rounds: 3e1", "13:11: training.rounds: \"3e1\" is not an integer"},
		{"rounds: 30", "rounds: 30\n  strategy: fedavgg",
	         "14:13: training.strategy: \"fedavgg\" is not one of fedavg, fedavgm, fedprox, fedadagrad, fedadam, "
	         "fedyogi, median, trimmed_mean, krum; did you mean \"fedavg\"?"},
		{"rounds: 30", LOCAL("epochs: 1, steps: 2"),
	         "14:29: training.local.steps: stands beside epochs; write one of them"},
		{"rounds: 30", LOCAL("momentum: 0.9"),
	         "14:21: training.local.momentum: belongs to optimizer: momentum or nesterov; leave it out"},
		{"rounds: 30", LOCAL("beta1: 0.9"),
	         "14:18: training.local.beta1: belongs to optimizer: adam or adamw; leave it out"},
		{"rounds: 30", LOCAL("optimizer: adam, momentum: 0.9"),
	         "14:38: training.local.momentum: belongs to optimizer: momentum or nesterov; leave it out"},
		{"rounds: 30", LOCAL("optimizer: adam, beta1: 1"),
	         "14:35: training.local.beta1: 1 is above 0.999999999"},
		{"rounds: 30", LOCAL("learning_rate: 0"), "14:26: training.local.learning_rate: 0 is below 1e-09"},
		{"rounds: 30", LOCAL("learning_rate: -0.1"),
	         "14:26: training.local.learning_rate: -0.1 is below 1e-09"},
		{"rounds: 30", LOCAL("optimizer: adamw, momentum: 0.9"),
	         "14:39: training.local.momentum: belongs to optimizer: momentum or nesterov; leave it out"},
		{"rounds: 30", LOCAL("optimizer: nesterov, beta1: 0.9"),
	         "14:39: training.local.beta1: belongs to optimizer: adam or adamw; leave it out"},
		{"rounds: 30", LOCAL("optimizer: adamx"),
	         "14:22: training.local.optimizer: \"adamx\" is not one of sgd, momentum, nesterov, adam, adamw; did "
	         "you mean \"adam\"?"},
		{"rounds: 30", LOCAL("l1: -0.1"), "14:15: training.local.l1: -0.1 is below 0"},
		{"rounds: 30", LOCAL("l1: 1.5"), "14:15: training.local.l1: 1.5 is above 1"},
		{"rounds: 30", LOCAL("proximal: -1"), "14:21: training.local.proximal: -1 is below 0"},
		{"rounds: 30", LOCAL("proximal: 0.1"),
	         "14:21: training.local.proximal: belongs to strategy: fedprox; leave it out"},
		{"rounds: 30", LOCAL("proximal: 0") "\n  strategy: fedprox",
	         "14:21: training.local.proximal: fedprox without it is fedavg; write a number above 0, or strategy: "
	         "fedavg"},
		{"rounds: 30", LOCAL("proximal: 0.1") "\n  strategy: fedadam",
	         "14:21: training.local.proximal: belongs to strategy: fedprox; leave it out"},
		{"rounds: 30", LOCAL("proximal: 1001"), "14:21: training.local.proximal: 1001 is above 1000"},
		{"rounds: 30", LOCAL("label_smoothing: 1"),
	         "14:28: training.local.label_smoothing: 1 is above 0.999999999"},
		{"rounds: 30", LOCAL("label_smoothing: -0.1"),
	         "14:28: training.local.label_smoothing: -0.1 is below 0"},
		{"rounds: 30", LOCAL("schedule: cosine"),
	         "14:21: training.local.schedule: \"cosine\" is not a map (key: value)"},
		{"rounds: 30", LOCAL("schedule: {warmup: 3}"), "14:21: training.local.schedule: \"kind\" is missing"},
		{"rounds: 30", LOCAL("schedule: {kind: linear}"),
	         "14:28: training.local.schedule.kind: \"linear\" is not one of constant, step, cosine"},
		{"rounds: 30", LOCAL("schedule: {kind: step}"), "14:21: training.local.schedule.every: is missing"},
		{"rounds: 30", LOCAL("schedule: {kind: step, every: 0}"),
	         "14:41: training.local.schedule.every: 0 is below 1"},
		{"rounds: 30", LOCAL("schedule: {kind: step, every: 5, factor: 0}"),
	         "14:52: training.local.schedule.factor: 0 is below 1e-06"},
		{"rounds: 30", LOCAL("schedule: {kind: step, every: 5, factor: 1.1}"),
	         "14:52: training.local.schedule.factor: 1.1 is above 1"},
		{"rounds: 30", LOCAL("schedule: {kind: step, every: 5, floor: 0.1}"),
	         "14:51: training.local.schedule.floor: belongs to kind: cosine; leave it out"},
		{"rounds: 30", LOCAL("schedule: {kind: cosine, every: 5}"),
	         "14:43: training.local.schedule.every: belongs to kind: step; leave it out"},
		{"rounds: 30", LOCAL("schedule: {kind: constant, factor: 0.5}"),
	         "14:46: training.local.schedule.factor: belongs to kind: step; leave it out"},
		{"rounds: 30", LOCAL("schedule: {kind: constant, floor: 0}"),
	         "14:45: training.local.schedule.floor: belongs to kind: cosine; leave it out"},
		{"rounds: 30", LOCAL("schedule: {kind: constant, warmup: 30}"),
	         "14:46: training.local.schedule.warmup: 30 rounds are all of training.rounds; leave some for the full "
	         "rate"},
		{"rounds: 30", "rounds: 30\n  server: {momentum: 0.9}",
	         "14:22: training.server.momentum: belongs to strategy: fedavgm; leave it out"},
		{"rounds: 30", "rounds: 30\n  server: {tau: 0.1}",
	         "14:17: training.server.tau: belongs to strategy: fedadagrad, fedadam or fedyogi; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: fedadagrad\n  server: {beta2: 0.9}",
	         "15:19: training.server.beta2: belongs to strategy: fedadam or fedyogi; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: fedavgm\n  server: {beta1: 0.9}",
	         "15:19: training.server.beta1: belongs to strategy: fedadagrad, fedadam or fedyogi; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: fedadam\n  server: {momentum: 0.9}",
	         "15:22: training.server.momentum: belongs to strategy: fedavgm; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: fedyogi\n  server: {tau: 0}",
	         "15:17: training.server.tau: 0 is below 1e-30"},
		{"rounds: 30", "rounds: 30\n  strategy: fedyogi\n  server: {beta2: 1}",
	         "15:19: training.server.beta2: 1 is above 0.999999999"},
		{"rounds: 30", "rounds: 30\n  server: {trim: 0.1}",
	         "14:18: training.server.trim: belongs to strategy: trimmed_mean; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: median\n  server: {byzantine: 1}",
	         "15:23: training.server.byzantine: belongs to strategy: krum; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: trimmed_mean\n  server: {keep: 1}",
	         "15:18: training.server.keep: belongs to strategy: krum; leave it out"},
		{"rounds: 30", "rounds: 30\n  strategy: trimmed_mean\n  server: {trim: 0.5}",
	         "15:18: training.server.trim: 0.5 is above 0.499"},
		{"rounds: 30", "rounds: 30\n  strategy: trimmed_mean\n  server: {trim: 0}",
	         "15:18: training.server.trim: 0 is below 0.001"},
		{"rounds: 30", "rounds: 30\n  strategy: krum\n  server: {byzantine: 1.5}",
	         "15:23: training.server.byzantine: \"1.5\" is not an integer"},
		{"rounds: 30", "rounds: 30\n  strategy: krum\n  server: {keep: 0}",
	         "15:18: training.server.keep: 0 is below 1"},
		{"rounds: 30", "rounds: 30\n  weights: {by: equal, cap: 10}",
	         "14:29: training.weights.cap: belongs to by: patients; leave it out"},
		{"rounds: 30", "rounds: 30\n  weights: {cap: 10000001}",
	         "14:18: training.weights.cap: 10000001 is above 10000000"},
		{"rounds: 30\nmasking: off", "rounds: 30\n  weights: {cap: 10000000}\nsites: {min: 1000}\nmasking: off",
	         "14:12: training.weights: the sum of 1000 sites with weight up to 10000000 each does not fit 31 bits: "
	         "lower the "
	         "cap"},
	};
	CONTRACT_REFUSALS(cases);
}

static void refuses_federation(void **state)
{
	(void)state;
#define BEFORE(text) "masking: off", text "\nmasking: off"
	static const struct contract_refusal cases[] = {
		{"rounds: 30\nmasking: off", "rounds: 30\n  strategy: median\nmasking: required",
	         "15:10: masking: strategy median looks at single updates, which masking: required hides; write "
	         "masking: "
	         "groups of G, or masking: off"},
		{"rounds: 30\nmasking: off\n", "rounds: 30\n  strategy: trimmed_mean\n",
	         "1:1: masking: strategy trimmed_mean looks at single updates, which masking: required hides; write "
	         "masking: groups of G, or masking: off"},
		{"rounds: 30\nmasking: off\n", "rounds: 30\n  strategy: krum\nsites: {min: 5}\n",
	         "1:1: masking: strategy krum looks at single updates, which masking: required hides; write masking: "
	         "groups of G, or masking: off"},
		{"rounds: 30\n", "rounds: 30\n  strategy: krum\nsites: {min: 4}\n",
	         "15:8: sites: strategy krum needs 5 updates and a round of 4 sites may end with 4: raise sites.min, "
	         "invite more hospitals, or lower training.server.byzantine or keep"},
		{"rounds: 30\n", "rounds: 30\n  strategy: krum\n  server: {byzantine: 2, keep: 4}\nsites: {min: 7}\n",
	         "16:8: sites: strategy krum needs 8 updates and a round of 7 sites may end with 7: raise sites.min, "
	         "invite more hospitals, or lower training.server.byzantine or keep"},
		{"rounds: 30\n", "rounds: 30\n  strategy: trimmed_mean\n  server: {trim: 0.3}\n",
	         "1:1: sites: strategy trimmed_mean needs 4 updates and a round of 3 sites may end with 3: raise "
	         "sites.min, "
	         "invite more hospitals, or raise training.server.trim"},
		{"rounds: 30\n", "rounds: 30\n  strategy: krum\nsites: {members: [a, b, c, d, e], max_dropouts: 1}\n",
	         "15:18: sites.members: strategy krum needs 5 updates and a round of 5 sites may end with 4: raise "
	         "sites.min, invite more hospitals, or lower training.server.byzantine or keep"},
		{"masking: off", "sites: {max_dropouts: 60%}\nmasking: required",
	         "14:8: sites: 4096 sites with max_dropouts 2457 leave 1639, and masks against 1 "
	         "colluders need 2049: lower sites.max_dropouts or sites.max_colluders"},
		{"masking: off", "sites: {members: [a, b, c]}\nmasking: required",
	         "14:18: sites.members: 3 sites with max_dropouts 1 leave 2, and masks against 1 colluders need 3: "
	         "lower sites.max_dropouts or sites.max_colluders"},
		{"masking: off", "sites: {members: [a, b, c, d, e], max_dropouts: 0}\nmasking: groups of 6",
	         "14:18: sites.members: 5 sites are invited and a group has at least 6: more hospitals must "
	         "approve"},
		{"masking: off", "masking: groups of 1",
	         "14:10: masking: \"groups of 1\" is unknown; did you mean \"groups of 8\"?"},
		{"masking: off", "masking: none",
	         "14:10: masking: \"none\" is unknown; write required, off or groups of 8"},
		{"privacy: {mechanism: none}\n", "", "1:1: \"privacy\" is missing"},
		{"{mechanism: none}", "{}", "15:10: privacy: \"mechanism\" is missing"},
		{"{mechanism: none}", "{mechanism: gauss}",
	         "15:22: privacy.mechanism: \"gauss\" is not one of none, distributed, local, site"},
		{"{mechanism: none}", "{mechanism: none, epsilon: 3}",
	         "15:37: privacy.epsilon: belongs to a mechanism with noise; leave it out"},
		{"{mechanism: none}", "{mechanism: none, noise_multiplier: 3}",
	         "15:46: privacy.noise_multiplier: follows from epsilon and is computed when the study is added; leave "
	         "it out"},
		{BEFORE("evaluation: {release: noised}"), "14:23: evaluation.release: noised figures need a mechanism "
	                                                  "with noise, and privacy.mechanism is none; "
	                                                  "write release: masked or none"},
		{BEFORE("evaluation: {patience: 3}"),
	         "14:24: evaluation.patience: early stopping is judged on validation rows, and there are none; write "
	         "data.split.validation_fraction: 0.1, or patience: 0"},
		{BEFORE("evaluation: {release: none, patience: 3}"),
	         "14:39: evaluation.patience: early stopping needs figures; write release: masked, or patience: 0"},
		{BEFORE("  evaluate_every: 0\nevaluation: {patience: 3}"),
	         "15:24: evaluation.patience: early stopping needs figures on the way; write training.evaluate_every: "
	         "1, or "
	         "patience: 0"},
		{"  label: {name: disease, type: binary}\n",
	         "  split: {column: part, train: a, test: b}\n  label: {name: disease, type: binary}\n"
	         "evaluation: {patience: 3}\n",
	         "11:24: evaluation.patience: early stopping is judged on validation rows, and there are none; write "
	         "data.split.validation, or patience: 0"},
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
		{BEFORE("sites: {members: [a, b]}"),
	         "14:18: sites.members: 2 sites are invited and sites.min is 3: more hospitals must approve"},
		{BEFORE("sites: {members: [a, b, c, B]}"), "14:18: sites.members: \"B\" is named twice"},
		{BEFORE("sites: {members: [a, b, ../c]}"),
	         "14:18: sites.members: \"../c\" is no site name; use letters, digits, '.', '_' and '-'"},
	};
	CONTRACT_REFUSALS(cases);
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
	char *text = contract_edited(minimal, "{name: sex, type: binary}", buf_text(&levels));
	contract_refused(
		text, "study.yaml:7:5: data.features: make 100002 inputs, levels counted; at most 65536 are possible");
	free(text);
	buf_free(&levels);
	/* a few lines that stand for gigabytes */
	buf_init(&levels, 300000);
	buf_put_text(&levels, "{name: \"f{1..4000}\", levels: [0");
	for (int i = 1; i < 1000; i++)
		buf_printf(&levels, ",%0200d", i);
	buf_put_text(&levels, "]}");
	text = contract_edited(minimal, "{name: sex, type: binary}", buf_text(&levels));
	contract_refused(text, "study.yaml:8:7: data.features[1]: makes the contract larger than 1048576 bytes");
	free(text);
	buf_free(&levels);
}

static void the_largest_list_is_read(void **state)
{
	(void)state;
	struct study s;
	char *text = contract_edited(minimal, "{name: sex, type: binary}", "{name: \"f{1..4095}\", min: 0, max: 1}");
	contract_parse(&s, text);
	assert_int_equal(s.schema.feature_count, 4096);
	study_free(&s);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_head),
		cmocka_unit_test(refuses_features),
		cmocka_unit_test(refuses_data),
		cmocka_unit_test(refuses_model_and_training),
		cmocka_unit_test(refuses_federation),
		cmocka_unit_test(wide_inputs_are_refused),
		cmocka_unit_test(the_largest_list_is_read),
	};
	return cmocka_run_group_tests(tests, read_texts, free_texts);
}
