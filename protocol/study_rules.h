/*
 * The grammar of a study: one table of rules (base/yaml.h) for the whole contract. The same table judges what a person wrote
 * and what came over the wire; the meaning of the terms is study_read.h's affair.
 */
#ifndef COHORT_PROTOCOL_STUDY_RULES_H
#define COHORT_PROTOCOL_STUDY_RULES_H

#include "base/yaml.h"

#define STUDY_NOISE_MAX 1e6 /* of a noise multiplier: beyond it nothing is learnt */

extern const struct yaml_rule study_rules[];
extern const size_t study_rules_count;

#endif
