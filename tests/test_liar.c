/*
 * The real client against a coordinator that has the right certificate and lies (tests/support/liar.py): one site per lie, all at
 * once. What is held: no site asks or sends in a loop without a pause, none sends a second content for one round, and each lie that
 * a site can name is refused by its name.
 */
#include "base/json.h"
#include "tests/support/federation.h"
#include "tests/support/small_study.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WATCHED_S 4
/* Waits of up to 0.5, 1, 2, 4 s with full jitter: 8 tries within WATCHED_S have a chance of 1 in 10^5. A loop makes hundreds. */
#define PACED_MAX 14

static const char *const names[] = {"at-once", "anew",   "anew-round", "failing",
                                    "stuck",   "header", "two-plans",  "reopened"};
#define SITES ((uint32_t)(sizeof names / sizeof *names))

static struct federation f;
static struct json *did;

/* ---- watching */

static void give_rows(void)
{
	struct study study;
	struct table rows;

	small_study(&study, NULL);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&rows, &f.dir, &study, i);
		table_free(&rows);
		federation_command(&f, "mv site-%u.csv %s/data.csv", i, names[i]);
	}
	study_free(&study);
}

/* Everybody approves at an honest coordinator, which then makes room for the liar. */
static void approve_all(void)
{
	federation_start(&f, FEDERATION_COORDINATOR);
	federation_ready(&f);
	federation_add_study(&f);
	for (uint32_t i = 0; i < SITES; i++)
		federation_approve(&f, (int)i);
	federation_stop(&f, FEDERATION_COORDINATOR);
}

static pid_t start_liar(void)
{
	char port[16], script[PATH_SIZE], out[PATH_SIZE];

	assert_non_null(realpath("tests/support/liar.py", script));
	snprintf(port, sizeof port, "%u", f.port);
	snprintf(out, sizeof out, "%s", tempdir_path(&f.dir, "did.json"));
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen(out, "w", stdout) != NULL)
			execlp("python3", "python3", script, f.dir.path, port, f.study, f.study_hash, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* The interpreter takes its time on a busy machine; a hospital that comes before would wait a back-off of the watched time. */
static void await_listening(unsigned port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool listens = false;

	for (int i = 0; i < 1000 && !listens; i++) {
		int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		listens = connect(socket_fd, (const struct sockaddr *)&address, sizeof address) == 0;
		close(socket_fd);
		if (!listens)
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_true(listens);
}

static int watch(void **state)
{
	struct diag why = {{0}};
	struct buf yaml;
	size_t len;
	int status;

	(void)state;
	buf_init(&yaml, YAML_TEXT_MAX);
	small_study_yaml(&yaml, NULL);
	federation_make(&f, buf_text(&yaml), names, SITES);
	buf_free(&yaml);
	give_rows();
	approve_all();
	pid_t liar = start_liar();
	await_listening(f.port);
	for (uint32_t i = 0; i < SITES; i++)
		federation_start(&f, (int)i);
	sleep(WATCHED_S);
	for (uint32_t i = 0; i < SITES; i++)
		federation_stop(&f, (int)i); /* and each must end well */
	tempdir_write(&f.dir, "end", "");
	assert_int_equal(waitpid(liar, &status, 0), liar);
	assert_int_equal(status, 0);
	const char *text = tempdir_read(&f.dir, "did.json", &len);
	if (json_parse(&did, bytes_text(text), MESSAGE_MAX, "did.json", &why) != OK)
		fail_msg("%s", why.text);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	json_free(did);
	federation_remove(&f);
	return 0;
}

/* ---- what they did */

static int64_t number(const char *site, const char *key)
{
	assert_non_null(json_get(did, site));
	return json_as_integer(json_get(json_get(did, site), key));
}

static void assert_contents(const char *site, size_t count)
{
	assert_int_equal(json_count(json_get(json_get(did, site), "contents")), count);
}

/* The one refusal, or none ("") */
static void assert_refused(const char *site, const char *code)
{
	const struct json *list = json_get(json_get(did, site), "refusals");

	if (*code == '\0') {
		assert_int_equal(json_count(list), 0);
		return;
	}
	assert_int_equal(json_count(list), 1);
	assert_string_equal(json_as_string(json_at(list, 0)), code);
}

static void polls_that_are_answered_at_once_are_paced(void **state)
{
	(void)state;
	assert_in_range(number("at-once", "polls"), 2, PACED_MAX);
	assert_in_range(number("anew", "polls"), 2, PACED_MAX);
}

static void a_round_that_is_begun_anew_for_ever_is_paced(void **state)
{
	(void)state;
	assert_in_range(number("anew-round", "polls"), 2, PACED_MAX);
	assert_in_range(number("anew-round", "parts"), 1, PACED_MAX);
	assert_contents("anew-round", 1);
}

static void a_failing_coordinator_gets_the_contribution_in_the_end(void **state)
{
	(void)state;
	assert_int_equal(number("failing", "parts"), 3);
	assert_contents("failing", 1);
	assert_refused("failing", "");
}

static void an_upload_that_never_advances_is_paced(void **state)
{
	(void)state;
	assert_in_range(number("stuck", "parts"), 2, PACED_MAX);
	assert_contents("stuck", 1);
}

static void a_model_with_an_endless_header_is_refused_as_a_model(void **state)
{
	(void)state;
	assert_contents("header", 0);
	assert_refused("header", "model");
}

static void one_round_has_one_plan(void **state)
{
	(void)state;
	assert_contents("two-plans", 1);
	assert_int_equal(number("two-plans", "parts"), 1);
	assert_refused("two-plans", "plan");
}

static void a_closed_round_stays_closed(void **state)
{
	(void)state;
	assert_contents("reopened", 1);
	assert_int_equal(number("reopened", "parts"), 1);
	assert_refused("reopened", "plan");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polls_that_are_answered_at_once_are_paced),
		cmocka_unit_test(a_round_that_is_begun_anew_for_ever_is_paced),
		cmocka_unit_test(a_failing_coordinator_gets_the_contribution_in_the_end),
		cmocka_unit_test(an_upload_that_never_advances_is_paced),
		cmocka_unit_test(a_model_with_an_endless_header_is_refused_as_a_model),
		cmocka_unit_test(one_round_has_one_plan),
		cmocka_unit_test(a_closed_round_stays_closed),
	};

	return cmocka_run_group_tests(tests, watch, forget);
}
