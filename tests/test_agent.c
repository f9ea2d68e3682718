/*
 * The agent, in a thread of this process, against a coordinator to order: it acts on approvals and rejections as their files come and
 * go, answers on its socket, tells systemd, and ends with the right error.
 */
#include "base/file.h"
#include "client/agent.h"
#include "client/approval.h"
#include "client/contract.h"
#include "client/fingerprint.h"
#include "client/state.h"
#include "net/local.h"
#include "tests/support/membership.h"
#include "tests/support/small_study.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define NOTICE_MS 2000 /* what the agent promises for files that come and go */

/* fsync fails while this is set: the disk under the ledger. */
static atomic_bool disk_fails;

int fsync(int fd)
{
	if (atomic_load(&disk_fails)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

struct running {
	struct membership *m; /* files, coordinator; its ledger is closed: the agent opens it */
	pthread_t thread;
	bool runs;
	enum err result;
	struct diag why;
	int systemd; /* the socket that NOTIFY_SOCKET names */
};

static void *run(void *context)
{
	struct running *r = context;

	r->result = agent_run(&r->m->config, &r->why);
	return NULL;
}

static void start(struct running *r)
{
	memset(&r->why, 0, sizeof r->why);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	r->runs = true;
}

static enum err join(struct running *r)
{
	pthread_join(r->thread, NULL);
	r->runs = false;
	return r->result;
}

static void terminate(struct running *r)
{
	kill(getpid(), SIGTERM); /* as systemd does: libevent takes it in the loop's thread */
	assert_int_equal(join(r), OK);
	assert_string_equal(r->why.text, "");
}

static void open_systemd(struct running *r)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *path = tempdir_path(&r->m->fake.dir, "notify");

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	r->systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(r->systemd, (struct sockaddr *)&at, sizeof at), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "400000", 1); /* so every 200 ms */
}

static int setup(void **state)
{
	static struct running r;

	memset(&r, 0, sizeof r);
	r.m = membership_begin(NULL);
	ledger_close(r.m->ledger);
	r.m->ledger = NULL;
	open_systemd(&r);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct running *r = *state;
	void *m = r->m;

	if (r->runs)
		terminate(r);
	close(r->systemd);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return membership_teardown(&m);
}

/* ---- ordering and looking */

static struct approval answer_of(struct running *r)
{
	struct approval a = {.revision = 1};
	struct diag why = {{0}};

	snprintf(a.study, sizeof a.study, "%s", r->m->study.name);
	a.study_hash = r->m->study.hash;
	approval_date(&a, 1800000000);
	if (fingerprint_file(&a.fingerprint, r->m->config.state, r->m->config.sources[0].source.path, &why) != OK)
		fail_msg("%s", why.text);
	return a;
}

static void approve(struct running *r)
{
	struct approval a = answer_of(r);

	assert_int_equal(approval_write(r->m->config.state, &a, APPROVAL_GIVEN, NULL), OK);
}

static void reject(struct running *r, bool withdrawn)
{
	struct approval a = answer_of(r);

	a.withdrawn = withdrawn;
	assert_int_equal(approval_write(r->m->config.state, &a, APPROVAL_REJECTED, NULL), OK);
}

/* What the agent answers on its socket; the caller frees. NULL: nobody listens. */
static struct json *ask(struct running *r, const char *target, unsigned wanted)
{
	char path[PATH_SIZE];
	struct json *root = NULL;
	struct buf answer;
	unsigned status = 0;

	assert_int_equal(state_path(path, r->m->config.state, AGENT_SOCKET, NULL), OK);
	buf_init(&answer, AGENT_ANSWER_MAX);
	if (local_call(path, "GET", target, bytes_of(NULL, 0), &status, &answer, NULL) == OK) {
		assert_int_equal(status, wanted);
		assert_int_equal(json_parse(&root, buf_bytes(&answer), AGENT_ANSWER_MAX, "answer", NULL), OK);
	}
	buf_free(&answer);
	return root;
}

/* Members that the agent tells of; -1 while it does not listen. */
static int members(struct running *r, const char *state)
{
	struct json *root = ask(r, "/v1/status", 200);
	int count = -1;

	if (root != NULL) {
		const struct json *list = json_get(root, "members");

		count = 0;
		for (size_t i = 0; i < json_count(list); i++)
			count += state == NULL ||
			         strcmp(json_as_string(json_get(json_at(list, i), "state")), state) == 0;
	}
	json_free(root);
	return count;
}

static void wait_members(struct running *r, const char *state, int wanted, int64_t limit_ms)
{
	int64_t end_ms = membership_now_ms() + limit_ms;

	while (members(r, state) != wanted) {
		if (membership_now_ms() > end_ms)
			fail_msg("not %d members %s within %lld ms", wanted, state != NULL ? state : "",
			         (long long)limit_ms);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

static bool told_systemd(struct running *r, const char *words)
{
	char text[1024];
	ssize_t n;
	bool found = false;

	while ((n = recv(r->systemd, text, sizeof text - 1, 0)) > 0) {
		text[n] = '\0';
		found = found || strncmp(text, words, strlen(words)) == 0;
	}
	return found;
}

static void wait_systemd(struct running *r, const char *words)
{
	int64_t end_ms = membership_now_ms() + WAIT_MS;

	while (!told_systemd(r, words)) {
		if (membership_now_ms() > end_ms)
			fail_msg("systemd was not told %s", words);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

/* ---- the life of an approval */

static void test_an_approval_that_was_there(void **state)
{
	struct running *r = *state;

	approve(r);
	start(r);
	fake_round(&r->m->fake, 1, 1, 0);
	fake_wait(&r->m->fake, &r->m->fake.accepted_count, 1);
	membership_assert_upload(r->m, 0, 1, 1, 0);
	terminate(r);
	assert_false(tempdir_exists(&r->m->fake.dir, "state/" AGENT_SOCKET));
}

static void test_approvals_come_and_go(void **state)
{
	struct running *r = *state;

	start(r);
	wait_members(r, NULL, 0, WAIT_MS);
	approve(r);
	wait_members(r, "running", 1, NOTICE_MS);
	assert_int_equal(approval_remove(r->m->config.state, &r->m->study.hash, APPROVAL_GIVEN, NULL), OK);
	wait_members(r, NULL, 0, NOTICE_MS);
	fake_round(&r->m->fake, 1, 1, 0); /* nobody of ours is there */
	approve(r);
	wait_members(r, "running", 1, NOTICE_MS);
	fake_wait(&r->m->fake, &r->m->fake.accepted_count, 1);
}

/* Approved again after the extract changed: the member looks at the new file. */
static void test_another_extract_is_approved(void **state)
{
	struct running *r = *state;
	struct approval a;

	approve(r);
	start(r);
	wait_members(r, "running", 1, WAIT_MS);
	table_free(&r->m->table);
	small_table(&r->m->table, &r->m->fake.dir, &r->m->study, 3);
	rename(tempdir_path(&r->m->fake.dir, "site-3.csv"), tempdir_path(&r->m->fake.dir, "site-2.csv"));
	fake_round(&r->m->fake, 1, 1, 0);
	fake_wait(&r->m->fake, &r->m->fake.refusal_count, 1);
	assert_int_equal(r->m->fake.refusals[0].refusal, REFUSAL_DATA_CHANGED);
	a = answer_of(r);
	assert_int_equal(approval_write(r->m->config.state, &a, APPROVAL_GIVEN, NULL), OK);
	fake_closed(&r->m->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&r->m->fake, 1, 2, 0);
	fake_wait(&r->m->fake, &r->m->fake.accepted_count, 1);
	membership_assert_upload(r->m, 0, 1, 2, 0);
}

static void test_a_rejection_is_told(void **state)
{
	struct running *r = *state;
	struct approval a;

	approve(r);
	start(r);
	wait_members(r, "running", 1, WAIT_MS);
	reject(r, true);
	wait_members(r, NULL, 0, NOTICE_MS);
	fake_wait(&r->m->fake, &r->m->fake.answer_count, 1);
	assert_int_equal(r->m->fake.answers[0].answer, ANSWER_WITHDRAWN);
	assert_true(hash_equal(&r->m->fake.answers[0].plan.study_hash, &r->m->study.hash));
	assert_false(r->m->fake.sessions_differ); /* the same process speaks */
	for (int i = 0; i < 200; i++) { /* and it is remembered */
		assert_int_equal(approval_read(&a, r->m->config.state, &r->m->study.hash, APPROVAL_REJECTED, NULL), OK);
		if (a.told)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_true(a.told);
	terminate(r);
	start(r); /* and not told again */
	wait_members(r, NULL, 0, WAIT_MS);
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500000000}, NULL);
	assert_int_equal(r->m->fake.answer_count, 1);
}

static void test_a_study_that_ends(void **state)
{
	struct running *r = *state;
	int polls;

	approve(r);
	start(r);
	fake_round(&r->m->fake, 1, 1, 0);
	fake_wait(&r->m->fake, &r->m->fake.accepted_count, 1);
	fake_closed(&r->m->fake, 1, 1, OUTCOME_DONE);
	fake_finished(&r->m->fake, true);
	wait_members(r, "over", 1, WAIT_MS);
	terminate(r);
	polls = r->m->fake.polls;
	start(r); /* the ledger knows: nothing is asked any more */
	wait_members(r, "over", 1, WAIT_MS);
	assert_int_equal(r->m->fake.polls, polls);
	assert_int_equal(r->m->fake.models, 1);
	assert_int_equal(tempdir_count(&r->m->fake.dir, "state/models"), 1);
}

/* Killed between the end and the model: it is fetched by the next process. */
static void test_the_last_model_is_fetched_later(void **state)
{
	struct running *r = *state;
	struct diag why = {{0}};
	struct message finished = {.type = MESSAGE_FINISHED, .complete = true};

	assert_int_equal(ledger_open(&r->m->ledger, r->m->config.state, &why), OK);
	finished.plan.study_hash = r->m->study.hash;
	finished.model = r->m->fake.model_sha256;
	finished.model_octets = r->m->fake.model.len;
	ledger_note_ending(r->m->ledger, &finished);
	ledger_close(r->m->ledger);
	r->m->ledger = NULL;
	approve(r);
	fake_finished(&r->m->fake, true);
	start(r);
	fake_wait(&r->m->fake, &r->m->fake.models, 1);
	wait_members(r, "over", 1, WAIT_MS);
	assert_int_equal(tempdir_count(&r->m->fake.dir, "state/models"), 1);
}

/* ---- answers and systemd */

static void test_what_it_answers(void **state)
{
	struct running *r = *state;
	struct json *root;
	const struct json *release;

	approve(r);
	start(r);
	fake_round(&r->m->fake, 1, 1, 0);
	fake_wait(&r->m->fake, &r->m->fake.accepted_count, 1);
	root = ask(r, "/v1/status", 200);
	assert_int_equal(json_as_integer(json_get(root, "process")), getpid());
	assert_int_equal(json_as_integer(json_get(json_at(json_get(root, "members"), 0), "round")), 1);
	json_free(root);
	root = ask(r, "/v1/ledger", 200);
	release = json_at(json_get(root, "releases"), 0);
	assert_string_equal(json_as_string(json_get(release, "sha256")), r->m->fake.uploads[0].sha256);
	assert_string_equal(json_as_string(json_get(release, "allowed")),
	                    "masking: off; mechanisms: none; evaluation: masked; min_sites: 2 of 2 invited");
	json_free(root);
	root = ask(r, "/v1/ledger?study=other", 200);
	assert_int_equal(json_count(json_get(root, "releases")), 0);
	json_free(root);
	json_free(ask(r, "/v1/elsewhere", 404));
}

static void test_what_systemd_is_told(void **state)
{
	struct running *r = *state;

	start(r);
	wait_systemd(r, "READY=1");
	wait_systemd(r, "WATCHDOG=1");
	approve(r);
	wait_systemd(r, "STATUS=small: ");
	kill(getpid(), SIGINT);
	assert_int_equal(join(r), OK);
	assert_true(told_systemd(r, "STOPPING=1"));
}

/* ---- ends */

static void test_one_per_state_folder(void **state)
{
	struct running *r = *state;
	char process[32];
	struct diag why = {{0}};

	start(r);
	wait_members(r, NULL, 0, WAIT_MS);
	assert_int_equal(agent_run(&r->m->config, &why), ERR_AGAIN);
	snprintf(process, sizeof process, "process %d", (int)getpid());
	assert_non_null(strstr(why.text, process));
	assert_non_null(strstr(why.text, "is in use by"));
	wait_members(r, NULL, 0, WAIT_MS); /* the first one did not notice */
}

static void test_the_disk_fails(void **state)
{
	struct running *r = *state;

	approve(r);
	start(r);
	wait_members(r, "running", 1, WAIT_MS);
	fake_wait(&r->m->fake, &r->m->fake.polls, 1);
	atomic_store(&disk_fails, true);
	fake_round(&r->m->fake, 1, 1, 0);
	assert_int_equal(join(r), ERR_IO);
	atomic_store(&disk_fails, false);
	assert_non_null(strstr(r->why.text, "fsync failed"));
	assert_int_equal(r->m->fake.parts, 0);
}

static void test_another_process_took_over(void **state)
{
	struct running *r = *state;

	approve(r);
	FAKE_SET(&r->m->fake, inbox_status, 409);
	start(r);
	assert_int_equal(join(r), ERR_REFUSED);
	assert_non_null(strstr(r->why.text, "another cohort-client of this hospital is running"));
}

static void test_a_certificate_of_another_site(void **state)
{
	struct running *r = *state;

	credential_site(&r->m->fake.dir, "other", &r->m->fake.ca, NULL);
	r->m->config.tls.certificate = tempdir_path(&r->m->fake.dir, "other.pem");
	r->m->config.tls.key = tempdir_path(&r->m->fake.dir, "other.key");
	start(r);
	assert_int_equal(join(r), ERR_CONFIG);
	assert_non_null(strstr(r->why.text, "client.yaml:1:7: site: the certificate"));
	assert_non_null(strstr(r->why.text, "is that of other"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_an_approval_that_was_there),
		CASE(test_approvals_come_and_go),
		CASE(test_another_extract_is_approved),
		CASE(test_a_rejection_is_told),
		CASE(test_a_study_that_ends),
		CASE(test_the_last_model_is_fetched_later),
		CASE(test_what_it_answers),
		CASE(test_what_systemd_is_told),
		CASE(test_one_per_state_folder),
		CASE(test_the_disk_fails),
		CASE(test_another_process_took_over),
		CASE(test_a_certificate_of_another_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
