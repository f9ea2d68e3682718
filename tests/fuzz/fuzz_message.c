/*
 * Any bytes as a control message and as an inbox. What is accepted must be written back as bytes that are accepted again and
 * written the same way: one meaning, one spelling.
 */
#include "protocol/inbox.h"
#include "protocol/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct message *m)
{
	struct diag why;
	struct message back;
	struct buf first, second;
	buf_init(&first, MESSAGE_MAX);
	buf_init(&second, MESSAGE_MAX);
	message_write(&first, m);
	CHECK(!first.failed);
	CHECK(message_parse(&back, buf_bytes(&first), "itself", &why) == OK);
	message_write(&second, &back);
	CHECK(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	message_free(&back);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag why = {{0}};
	struct message m;
	if (message_parse(&m, bytes_of(data, size), "the fuzzer", &why) == OK) {
		again(&m);
		message_free(&m);
	} else {
		CHECK(why.text[0] != 0);
	}
	struct message *list;
	uint32_t count;
	if (inbox_parse(&list, &count, bytes_of(data, size), "the fuzzer", &why) == OK) {
		for (uint32_t i = 0; i < count; i++) {
			again(&list[i]);
			message_free(&list[i]);
		}
		free(list);
	}
	return 0;
}
