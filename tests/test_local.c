/* The commands' client, against sockets that answer what a test tells them. The real server is in test_server.c. */
#include "net/local.h"

#include "net/listen.h"
#include "tests/support/tempdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct tempdir dir;
static struct diag why;
static struct buf answer;
static unsigned status;
static int listener;
static const char *reply;
static char seen[4096]; /* what the client sent */

static int setup(void **state)
{
	(void)state;
	tempdir_make(&dir);
	buf_init(&answer, 100);
	assert_int_equal(listen_local(&listener, tempdir_path(&dir, "admin.sock"), &why), OK);
	fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&answer);
	if (listener >= 0)
		close(listener);
	tempdir_remove(&dir);
	return 0;
}

static void *serve_one(void *context)
{
	size_t len = 0;
	int fd = accept(listener, NULL, NULL);

	(void)context;
	while (!strstr(seen, "\r\n\r\n")) {
		ssize_t n = recv(fd, seen + len, sizeof seen - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		seen[len] = '\0';
	}
	if (reply[0])
		send(fd, reply, strlen(reply), MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static enum err call_with_reply(const char *text)
{
	pthread_t thread;

	reply = text;
	memset(seen, 0, sizeof seen);
	assert_int_equal(pthread_create(&thread, NULL, serve_one, NULL), 0);
	enum err e = local_call(tempdir_path(&dir, "admin.sock"), "GET", "/v1/status?x=1", (struct bytes){0}, &status,
	                        &answer, &why);
	pthread_join(thread, NULL);
	return e;
}

static void an_exchange_is_plain_http(void **state)
{
	(void)state;
	assert_int_equal(call_with_reply("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n"), OK);
	assert_int_equal(status, 404);
	assert_string_equal(buf_text(&answer), "none\n");
	assert_ptr_equal(strstr(seen, "GET /v1/status?x=1 HTTP/1.1\r\n"), seen);
	assert_non_null(strstr(seen, "Connection: close\r\n"));
	assert_int_equal(call_with_reply("HTTP/1.1 204 No Content\r\n\r\n"), OK);
	assert_int_equal(answer.len, 0);
}

static void what_is_no_http_is_named(void **state)
{
	static const char *const wrong[] = {"",
	                                    "hello",
	                                    "HTTP/1.1 200 OK\r\n",
	                                    "HTTP/1.1 x00 OK\r\n\r\n",
	                                    "HTTP/2 200 OK\r\n\r\n",
	                                    "HTTP/1.1 \r\n\r\n",
	                                    "\r\n\r\n",
	                                    "HTTP/1.1 099 ?\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (call_with_reply(wrong[i]) != ERR_PROTOCOL)
			fail_msg("\"%s\" was accepted", wrong[i]);
		assert_non_null(strstr(why.text, "admin.sock"));
	}
}

static void the_answer_has_a_bound(void **state)
{
	static char text[20000] = "HTTP/1.1 200 OK\r\n\r\n";
	size_t head = strlen(text);

	(void)state;
	memset(text + head, 'x', 101);
	assert_int_equal(call_with_reply(text), ERR_LIMIT);
	memset(text + head, 'x', sizeof text - head - 1); /* more than is ever read */
	assert_int_equal(call_with_reply(text), ERR_LIMIT);
	text[head + 100] = '\0';
	assert_int_equal(call_with_reply(text), OK);
	assert_int_equal(answer.len, 100);
}

static void no_daemon_is_told_from_one_that_is_anothers(void **state)
{
	const char *path = tempdir_path(&dir, "admin.sock");

	(void)state;
	assert_int_equal(local_call(tempdir_path(&dir, "none"), "GET", "/", (struct bytes){0}, &status, &answer, &why),
	                 ERR_UNREACHABLE);
	assert_non_null(strstr(why.text, "no daemon listens there"));
	close(listener); /* the file stays, as after a crash */
	listener = -1;
	assert_int_equal(local_call(path, "GET", "/", (struct bytes){0}, &status, &answer, &why), ERR_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_exchange_is_plain_http, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_http_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(the_answer_has_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(no_daemon_is_told_from_one_that_is_anothers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
