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
};

static const char *const phases[DURING_COUNT] = {
	[DURING_JOINING] = "joining",   [DURING_OPENING] = "opening",           [DURING_COLLECTING] = "collecting",
	[DURING_SUMMING] = "summing",   [DURING_OUTCOME] = "outcome",           [DURING_CLOSING] = "closing",
	[DURING_FETCHING] = "fetching", [DURING_COMPUTING] = "computing",       [DURING_PERSISTING] = "persisting",
	[DURING_SENDING] = "sending",   [DURING_ACKNOWLEDGED] = "acknowledged", [DURING_BETWEEN] = "between",
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

const char *disturbance_impossible(enum fault f, enum side s, enum during d)
{
	(void)f;
	(void)s;
	(void)d;
	return NULL;
}

void disturbances_add(struct disturbances *to, const struct disturbances *from)
{
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			for (int d = 0; d < DURING_COUNT; d++)
				to->count[f][s][d] += from->count[f][s][d];
}
