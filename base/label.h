/*
 * A row's label, on its way from a hospital's table to the model's loss and figures. The two rooms never include one
 * another, and which member counts follows from the study's label for all rows alike.
 */
#ifndef COHORT_BASE_LABEL_H
#define COHORT_BASE_LABEL_H

#include <stdint.h>

union label_value {
	uint32_t class; /* binary: 0 negative, 1 positive; categorical: the level's index */
	float value; /* numeric: in the model's units */
};

#endif
