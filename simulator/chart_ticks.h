/*
 * Where an axis is marked, and with which words: multiples of 1, 2 or 5 times a power of ten that lie within the axis, or on a
 * logarithmic axis the powers of ten (with their double and fivefold while there are few). All labels of one axis have
 * the same number of decimals and the same unit: k, M and G for thousands, millions and milliards.
 */
#ifndef COHORT_SIMULATOR_CHART_TICKS_H
#define COHORT_SIMULATOR_CHART_TICKS_H

#include <stdbool.h>
#include <stddef.h>

#define CHART_TICKS_MAX 24
#define CHART_LABEL_SIZE 24

struct chart_ticks {
	double at[CHART_TICKS_MAX];
	char label[CHART_TICKS_MAX][CHART_LABEL_SIZE];
	size_t count;
};

/* At most `wanted` marks (1 to CHART_TICKS_MAX) and as many as fit below that; `whole`: of integers only. Finite min < max (CHECK). */
void chart_ticks_linear(struct chart_ticks *t, double min, double max, size_t wanted, bool whole);

/* 0 < min < max (CHECK). An axis that holds less than two such marks gets linear ones. */
void chart_ticks_log(struct chart_ticks *t, double min, double max, size_t wanted);

#endif
