#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/support/messages.h"

const char *const messages_golden[MESSAGES_COUNT] = {
	"{\"type\":\"round\",\"seq\":1," MESSAGES_COMMON
	"\"round\":1,\"attempt\":1,\"step\":0,\"asks\":[\"statistics\"],"
	"\"model\":null,\"model_octets\":0,\"sites\":[3,11,25]}",
	"{\"type\":\"round\",\"seq\":8," MESSAGES_COMMON
	"\"round\":4,\"attempt\":16,\"step\":3,\"asks\":[\"train\",\"evaluate\"],"
	"\"model\":\"" MESSAGES_MODEL_HASH "\",\"model_octets\":51204,\"sites\":[7,4294967295]}",
	"{\"type\":\"closed\",\"seq\":9007199254740991," MESSAGES_COMMON
	"\"round\":9007199254740991,\"attempt\":2,\"outcome\":"
	"\"done\",\"participants\":[3,25],\"model\":\"" MESSAGES_MODEL_HASH "\",\"model_octets\":268435456}",
	"{\"type\":\"closed\",\"seq\":10," MESSAGES_COMMON
	"\"round\":4,\"attempt\":2,\"outcome\":\"failed\",\"participants\":[],"
	"\"model\":null,\"model_octets\":0}",
	"{\"type\":\"closed\",\"seq\":11," MESSAGES_COMMON
	"\"round\":4,\"attempt\":3,\"outcome\":\"abandoned\",\"participants\":[],"
	"\"model\":null,\"model_octets\":0}",
	"{\"type\":\"finished\",\"seq\":12," MESSAGES_COMMON "\"complete\":true,\"model\":\"" MESSAGES_MODEL_HASH
	"\",\"model_octets\":1}",
	"{\"type\":\"finished\",\"seq\":12," MESSAGES_COMMON "\"complete\":false,\"model\":null,\"model_octets\":0}",
	"{\"type\":\"answer\"," MESSAGES_COMMON "\"answer\":\"approved\"}",
	"{\"type\":\"answer\"," MESSAGES_COMMON "\"answer\":\"rejected\"}",
	"{\"type\":\"answer\"," MESSAGES_COMMON "\"answer\":\"withdrawn\"}",
	"{\"type\":\"refusal\"," MESSAGES_COMMON "\"round\":4,\"attempt\":1,\"refusal\":\"policy_evaluation\"}",
};

static struct diag why;

enum err messages_parse(struct message *m, struct bytes text)
{
	why.text[0] = 0;
	return message_parse(m, text, "st-mary", &why);
}

void messages_assert_refused(const char *text, const char *words)
{
	struct message m = {0};
	if (messages_parse(&m, bytes_text(text)) != ERR_PEER_MESSAGE)
		fail_msg("accepted: %s", text);
	if (!strstr(why.text, "st-mary") || !strstr(why.text, words))
		fail_msg("\"%s\" does not hold \"%s\", for %s", why.text, words, text);
}

struct json *messages_tree(const char *text)
{
	struct json *node;
	assert_int_equal(json_parse(&node, bytes_text(text), MESSAGE_MAX, "golden", &why), OK);
	return node;
}

const char *messages_text(struct json *node)
{
	static struct buf b;
	buf_free(&b);
	buf_init(&b, 2 * MESSAGE_MAX);
	json_write(&b, node, false);
	json_free(node);
	return buf_text(&b);
}

const char *messages_rewritten(struct message *m)
{
	struct json *node = message_to_json(m);
	message_free(m);
	return messages_text(node);
}
