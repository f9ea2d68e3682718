/*
 * The campaign's record: everything of a study's progress that must survive a crash, as one small JSON object in the
 * coordinator's database. The messages to the sites are part of it, so they are the same after a restart.
 */
#ifndef COHORT_COORDINATOR_CAMPAIGN_RECORD_H
#define COHORT_COORDINATOR_CAMPAIGN_RECORD_H

#include "base/json.h"
#include "protocol/message.h"

enum campaign_phase { PHASE_READY, PHASE_RUNNING, PHASE_FINISHED, PHASE_STOPPED, PHASE_FAILED, PHASE_COUNT };

struct campaign_model {
	struct hash sha256; /* zero: none */
	uint64_t octets;
	uint32_t step; /* training rounds behind it */
};

struct campaign_record {
	enum campaign_phase phase;
	bool paused;
	uint64_t seq; /* last sequence number handed out */
	uint32_t step; /* what the next round asks: round_plan_asks(study, step) */
	bool open; /* the attempt in `round` is open */
	bool retry; /* it failed: the same plan may be tried again */
	struct message round; /* the newest attempt, open or not; round number 0: none yet */
	struct message closed; /* the newest closed attempt; seq 0: none */
	struct message finished; /* seq 0: not over */
	struct campaign_model model; /* newest */
	struct campaign_model best; /* by validation figures; the newest when the study has none */
	double best_value; /* of the study's `select`, larger is better; NAN: not judged */
	char failure[DIAG_MAX]; /* PHASE_FAILED: why */

	/* under privacy; without, and in records of before, they are absent and 0 */
	double clip; /* of the next round that trains, where it follows the updates; 0: the contract's */
	uint32_t lost; /* training rounds given up after a site may have made its contribution */
	bool released; /* in an attempt of the newest round a site may have made its contribution */
};

void campaign_record_free(struct campaign_record *r); /* accepts a zeroed one */
struct json *campaign_record_save(const struct campaign_record *r);
/* ERR_DATA when it is not what campaign_record_save writes. */
enum err campaign_record_load(struct campaign_record *out, const struct json *node, struct diag *why) MUST_USE;

/* ERR_DATA when it is not of this study or contradicts itself: a campaign that went on from it would fail a CHECK, or
 * tell sites what they must refuse. */
enum err campaign_record_check(const struct campaign_record *r, const struct study *s, struct diag *why) MUST_USE;

#endif
