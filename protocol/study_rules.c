/*
 * Every key of format 1 once, in the order of the canonical JSON, with type, bounds and default. The defaults are frozen: a
 * contract writes them out, and a file that says `cohort: 1` means the same in every version.
 *
 * Keys whose feature this version does not have are here too: the grammar is whole, and study_read refuses them by name.
 * Without a default here although they always stand in the contract, because they follow from other keys (study_complete):
 * data.source; a feature's column and type; positive and negative; the fractions and seed of a split; epochs or steps;
 * an optimizer's own numbers; a strategy's; weights.cap; evaluation.release, bins and select; all of a mechanism with
 * noise. Its last four keys are solved for when the study is loaded (study_solve.h).
 */
#include "protocol/study_rules.h"

#include "protocol/study.h"

#define REVISION_MAX 1000000 /* one a minute for two years */
#define FEATURE_NAME_MAX 128 /* bytes; it goes into messages and tensor metadata */
#define COLUMN_MAX 1024 /* bytes of a CSV header */
#define CODE_MAX 256 /* bytes of a level or code: longer cells are free text, not categories */
#define UNIT_MAX 64 /* bytes */
#define PATH_MAX_BYTES (PATH_SIZE - 1)
#define LAYER_TEXT_MAX 32 /* bytes: "gaussian 0.01", "dense 65536" */
#define SEED_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */
#define EPOCHS_MAX 1000 /* per round: beyond it sites drift apart and nobody waits */
#define STEPS_MAX 1000000 /* per round: as EPOCHS_MAX with 1,000 batches */
#define BATCH_MAX 65536 /* rows: bounds the activations in memory */
#define RATE_MIN 1e-9 /* smaller steps vanish in float32 parameters */
#define RATE_MAX 1000.0 /* larger ones are typing errors */
#define BELOW_ONE 0.999999999 /* a decay of 1 would never forget */
#define PROXIMAL_MAX 1000.0 /* FedProx is tried with 0.001 to 1; as RATE_MAX */
#define FACTOR_MIN 1e-6 /* from one rate to the next: a smaller one ends training */
#define TRIM_MIN 0.001 /* one of 1,000 updates: a smaller share cuts none off in any network */
#define TRIM_MAX 0.499 /* half at each end would leave nobody */
#define BYZANTINE_MAX ((SITES_MAX - 3) / 2) /* Krum needs 2 f + 3 sites */
#define RANGE_MIN 1e-6 /* update_range: float32 resolution around 1 is 1e-7 */
#define RANGE_MAX 1e6
#define CELL_MIN_MAX 1000 /* patients: rules for small cells ask 3 to 30 */
#define EPSILON_MAX 1000.0 /* beyond it nothing is promised */
#define PATIENTS_MAX 4294967295.0 /* 32 bits; half of mankind */
#define SHARE_MIN 0.001 /* of a promise, or of updates: less is nothing in any network */
#define SHARE_MAX 0.999
#define CLIP_RATE_MAX 10.0 /* Andrew et al. use 0.2; beyond it the clip jumps by more than exp(10) in a round */
#define MASKING_MAX 32 /* bytes: "groups of 4096" */
#define ABOVE_ZERO 1e-30 /* for numbers that divide */

#define OPTIMIZERS "sgd|momentum|nesterov|adam|adamw"
#define STRATEGIES "fedavg|fedavgm|fedprox|fedadagrad|fedadam|fedyogi|median|trimmed_mean|krum"

const struct yaml_rule study_rules[] = {
	{.path = "cohort", .types = YAML_INTEGER, .required = true, .min = STUDY_FORMAT, .max = STUDY_FORMAT},
	{.path = "study", .types = YAML_TEXT, .required = true, .min = 1, .max = NAME_SIZE - 1},
	{.path = "revision", .types = YAML_INTEGER, .min = 1, .max = REVISION_MAX, .fallback = "1"},
	{.path = "purpose", .types = YAML_TEXT, .required = true, .min = 1, .max = TEXT_LINE_MAX},
	{.path = "contact", .types = YAML_TEXT, .min = 1, .max = TEXT_LINE_MAX},
	{.path = "ethics", .types = YAML_TEXT, .min = 1, .max = TEXT_LINE_MAX},
	{.path = "results", .types = YAML_TEXT, .min = 1, .max = TEXT_LINE_MAX},
	{.path = "expires", .types = YAML_DATE},

	{.path = "data", .types = YAML_MAP, .required = true},
	{.path = "data.source", .types = YAML_TEXT, .min = 1, .max = NAME_SIZE - 1},
	{.path = "data.features", .types = YAML_LIST, .required = true, .min = 1, .max = FEATURES_MAX},
	{.path = "data.features[]", .types = YAML_MAP},
	{.path = "data.features[].name", .types = YAML_TEXT, .min = 1, .max = FEATURE_NAME_MAX},
	{.path = "data.features[].names", .types = YAML_LIST, .min = 1, .max = FEATURES_MAX, .shorthand = true},
	{.path = "data.features[].names[]", .types = YAML_TEXT, .min = 1, .max = FEATURE_NAME_MAX},
	{.path = "data.features[].column", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.features[].type", .types = YAML_TEXT, .choices = "numeric|binary|categorical"},
	{.path = "data.features[].min", .types = YAML_REAL},
	{.path = "data.features[].max", .types = YAML_REAL},
	{.path = "data.features[].unit", .types = YAML_TEXT, .min = 1, .max = UNIT_MAX},
	{.path = "data.features[].levels", .types = YAML_LIST, .min = 2, .max = LEVELS_MAX},
	{.path = "data.features[].levels[]", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.features[].positive", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.features[].negative", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.features[].missing", .types = YAML_LIST, .max = CODES_MAX, .fallback = "[]"},
	{.path = "data.features[].missing[]", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.features[].scale", .types = YAML_TEXT, .choices = "none"},
	{.path = "data.label", .types = YAML_MAP, .required = true},
	{.path = "data.label.name", .types = YAML_TEXT, .required = true, .min = 1, .max = FEATURE_NAME_MAX},
	{.path = "data.label.column", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.label.type",
         .types = YAML_TEXT,
         .required = true,
         .choices = "binary|categorical|numeric",
         .later = "survival"},
	{.path = "data.label.min", .types = YAML_REAL},
	{.path = "data.label.max", .types = YAML_REAL},
	{.path = "data.label.unit", .types = YAML_TEXT, .min = 1, .max = UNIT_MAX},
	{.path = "data.label.positive", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.label.negative", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.label.levels", .types = YAML_LIST, .min = 2, .max = LEVELS_MAX},
	{.path = "data.label.levels[]", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.label.time", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.label.event", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.patient_id", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.missing", .types = YAML_LIST, .max = CODES_MAX, .fallback = "['', NA, '?']"},
	{.path = "data.missing[]", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.outside", .types = YAML_TEXT, .choices = "refuse|missing|clamp", .fallback = "missing"},
	{.path = "data.fill",
         .types = YAML_TEXT,
         .choices = "mean|mean_and_flag|drop|refuse",
         .fallback = "mean_and_flag"},
	{.path = "data.split", .types = YAML_MAP, .fallback = "{}"},
	{.path = "data.split.test_fraction", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "data.split.validation_fraction", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "data.split.seed", .types = YAML_INTEGER, .max = SEED_MAX},
	{.path = "data.split.column", .types = YAML_TEXT, .min = 1, .max = COLUMN_MAX},
	{.path = "data.split.train", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.split.validation", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.split.test", .types = YAML_TEXT, .max = CODE_MAX},
	{.path = "data.scale", .types = YAML_TEXT, .choices = "global|site|none", .fallback = "global"},

	{.path = "model", .types = YAML_MAP, .required = true},
	{.path = "model.layers", .types = YAML_LIST, .required = true, .min = 1, .max = MODEL_LAYERS_MAX},
	{.path = "model.layers[]", .types = YAML_TEXT, .min = 1, .max = LAYER_TEXT_MAX},
	{.path = "model.init", .types = YAML_TEXT | YAML_MAP, .fallback = "he"},
	{.path = "model.init.file", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_MAX_BYTES},
	{.path = "model.init.sha256", .types = YAML_TEXT, .required = true, .min = 64, .max = 64},

	{.path = "training", .types = YAML_MAP, .required = true},
	{.path = "training.strategy", .types = YAML_TEXT, .choices = STRATEGIES, .fallback = "fedavg"},
	{.path = "training.rounds", .types = YAML_INTEGER, .required = true, .min = 1, .max = ROUNDS_MAX},
	{.path = "training.local", .types = YAML_MAP, .fallback = "{}"},
	{.path = "training.local.epochs", .types = YAML_INTEGER, .min = 1, .max = EPOCHS_MAX},
	{.path = "training.local.steps", .types = YAML_INTEGER, .min = 1, .max = STEPS_MAX},
	{.path = "training.local.batch", .types = YAML_INTEGER, .min = 1, .max = BATCH_MAX, .fallback = "32"},
	{.path = "training.local.optimizer", .types = YAML_TEXT, .choices = OPTIMIZERS, .fallback = "sgd"},
	{.path = "training.local.learning_rate",
         .types = YAML_REAL,
         .min = RATE_MIN,
         .max = RATE_MAX,
         .fallback = "0.05"},
	{.path = "training.local.momentum", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.local.beta1", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.local.beta2", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.local.epsilon", .types = YAML_REAL, .min = ABOVE_ZERO, .max = 1},
	{.path = "training.local.weight_decay", .types = YAML_REAL, .max = 1, .fallback = "0"},
	{.path = "training.local.l1", .types = YAML_REAL, .max = 1},
	{.path = "training.local.proximal", .types = YAML_REAL, .max = PROXIMAL_MAX},
	{.path = "training.local.label_smoothing", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.local.schedule", .types = YAML_MAP},
	{.path = "training.local.schedule.kind",
         .types = YAML_TEXT,
         .required = true,
         .choices = "constant|step|cosine"},
	{.path = "training.local.schedule.warmup", .types = YAML_INTEGER, .max = ROUNDS_MAX, .fallback = "0"},
	{.path = "training.local.schedule.every", .types = YAML_INTEGER, .min = 1, .max = ROUNDS_MAX},
	{.path = "training.local.schedule.factor", .types = YAML_REAL, .min = FACTOR_MIN, .max = 1},
	{.path = "training.local.schedule.floor", .types = YAML_REAL, .max = 1},
	{.path = "training.server", .types = YAML_MAP, .fallback = "{}"},
	{.path = "training.server.learning_rate", .types = YAML_REAL, .min = RATE_MIN, .max = RATE_MAX},
	{.path = "training.server.momentum", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.server.beta1", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.server.beta2", .types = YAML_REAL, .max = BELOW_ONE},
	{.path = "training.server.tau", .types = YAML_REAL, .min = ABOVE_ZERO, .max = 1},
	{.path = "training.server.trim", .types = YAML_REAL, .min = TRIM_MIN, .max = TRIM_MAX},
	{.path = "training.server.byzantine", .types = YAML_INTEGER, .max = BYZANTINE_MAX},
	{.path = "training.server.keep", .types = YAML_INTEGER, .min = 1, .max = SITES_MAX},
	{.path = "training.weights", .types = YAML_MAP, .fallback = "{}"},
	{.path = "training.weights.by", .types = YAML_TEXT, .choices = "patients|equal", .fallback = "patients"},
	{.path = "training.weights.cap", .types = YAML_INTEGER, .min = 1, .max = WEIGHT_CAP_MAX},
	{.path = "training.update_range", .types = YAML_REAL, .min = RANGE_MIN, .max = RANGE_MAX, .fallback = "8"},
	{.path = "training.evaluate_every", .types = YAML_INTEGER, .max = ROUNDS_MAX, .fallback = "1"},

	{.path = "evaluation", .types = YAML_MAP, .fallback = "{}"},
	{.path = "evaluation.release", .types = YAML_TEXT, .choices = "masked|none|noised"},
	{.path = "evaluation.bins", .types = YAML_INTEGER, .min = 2, .max = BINS_MAX},
	{.path = "evaluation.class_bins", .types = YAML_INTEGER, .min = 2, .max = CLASS_BINS_MAX},
	{.path = "evaluation.select", .types = YAML_TEXT, .choices = "auc|accuracy|loss|f1|r2|rmse"},
	{.path = "evaluation.patience", .types = YAML_INTEGER, .max = ROUNDS_MAX, .fallback = "0"},
	{.path = "evaluation.subgroups", .types = YAML_LIST, .max = FEATURES_MAX, .fallback = "[]"},
	{.path = "evaluation.subgroups[]", .types = YAML_TEXT, .min = 1, .max = FEATURE_NAME_MAX},

	{.path = "sites", .types = YAML_MAP, .fallback = "{}"},
	{.path = "sites.min", .types = YAML_INTEGER, .min = 1, .max = SITES_MAX, .fallback = "3"},
	{.path = "sites.max_dropouts", .types = YAML_INTEGER | YAML_TEXT, .max = SITES_MAX, .fallback = "1"},
	{.path = "sites.max_colluders", .types = YAML_INTEGER, .max = SITES_MAX, .fallback = "1"},
	{.path = "sites.cell_min", .types = YAML_INTEGER, .max = CELL_MIN_MAX, .fallback = "11"},
	{.path = "sites.members",
         .types = YAML_TEXT | YAML_LIST,
         .min = 1,
         .max = SITES_MAX,
         .choices = "roster",
         .fallback = "roster"},
	{.path = "sites.members[]", .types = YAML_TEXT, .min = 1, .max = NAME_SIZE - 1},

	{.path = "masking", .types = YAML_TEXT, .min = 1, .max = MASKING_MAX, .fallback = "required"},

	{.path = "privacy", .types = YAML_MAP, .required = true},
	{.path = "privacy.unit", .types = YAML_TEXT, .choices = "record|patient|site", .fallback = "patient"},
	{.path = "privacy.mechanism", .types = YAML_TEXT, .required = true, .choices = "none|distributed|local|site"},
	{.path = "privacy.epsilon", .types = YAML_REAL, .max = EPSILON_MAX},
	{.path = "privacy.delta", .types = YAML_REAL, .max = 1},
	{.path = "privacy.clip", .types = YAML_REAL, .max = RANGE_MAX},
	{.path = "privacy.sampling_rate", .types = YAML_REAL, .max = 1},
	{.path = "privacy.patients", .types = YAML_INTEGER, .max = PATIENTS_MAX},
	{.path = "privacy.hospitals_per_patient", .types = YAML_INTEGER, .min = 1, .max = SITES_MAX},
	{.path = "privacy.statistics_share", .types = YAML_REAL, .min = SHARE_MIN, .max = SHARE_MAX},
	{.path = "privacy.evaluation_epsilon", .types = YAML_REAL, .max = EPSILON_MAX},
	{.path = "privacy.spare_rounds", .types = YAML_INTEGER, .max = ROUNDS_MAX},
	{.path = "privacy.clip_quantile", .types = YAML_REAL, .min = SHARE_MIN, .max = SHARE_MAX},
	{.path = "privacy.clip_rate", .types = YAML_REAL, .min = SHARE_MIN, .max = CLIP_RATE_MAX},
	{.path = "privacy.noise_multiplier", .types = YAML_REAL, .min = ABOVE_ZERO, .max = STUDY_NOISE_MAX},
	{.path = "privacy.statistics_multiplier", .types = YAML_REAL, .min = ABOVE_ZERO, .max = STUDY_NOISE_MAX},
	{.path = "privacy.evaluation_multiplier", .types = YAML_REAL, .min = ABOVE_ZERO, .max = STUDY_NOISE_MAX},
	{.path = "privacy.batch_cap", .types = YAML_INTEGER, .min = 1, .max = PATIENTS_MAX},
};

const size_t study_rules_count = sizeof(study_rules) / sizeof(study_rules[0]);
