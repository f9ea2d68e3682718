#include "simulator/disturbance.h"

#include <stddef.h>

static const char *const sides[SIDE_COUNT] = {"coordinator", "site"};

static const char *const faults[FAULT_COUNT] = {
	[FAULT_LOSS] = "loss",
	[FAULT_COPY] = "copy",
	[FAULT_OVERTAKEN] = "overtaken",
	[FAULT_DELAY] = "delay",
	[FAULT_CUT] = "cut",
	[FAULT_DEAF] = "one-way",
	[FAULT_DAMAGE] = "damage",
	[FAULT_SLOW] = "slow",
	[FAULT_CRASH] = "crash",
	[FAULT_FULL] = "disk full",
	[FAULT_SYNC] = "fsync fails",
	[FAULT_FORWARD] = "clock forward",
	[FAULT_BACKWARD] = "clock backward",
	[FAULT_RESTORE] = "restore",
};

static const char *const phases[DURING_COUNT] = {
	[DURING_JOINING] = "joining",
	[DURING_OPENING] = "opening",
	[DURING_COLLECTING] = "collecting",
	[DURING_KEYS] = "keys",
	[DURING_SHARES] = "shares",
	[DURING_INPUT] = "input",
	[DURING_SURVIVORS] = "survivors",
	[DURING_ANSWERS] = "answers",
	[DURING_UNMASKING] = "unmasking",
	[DURING_RECORDING] = "recording",
	[DURING_AT_KEYS] = "at keys",
	[DURING_AT_SHARES] = "at shares",
	[DURING_AT_INPUT] = "at input",
	[DURING_AT_SURVIVORS] = "at survivors",
	[DURING_AT_OPENING] = "at opening",
	[DURING_SUMMING] = "summing",
	[DURING_OUTCOME] = "outcome",
	[DURING_CLOSING] = "closing",
	[DURING_FETCHING] = "fetching",
	[DURING_COMPUTING] = "computing",
	[DURING_PERSISTING] = "persisting",
	[DURING_SENDING] = "sending",
	[DURING_ACKNOWLEDGED] = "acknowledged",
	[DURING_BETWEEN] = "between",
	[DURING_OVER] = "over",
};

const char *side_name(enum side s)
{
	return sides[s];
}

const char *fault_name(enum fault f)
{
	return faults[f];
}

const char *during_name(enum during d)
{
	return phases[d];
}

bool during_is_of(enum during d, enum side s)
{
	bool both = d == DURING_JOINING || d >= DURING_BETWEEN;

	return both || (s == SIDE_SITE) == (d >= DURING_FETCHING);
}

/* ---- what cannot be */

static bool is_of_the_line(enum fault f)
{
	return f <= FAULT_DELAY || f == FAULT_DAMAGE;
}

static const char *impossible_at_coordinator(enum fault f, enum during d)
{
	if (f == FAULT_RESTORE)
		return "marks guard what hospitals spend; the coordinator spends nothing";
	if (is_of_the_line(f) && (d == DURING_OPENING || d == DURING_CLOSING))
		return "answers leave after the commit that a turn ends with";
	if (f == FAULT_SLOW && d != DURING_COLLECTING && d != DURING_SUMMING && d != DURING_OUTCOME &&
	    d != DURING_INPUT && d != DURING_SURVIVORS && d != DURING_UNMASKING)
		return "no job is under way that anybody waits for";
	if ((f == FAULT_FULL || f == FAULT_SYNC) &&
	    (d == DURING_SURVIVORS || d == DURING_ANSWERS || d == DURING_UNMASKING))
		return "nothing of the attempt is written then";
	return NULL;
}

static const char *impossible_at_site(enum fault f, enum during d)
{
	bool final = d == DURING_PERSISTING || d == DURING_RECORDING;
	bool writes = d == DURING_FETCHING || final || d == DURING_OVER;

	if (f == FAULT_RESTORE && (d == DURING_JOINING || d == DURING_OVER))
		return "it has released nothing yet, or releases nothing any more";
	if (f == FAULT_SLOW)
		return d == DURING_COMPUTING ? NULL : "only training takes long";
	if (f == FAULT_FULL || f == FAULT_SYNC)
		return writes ? NULL : "it writes nothing then";
	if (final && f != FAULT_CRASH)
		return "what must last is written where it is drained: no time passes";
	if (f == FAULT_DAMAGE && (d <= DURING_COMPUTING || d == DURING_AT_INPUT))
		return "its requests have no octets that could be damaged";
	return NULL;
}

const char *disturbance_impossible(enum fault f, enum side s, enum during d)
{
	return s == SIDE_COORDINATOR ? impossible_at_coordinator(f, d) : impossible_at_site(f, d);
}

void disturbances_add(struct disturbances *to, const struct disturbances *from)
{
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			for (int d = 0; d < DURING_COUNT; d++)
				to->count[f][s][d] += from->count[f][s][d];
}
