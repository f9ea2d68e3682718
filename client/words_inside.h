/* What the parts of the contract's text share: client/words.c (the page) and the words_*.c beside it. No other file
 * includes this. */
#ifndef COHORT_CLIENT_WORDS_INSIDE_H
#define COHORT_CLIENT_WORDS_INSIDE_H

#include "client/words.h"
#include "protocol/masked_plan.h"

void words_head(struct buf *out, const char *title);
void words_say(struct buf *out, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a paragraph, broken at the margin */

void words_paragraph(struct buf *out, const char *text); /* the same of any length */

void words_training(struct buf *out, const struct study *s);

/* Of a contract with noise. The octets are those of its contributions. */
void words_privacy_training(struct buf *out, const struct study *s);
void words_privacy_leaving(struct buf *out, const struct study *s, size_t statistics, size_t training);
void words_privacy_evaluation(struct buf *out, size_t octets);
void words_privacy_promise(struct buf *out, const struct study *s);
void words_privacy_budget(struct buf *out, const struct study *s, const struct words_place *place);

/* Of a contract that masks. */
void words_masks_numbers(struct buf *out, const struct study *s, const struct words_place *place);
void words_masks_leaving(struct buf *out);
void words_masks_protection(struct buf *out, const struct study *s);

#endif
