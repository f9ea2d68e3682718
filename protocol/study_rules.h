/*
 * The grammar of a study: one table of rules (base/yaml.h) for the whole contract. The same table judges what a person wrote
 * and what came over the wire; the meaning of the terms is study_read.h's affair.
 */
#ifndef COHORT_PROTOCOL_STUDY_RULES_H
#define COHORT_PROTOCOL_STUDY_RULES_H

#include "base/yaml.h"

extern const struct yaml_rule study_rules[];
extern const size_t study_rules_count;

#endif
