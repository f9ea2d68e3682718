/* The datagrams that systemd would get, received by a socket of our own. */
#include "net/notify.h"

#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct tempdir dir;
	int fd;
	char text[1024];
};

/* What came, or "" when nothing has. */
static const char *received(struct world *w)
{
	ssize_t n = recv(w->fd, w->text, sizeof w->text - 1, MSG_DONTWAIT);
	w->text[n < 0 ? 0 : n] = '\0';
	return w->text;
}

static void listen_at(struct world *w, const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	assert_true(strlen(name) < sizeof at.sun_path);
	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	w->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(
		bind(w->fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int setup(void **state)
{
	static struct world w;
	w = (struct world){.fd = -1};
	tempdir_make(&w.dir);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	if (w->fd >= 0)
		close(w->fd);
	tempdir_remove(&w->dir);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static void each_message_as_the_manual_says(void **state)
{
	struct world *w = *state;
	long long usec;
	struct timespec ts;
	int end = 0;

	listen_at(w, tempdir_path(&w->dir, "notify"));
	notify_ready();
	assert_string_equal(received(w), "READY=1");
	notify_stopping();
	assert_string_equal(received(w), "STOPPING=1");
	notify_watchdog();
	assert_string_equal(received(w), "WATCHDOG=1");
	notify_status("round %d of %d", 3, 12);
	assert_string_equal(received(w), "STATUS=round 3 of 12");
	notify_reloading();
	assert_int_equal(sscanf(received(w), "RELOADING=1\nMONOTONIC_USEC=%lld%n", &usec, &end), 1);
	assert_int_equal(w->text[end], '\0');
	clock_gettime(CLOCK_MONOTONIC, &ts);
	assert_in_range((long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - usec, 0, 10000000);
}

static void an_abstract_socket_is_found(void **state)
{
	struct world *w = *state;
	char name[64];

	snprintf(name, sizeof name, "@cohort-test-%d", (int)getpid());
	listen_at(w, name);
	notify_ready();
	assert_string_equal(received(w), "READY=1");
}

static void a_status_cannot_smuggle_a_second_message(void **state)
{
	struct world *w = *state;
	char longest[2000];

	listen_at(w, tempdir_path(&w->dir, "notify"));
	notify_status("a\nREADY=1");
	assert_string_equal(received(w), "STATUS=a READY=1");
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	notify_status("%s", longest);
	assert_in_range(strlen(received(w)), 100, 511);
}

static void without_a_listener_nothing_happens(void **state)
{
	struct world *w = *state;
	char longest[300];

	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	setenv("NOTIFY_SOCKET", tempdir_path(&w->dir, "nobody"), 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_ready();
	memset(longest, '/', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_ready();
	assert_int_equal(tempdir_count(&w->dir, NULL), 0);
}

static void the_watchdog_is_fed_twice_per_period_by_its_own_process(void **state)
{
	char pid[32];

	(void)state;
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "30s", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_message_as_the_manual_says, setup, teardown),
		cmocka_unit_test_setup_teardown(an_abstract_socket_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_status_cannot_smuggle_a_second_message, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_listener_nothing_happens, setup, teardown),
		cmocka_unit_test_setup_teardown(the_watchdog_is_fed_twice_per_period_by_its_own_process, setup,
	                                        teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
