/*
 * The inbox: the coordinator's answer to a poll, {"messages": [...]}, with what it has for one site after the sequence number
 * that the site named.
 */
#ifndef COHORT_PROTOCOL_INBOX_H
#define COHORT_PROTOCOL_INBOX_H

#include "protocol/message.h"

/* The largest inbox: INBOX_BATCH_MAX of the largest messages, commas and the object around them. */
#define INBOX_MAX (INBOX_BATCH_MAX * (MESSAGE_MAX + 1) + 64)

/* Appends the inbox of at most INBOX_BATCH_MAX messages, whose sequence numbers ascend. */
void inbox_write(struct buf *out, const struct message *messages, uint32_t count);

/* Strict: at most INBOX_MAX bytes and INBOX_BATCH_MAX messages, all of a coordinator's types, sequence numbers ascending;
 * otherwise ERR_PEER_MESSAGE with the place. The caller frees each message and the array (NULL when the inbox is empty). */
enum err inbox_parse(struct message **out, uint32_t *count, struct bytes text, const char *from,
                     struct diag *why) MUST_USE;

#endif
