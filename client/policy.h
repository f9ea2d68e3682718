/*
 * The hospital's policy: what this hospital agrees to, whatever a study says. The stricter of policy and study wins,
 * and a study that asks for more is refused with one of a closed list of codes. A core.
 *
 * Without a policy file the strict defaults hold: masking required, noise of mechanism distributed or local, noised
 * evaluation only.
 */
#ifndef COHORT_CLIENT_POLICY_H
#define COHORT_CLIENT_POLICY_H

#include "client/known_sites.h"
#include "protocol/message.h"

struct policy {
	bool masking_required;
	bool mechanisms[PRIVACY_MECHANISM_COUNT]; /* permitted */
	bool evaluation_noised, evaluation_masked; /* forms of released figures that are permitted; none always is */
	double epsilon_per_study; /* the largest that a study may promise, of its evaluation too */
	double budget_epsilon, budget_delta; /* all studies together */
	uint32_t min_sites; /* fewest sites invited to a round */
	const struct known_sites *known; /* borrowed; NULL: this hospital keeps no list */
	uint32_t min_known; /* fewest of them in any masked sum, this hospital counted; 0: no list */
	uint32_t min_rows, min_positives; /* training rows, judged once, at approval */
	uint32_t cell_min; /* smaller cells are not shown, here at the hospital either */
	bool ask_on_data_change; /* a changed extract asks a person again */
	uint32_t threads;
};

struct policy policy_strict(void); /* the defaults */

/* From the text of policy.yaml; `file` names it. ERR_CONFIG with file, line and column. A policy with a list of known hospitals is
 * refused: this is for places whose hospitals have no keys (the simulator). */
enum err policy_parse(struct policy *out, struct bytes yaml, const char *file, struct diag *why) MUST_USE;

/* The same of a hospital. `known`: where its list lies, as written, "" without one; whoever reads that file hangs it into
 * `out->known`. */
enum err policy_parse_hospital(struct policy *out, char known[PATH_SIZE], struct bytes yaml, const char *file,
                               struct diag *why) MUST_USE;

/* Whether so many can be known at all: ERR_CONFIG when min_known is above the list's length and, unless it stands there, this
 * hospital `self` itself. Names `file`, the policy's. */
enum err policy_check_known(const struct policy *p, const char *self, const char *file, struct diag *why) MUST_USE;

/* The contract's own limit: under a mechanism with noise no hospital has more training patients (rows, under unit record) than the
 * whole study says it has. Asked once, at approval; REFUSAL_WEIGHT_CAP. */
enum refusal policy_judge_count(const struct study *s, uint32_t training_rows, uint32_t training_patients,
                                struct diag *why) MUST_USE;

/* May this hospital take part in the study at all? REFUSAL_NONE, or the first reason, in words in `why`. `now_s`:
 * seconds since 1970. The study's day of expiry is judged here too. */
enum refusal policy_judge_study(const struct policy *p, const struct study *s, int64_t now_s,
                                struct diag *why) MUST_USE;

/* And in a round of `sites` invited sites? */
enum refusal policy_judge_sites(const struct policy *p, uint32_t sites, struct diag *why) MUST_USE;

/* And with these? known[i]: whether sites[i] is on the hospital's list, by name and key, or `self`; all else is false, as is
 * everything without a list. Returns how many are known. `roster`: where the keys are; a site that it does not have is not known. */
uint32_t policy_known(const struct policy *p, bool *known, const struct roster *roster, const uint32_t *sites,
                      uint32_t count, uint32_t self);

/* REFUSAL_POLICY_SITES when fewer than min_known of those in one masked sum are known. */
enum refusal policy_judge_known(const struct policy *p, uint32_t known_invited, struct diag *why) MUST_USE;

/* The rules that permit a release of this study to `sites` invited sites, in one line: what the ledger keeps beside
 * it. */
void policy_rules(struct buf *out, const struct policy *p, const struct study *s, uint32_t sites);

/* And with these data? Asked once, at approval, so that no refusal later depends on a patient's values. `positives`:
 * training rows of the rarest class, UINT64_MAX of a numeric label. */
enum refusal policy_judge_data(const struct policy *p, uint64_t training_rows, uint64_t rarest,
                               struct diag *why) MUST_USE;

#endif
