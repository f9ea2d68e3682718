/*
 * Control messages for tests: one or more of every type as they travel, and short words for reading and rewriting them.
 * Whatever fails here fails the test.
 */
#ifndef COHORT_TESTS_SUPPORT_MESSAGES_H
#define COHORT_TESTS_SUPPORT_MESSAGES_H

#include "protocol/message.h"

#define MESSAGES_STUDY_HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MESSAGES_MODEL_HASH "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define MESSAGES_COMMON "\"study\":\"heart\",\"study_hash\":\"" MESSAGES_STUDY_HASH "\","

/* 0, 1 round; 2 closed done; 3 failed; 4 abandoned; 5, 6 finished; 7, 8, 9 answer; 10 refusal */
#define MESSAGES_COUNT 11
extern const char *const messages_golden[MESSAGES_COUNT];

enum err messages_parse(struct message *m, struct bytes text); /* as from the peer "st-mary" */

/* ERR_PEER_MESSAGE, with words that name the peer and hold `words`. */
void messages_assert_refused(const char *text, const char *words);

struct json *messages_tree(const char *text);

/* Canonical text, valid until the next call; the tree or the message is freed. */
const char *messages_text(struct json *node);
const char *messages_rewritten(struct message *m);

#endif
