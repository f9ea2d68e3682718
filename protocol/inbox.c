/* The inbox: written from messages, and read all or nothing. */
#include "protocol/inbox.h"

#include <stdio.h>
#include <stdlib.h>

void inbox_write(struct buf *out, const struct message *messages, uint32_t count)
{
	CHECK(count <= INBOX_BATCH_MAX);
	struct json *o = json_new_object(), *list = json_new_array();
	for (uint32_t i = 0; i < count; i++)
		json_add(list, message_to_json(&messages[i]));
	json_set(o, "messages", list);
	json_write(out, o, false);
	json_free(o);
}

static enum err read_all(struct message *messages, uint32_t *read, const struct json *list, const char *from,
                         struct diag *why)
{
	for (size_t i = 0; i < json_count(list); i++) {
		struct message *m = &messages[i];
		enum err e = message_from_json(m, json_at(list, i), from, why);
		if (e)
			return diag_prefix(why, e, "messages[%zu]", i);
		(*read)++;
		if (!message_from_coordinator(m->type))
			return diag_set(why, ERR_PEER_MESSAGE, "messages[%zu] from %s: a coordinator sends no %s", i,
			                from, message_type_name(m->type));
		if (i > 0 && m->seq <= m[-1].seq)
			return diag_set(why, ERR_PEER_MESSAGE, "messages[%zu] from %s: seq does not ascend", i, from);
	}
	return OK;
}

enum err inbox_parse(struct message **out, uint32_t *count, struct bytes text, const char *from, struct diag *why)
{
	char what[2 * NAME_SIZE];
	snprintf(what, sizeof(what), "inbox from %s", from);
	struct json *node = NULL;
	struct message *messages = NULL;
	uint32_t read = 0;
	enum err e = ERR_PEER_MESSAGE;
	if (json_parse(&node, text, INBOX_MAX, what, why))
		goto out;

	struct json_reader r;
	json_read_begin(&r, node, what, why);
	const struct json *list = json_read_array(&r, "messages", INBOX_BATCH_MAX);
	if (json_read_end(&r))
		goto out;
	if (json_count(list) > 0)
		messages = mem_array(json_count(list), sizeof(*messages));
	e = read_all(messages, &read, list, from, why);
	if (e)
		goto out;
	*out = messages;
	*count = read;
	messages = NULL;
	read = 0;
out:
	for (uint32_t i = 0; i < read; i++)
		message_free(&messages[i]);
	free(messages);
	json_free(node);
	return e;
}
