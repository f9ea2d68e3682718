/* Addresses to listen on, and local sockets that nobody else can reach. */
#include "net/listen.h"

#include "tests/support/tempdir.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct tempdir dir;
static struct diag why;

static int setup(void **state)
{
	(void)state;
	tempdir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(&dir);
	return 0;
}

static void addresses_are_split(void **state)
{
	static const struct {
		const char *address, *host, *port; /* host NULL: refused */
	} cases[] = {{"localhost:8443", "localhost", "8443"},
	             {"[::1]:8443", "::1", "8443"},
	             {":8443", "", "8443"},
	             {"192.0.2.7:0", "192.0.2.7", "0"},
	             {"[]:1", "", "1"},
	             {"::1:8443", NULL, NULL},
	             {"localhost", NULL, NULL},
	             {"localhost:", NULL, NULL},
	             {"localhost:65536", NULL, NULL},
	             {"localhost:-1", NULL, NULL},
	             {"localhost:1x", NULL, NULL},
	             {"[::1]", NULL, NULL},
	             {"[::1:8443", NULL, NULL},
	             {"", NULL, NULL}};
	char host[64], port[8];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool good = listen_split(host, sizeof host, port, sizeof port, cases[i].address);
		if (good != (cases[i].host != NULL))
			fail_msg("%s", cases[i].address);
		if (!good)
			continue;
		assert_string_equal(host, cases[i].host);
		assert_string_equal(port, cases[i].port);
	}
	char tiny[4];
	assert_false(listen_split(tiny, sizeof tiny, port, sizeof port, "localhost:1"));
}

static void listens_where_it_is_told(void **state)
{
	static const char *const addresses[] = {"127.0.0.1:0", "localhost:0", ":0"};
	int fd, flags;
	unsigned port;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		if (listen_tcp(&fd, &port, addresses[i], &why))
			fail_msg("%s", why.text);
		assert_in_range(port, 1, 65535);
		flags = fcntl(fd, F_GETFL);
		assert_true(flags & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	/* ":port" is reached by IPv4. */
	assert_int_equal(listen_tcp(&fd, &port, ":0", &why), OK);
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (const struct sockaddr *)&at, sizeof at), 0);
	close(client);
	close(fd);
}

static void what_cannot_be_is_named(void **state)
{
	int fd, second;
	unsigned port;
	char address[32];

	(void)state;
	assert_int_equal(listen_tcp(&fd, &port, "8443", &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "host:port"));
	assert_int_equal(listen_tcp(&fd, &port, "192.0.2.7:0", &why), ERR_CONFIG); /* TEST-NET-1, nobody's */
	assert_non_null(strstr(why.text, "192.0.2.7:0: this machine has no such address"));
	assert_int_equal(fd, -1);
	assert_int_equal(listen_tcp(&fd, &port, "127.0.0.1:0", &why), OK);
	snprintf(address, sizeof address, "127.0.0.1:%u", port);
	assert_int_equal(listen_tcp(&second, &port, address, &why), ERR_AGAIN);
	assert_non_null(strstr(why.text, address));
	assert_non_null(strstr(why.text, "taken by another program"));
	close(fd);
}

static void a_local_socket_is_ours_alone_and_replaces_a_stale_one(void **state)
{
	const char *path = tempdir_path(&dir, "admin.sock");
	struct stat st;
	int fd, second;
	char longest[200];

	(void)state;
	assert_int_equal(listen_local(&fd, path, &why), OK);
	close(fd); /* as a crash would leave it */
	assert_int_equal(listen_local(&second, path, &why), OK);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(tempdir_count(&dir, NULL), 1);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (const struct sockaddr *)&at, sizeof at), 0);
	close(client);
	close(second);
	assert_int_equal(listen_local(&fd, tempdir_path(&dir, "no/where.sock"), &why), ERR_CREATE);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(listen_local(&fd, longest, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses_are_split, setup, teardown),
		cmocka_unit_test_setup_teardown(listens_where_it_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_local_socket_is_ours_alone_and_replaces_a_stale_one, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
