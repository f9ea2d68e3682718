/*
 * Models as fetched, of each study the newest only: one for the round in hand, and after the study's end the final one.
 *
 *   STATE/models/STUDYHASH-SHA256.safetensors        with ".part" behind it while it is being fetched
 */
#ifndef COHORT_CLIENT_MODELS_H
#define COHORT_CLIENT_MODELS_H

#include "base/hash.h"
#include "base/limits.h"

/* Where a model lies or will lie; the folder is made when it is missing. ERR_CREATE, ERR_CONFIG. */
enum err models_path(char path[PATH_SIZE], const char *state, const struct hash *study_hash, const struct hash *model,
                     struct diag *why) MUST_USE;

/* Removes the study's other models. */
void models_keep_only(const char *state, const struct hash *study_hash, const struct hash *model);

/* The study's model that is here now; false when there is none. */
bool models_newest(struct hash *model, const char *state, const struct hash *study_hash);

#endif
