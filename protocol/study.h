/*
 * The study: the contract that a coordinator proposes and every hospital approves.
 *
 *   study.yaml --study_load--> canonical JSON --hash--> what is approved, sent, stored; never serialised again
 *                                    |
 *                                    +--study_from_canonical--> struct study (both sides, the simulator, any later version)
 *
 * The canonical bytes write out every default, keys in the order of the rule table (study_rules.c), numbers as %.17g; a key
 * that was not given and has no default is absent, never null. So neither a later version's defaults nor its new optional
 * keys break an approval. The study's hash is BLAKE2b-256 of these bytes; the SHA-256 names them as content.
 * A change of any term is a new revision and a new approval.
 *
 * Under a mechanism of privacy with noise, privacy_plan_solve fills in the noise multipliers and the batch cap while a file is
 * loaded (study_solve.h), so they are part of what is hashed; whoever reads a contract judges them again (privacy_plan_judge), and
 * one that costs more than it promises is refused.
 */
#ifndef COHORT_PROTOCOL_STUDY_H
#define COHORT_PROTOCOL_STUDY_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "crypto/plan.h"
#include "data/schema.h"
#include "model/spec.h"
#include "privacy/plan.h"

#define STUDY_FORMAT 1 /* `cohort: 1`; its defaults are frozen */
#define NOISED_BINS_MIN 16 /* of a noised score histogram: fewer make no AUC ... */
#define NOISED_BINS_MAX 64 /* ... and more mostly noise */

enum strategy_kind {
	STRATEGY_FEDAVG,
	STRATEGY_FEDAVGM,
	STRATEGY_FEDPROX,
	STRATEGY_FEDADAGRAD,
	STRATEGY_FEDADAM,
	STRATEGY_FEDYOGI,
	STRATEGY_MEDIAN, /* these three are robust: protocol/study_robust.h */
	STRATEGY_TRIMMED_MEAN,
	STRATEGY_KRUM
};
enum weights_rule { WEIGHTS_BY_PATIENTS, WEIGHTS_EQUAL };
enum evaluation_release { EVALUATION_MASKED, EVALUATION_NOISED, EVALUATION_NONE };
enum select_metric { SELECT_AUC, SELECT_ACCURACY, SELECT_LOSS, SELECT_F1, SELECT_R2, SELECT_RMSE };

/* training.server; what the strategy does not have is 0. The formulas are in coordinator/strategy.h and robust.h. */
struct server_training {
	double learning_rate, momentum, beta1, beta2, tau;
	double trim; /* of the updates, at each end */
	uint32_t byzantine; /* updates that may be wrong */
	uint32_t keep; /* updates that Krum takes */
};

struct study {
	struct json *tree; /* owns every string below */
	struct buf canonical; /* the bytes that were hashed */
	struct buf
		warnings; /* what is ignored, or unwise, in a person's file: a line each; empty in a contract received */
	struct hash hash; /* BLAKE2b-256 of canonical: what is approved */
	struct hash sha256; /* SHA-256 of canonical */
	struct hash draws; /* what first parameters, row order and dropout are drawn from: `hash`, but see study_seed */

	const char *name; /* [a-z0-9-]{1,64} */
	uint32_t revision;
	const char *purpose;
	const char *contact, *ethics, *results; /* "" when not given */
	const char *expires; /* YYYY-MM-DD: the last day on which a site answers; "" when not given */

	struct schema schema;
	struct model_spec model;
	enum init_kind init;
	double init_deviation; /* INIT_GAUSSIAN */
	const char *init_file; /* INIT_FILE: a path beside the study, used by the coordinator alone */
	struct hash init_sha256;

	enum strategy_kind strategy;
	uint32_t rounds; /* training rounds */
	struct local_training
		local; /* under mechanism distributed: learning_rate and its schedule, which the server applies */
	struct server_training server;
	enum weights_rule weights; /* WEIGHTS_EQUAL under every mechanism with noise */
	double weight_cap; /* patients; a site above it refuses. 1 when weights are equal */
	double update_range; /* |coordinate of local - global| beyond it saturates */
	uint32_t evaluate_every; /* training rounds; 0: only the last model */

	enum evaluation_release evaluation;
	uint32_t bins; /* score histogram, binary label */
	uint32_t class_bins; /* score histograms of each class, categorical label; 0: none */
	enum select_metric select; /* best model, by validation sums */
	uint32_t
		patience; /* evaluations without a better one, after which the study finishes; 0: all rounds are done */

	struct sites_rule sites;
	const char **members; /* invited names; NULL: everyone on the roster */
	uint32_t member_count;
	struct privacy_plan privacy;
	struct privacy_spent spent; /* what privacy_plan_judge found when the contract was read; zeroed without noise */
};

/* Reads a person's file. `expires` may be missing only when `simulation`. Refused with file, line and column: ERR_DATA for what
 * the grammar or the terms' meaning does not permit, ERR_REFUSED for sites that could make no round, ERR_LIMIT for what is
 * too large, ERR_NO_INPUT. After a failure `out` is zeroed. */
enum err study_load(struct study *out, const char *path, bool simulation, struct diag *why) MUST_USE;

/* The same from text; `file` names it in messages. */
enum err study_parse(struct study *out, struct bytes yaml, const char *file, bool simulation,
                     struct diag *why) MUST_USE;

/* As study_load for simulation, with settings "training.rounds=5" put into the file's text first (base/yaml.h, yaml_set); the
 * last of two for one key counts. ERR_USAGE when one has no '='. Whoever gave the settings names them in the refusal. */
enum err study_load_set(struct study *out, const char *path, const char *const *settings, size_t count,
                        struct diag *why) MUST_USE;

/* From the bytes of a contract as received or stored, which are copied. Strict: what study_parse would not have written is
 * refused ("contract: training.rounds: 0 is below 1"). A contract without `expires` is accepted: whether one is needed, and
 * whether the day has passed, is for the caller to judge. */
enum err study_from_canonical(struct study *out, struct bytes canonical, struct diag *why) MUST_USE;

/* Simulation only: other first parameters, row order and dropout than those of the federation itself. draws =
 * H("COHRTsed", seed u64), which is the same for every study, so that two terms that are compared under one seed begin alike;
 * seed 0 leaves the study's own. */
void study_seed(struct study *s, uint64_t seed);

/* What the figures of a part are made of; mean and deviation, which a model brings, are 0. */
struct metrics_shape study_shape(const struct study *s);

void study_free(struct study *s); /* accepts a zeroed one */

/* The day after `expires`, as seconds since 1970 UTC: from then on no site answers. INT64_MAX when not given. */
int64_t study_expires_s(const struct study *s);

struct json *study_warnings(const struct study *s); /* as a list of texts, owned by the caller */

const char *study_select_name(enum select_metric m); /* "auc" */
const char *study_strategy_name(enum strategy_kind k); /* "fedavg" */

bool study_invites(const struct study *s, const char *site); /* on the list of members, or the list is the roster */

#endif
