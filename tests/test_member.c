/*
 * A member, the real one with its threads, requesters, files and ledger, against a coordinator to order (tests/support/fake.h): what
 * leaves is what contribution.c computes, once per round and the same whatever goes wrong on the way.
 */
#include "base/log.h"
#include "client/contract.h"
#include "client/fingerprint.h"
#include "client/member.h"
#include "model/checkpoint.h"
#include "model/init.h"
#include "tests/support/fake.h"
#include "tests/support/small_study.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define LOOK_MS 2
#define SITE_ROWS 2 /* which of small_table's sites */

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

struct fixture {
	struct study study;
	struct fake fake;
	struct client_config config;
	struct ledger *ledger;
	struct member *member;
	struct table table; /* the same rows, for what the test computes itself */
	struct contributor contributor;
	struct buf expected;
	pthread_mutex_t lock; /* of the two below */
	enum err stopped;
	struct diag stop_why;
};

/* ---- the fixture */

static void on_stop(void *context, enum err e, const char *why)
{
	struct fixture *f = context;

	pthread_mutex_lock(&f->lock);
	f->stopped = e;
	snprintf(f->stop_why.text, sizeof f->stop_why.text, "%s", why);
	pthread_mutex_unlock(&f->lock);
}

static void write_files(struct fixture *f)
{
	char text[512];

	snprintf(text, sizeof text,
	         "site: " FAKE_SITE "\n"
	         "coordinator: https://localhost:%u\n"
	         "credentials: {certificate: " FAKE_SITE ".pem, key: " FAKE_SITE ".key}\n"
	         "proxy: none\n"
	         "sources: {small: {csv: site-%d.csv}}\n",
	         f->fake.port, SITE_ROWS);
	tempdir_write(&f->fake.dir, "client.yaml", text);
	tempdir_write(&f->fake.dir, "policy.yaml", small_policy_text);
	tempdir_folder(&f->fake.dir, "state");
	small_table(&f->table, &f->fake.dir, &f->study, SITE_ROWS);
}

static void start_member(struct fixture *f)
{
	struct member_config config = {.client = &f->config, .ledger = f->ledger, .stop = on_stop, .context = f};
	struct diag why = {{0}};

	snprintf(config.approval.study, sizeof config.approval.study, "%s", f->study.name);
	config.approval.study_hash = f->study.hash;
	snprintf(config.boot_id, sizeof config.boot_id, "%s", "000102030405060708090a0b0c0d0e0f");
	assert_int_equal(
		fingerprint_file(&config.approval.fingerprint, f->config.state, f->config.sources[0].source.path, &why),
		OK);
	if (member_start(&f->member, &config, &why) != OK)
		fail_msg("%s", why.text);
}

static void stop_member(struct fixture *f)
{
	member_stop(f->member);
	f->member = NULL;
}

/* A first model, with a scaling that does nothing. */
static void make_model(struct fixture *f)
{
	size_t n = f->study.model.parameters;
	float *parameters = mem_array(n, sizeof *parameters);
	struct checkpoint_input inputs[16];
	struct checkpoint_about about = {.study = f->study.name, .label = "{}", .inputs = inputs};
	char hex[HASH_HEX_SIZE];
	struct diag why = {{0}};
	struct buf file;
	struct rng r;

	for (uint32_t i = 0; i < f->study.model.inputs; i++)
		inputs[i] = (struct checkpoint_input){"input", 0, 1, 0};
	about.input_count = f->study.model.inputs;
	hash_hex(hex, &f->study.hash);
	about.study_hash = hex;
	rng_seeded(&r, 3, "init");
	init_he(parameters, &f->study.model, &r);
	buf_init(&file, MODEL_FILE_MAX);
	if (checkpoint_write(&file, &f->study.model, parameters, &about, &why) != OK)
		fail_msg("%s", why.text);
	fake_model(&f->fake, buf_bytes(&file));
	buf_free(&file);
	free(parameters);
}

static void quiet(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static struct fixture *begin(const char *line)
{
	static struct fixture f;
	struct diag why = {{0}};

	memset(&f, 0, sizeof f);
	pthread_mutex_init(&f.lock, NULL);
	log_capture(quiet, NULL);
	small_study(&f.study, line);
	fake_start(&f.fake, &f.study);
	write_files(&f);
	if (client_config_load(&f.config, tempdir_path(&f.fake.dir, "client.yaml"), &why) != OK ||
	    contract_store(f.config.state, &f.study, &why) != OK || ledger_open(&f.ledger, f.config.state, &why) != OK)
		fail_msg("%s", why.text);
	contributor_init(&f.contributor, &f.study, &f.table, FAKE_SITE);
	buf_init(&f.expected, MODEL_FILE_MAX);
	make_model(&f);
	return &f;
}

static int setup(void **state)
{
	*state = begin(NULL);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stop_member(f);
	ledger_close(f->ledger);
	contributor_free(&f->contributor);
	table_free(&f->table);
	buf_free(&f->expected);
	client_config_free(&f->config);
	fake_stop(&f->fake);
	study_free(&f->study);
	log_capture(NULL, NULL);
	return 0;
}

/* ---- looking */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void wait_until(struct fixture *f, bool (*holds)(struct fixture *f), const char *what)
{
	int64_t end_ms = now_ms() + WAIT_MS;

	while (!holds(f)) {
		if (now_ms() > end_ms)
			fail_msg("waited in vain: %s", what);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
}

static bool is_over(struct fixture *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return view.over;
}

static bool is_in_trouble(struct fixture *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return view.trouble.text[0] != '\0';
}

static bool has_stopped(struct fixture *f)
{
	bool stopped;

	pthread_mutex_lock(&f->lock);
	stopped = f->stopped != OK;
	pthread_mutex_unlock(&f->lock);
	return stopped;
}

static bool is_computing(struct fixture *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return strcmp(view.doing, "computing") == 0;
}

/* The upload at `index` is, octet for octet, what contribution.c computes for that step. */
static void assert_upload(struct fixture *f, int index, uint64_t round, uint32_t attempt, uint32_t step)
{
	static uint32_t sites[] = {FAKE_NUMBER, FAKE_NUMBER + 1};
	struct fake_upload *u = &f->fake.uploads[index];
	struct round_plan plan = {.round = round,
	                          .attempt = attempt,
	                          .step = step,
	                          .asks = round_plan_asks(&f->study, step),
	                          .sites = sites,
	                          .site_count = 2};
	struct contribution_report report;
	struct diag why = {{0}};

	if (contribution_compute(&f->contributor, &f->expected, &report, &plan,
	                         step > 0 ? buf_bytes(&f->fake.model) : bytes_of(NULL, 0), NULL, &why) != OK)
		fail_msg("%s", why.text);
	pthread_mutex_lock(&f->fake.lock);
	assert_true(u->accepted);
	assert_int_equal(u->round, round);
	assert_int_equal(u->attempt, attempt);
	assert_true(bytes_equal(buf_bytes(&u->octets), buf_bytes(&f->expected)));
	pthread_mutex_unlock(&f->fake.lock);
}

struct count {
	int lines;
	struct release_record last;
	char sent[16];
	int done;
};

static void count_line(void *context, const struct ledger_line *line)
{
	struct count *c = context;

	c->lines++;
	c->done += strcmp(line->outcome, "done") == 0;
	c->last = line->record;
	snprintf(c->sent, sizeof c->sent, "%s", line->sent);
}

static struct count ledger_lines(struct fixture *f)
{
	struct count c = {0};

	ledger_each(f->ledger, NULL, count_line, &c);
	return c;
}

/* ---- good weather */

static void test_a_whole_study(void **state)
{
	struct fixture *f = *state;
	struct ledger_ending ending;
	char hex[HASH_HEX_SIZE];

	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_upload(f, 0, 1, 1, 0);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	for (uint32_t step = 1; step <= f->study.rounds + 1; step++) {
		fake_round(&f->fake, step + 1, 1, step);
		fake_wait(&f->fake, &f->fake.accepted_count, (int)step + 1);
		assert_upload(f, (int)step, step + 1, 1, step);
		fake_closed(&f->fake, step + 1, 1, OUTCOME_DONE);
	}
	fake_finished(&f->fake, true);
	wait_until(f, is_over, "the study is finished");
	assert_int_equal(f->fake.refusal_count, 0);
	assert_int_equal(f->fake.models, 1); /* one model all the time: fetched once */
	assert_string_equal(f->fake.session, "000102030405060708090a0b0c0d0e0f");
	assert_false(f->fake.sessions_differ);
	assert_int_equal(ledger_lines(f).lines, (int)f->study.rounds + 2);
	assert_int_equal(tempdir_count(&f->fake.dir, "state/outbound"), 0);
	assert_true(ledger_ending(f->ledger, &f->study.hash, &ending));
	hash_hex(hex, &ending.model);
	assert_true(ending.complete && hash_equal(&ending.model, &f->fake.model_sha256));
	assert_int_equal(tempdir_count(&f->fake.dir, "state/models"), 1);
	assert_false(has_stopped(f));
}

static void test_another_attempt_gets_the_same_octets(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&f->fake, 1, 2, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	assert_upload(f, 0, 1, 1, 0);
	assert_upload(f, 1, 1, 2, 0);
	assert_int_equal(ledger_lines(f).lines, 1);
}

/* ---- bad weather */

static void test_busy_coordinators(void **state)
{
	struct fixture *f = *state;

	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 2);
	FAKE_SET(&f->fake, inbox_status, 503);
	start_member(f);
	fake_wait(&f->fake, &f->fake.polls, 2);
	FAKE_SET(&f->fake, inbox_status, 0);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_upload(f, 0, 1, 1, 0);
	assert_int_equal(f->fake.parts, 3);
}

/* The line is cut while a poll is held, and again before the contribution is taken. */
static void test_cut_lines(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	fake_down(&f->fake);
	fake_up(&f->fake);
	fake_wait(&f->fake, &f->fake.polls, 2);
	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 1);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	fake_down(&f->fake);
	fake_up(&f->fake);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_upload(f, 0, 1, 1, 0);
}

static void test_messages_that_are_gone(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	FAKE_SET(&f->fake, forgotten, 2); /* what says how round 1 ended is not kept any more */
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	assert_upload(f, 1, 2, 1, 1);
}

/* A late part: the round had closed. */
static void test_late(void **state)
{
	struct fixture *f = *state;

	FAKE_SET(&f->fake, put_status, 410);
	FAKE_SET(&f->fake, put_times, 1);
	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_upload(f, 0, 2, 1, 1);
	assert_int_equal(ledger_lines(f).lines, 2);
}

/* ---- giving up work */

static const char endless[] = "training: {rounds: 3, local: {steps: 1000000, batch: 8, learning_rate: 0.001}}";

static void test_training_is_given_up(void **state)
{
	struct fixture *f;
	int64_t before_ms;

	teardown(state);
	*state = f = begin(endless);
	start_member(f);
	fake_round(&f->fake, 2, 1, 1);
	wait_until(f, is_computing, "training");
	before_ms = now_ms();
	fake_closed(&f->fake, 2, 1, OUTCOME_ABANDONED);
	fake_round(&f->fake, 3, 1, 0); /* statistics: what this test can wait for */
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_true(now_ms() - before_ms < 2000);
	assert_upload(f, 0, 3, 1, 0);
	assert_int_equal(ledger_lines(f).lines, 1);
}

static void test_stopping_while_training(void **state)
{
	struct fixture *f;
	int64_t before_ms;

	teardown(state);
	*state = f = begin(endless);
	start_member(f);
	fake_round(&f->fake, 2, 1, 1);
	wait_until(f, is_computing, "training");
	before_ms = now_ms();
	stop_member(f);
	assert_true(now_ms() - before_ms < 1000);
}

static void test_stopping_while_polling(void **state)
{
	struct fixture *f = *state;
	int64_t before_ms;

	start_member(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* the poll is held now */
	before_ms = now_ms();
	stop_member(f);
	assert_true(now_ms() - before_ms < 1000);
}

/* A refusal that does not get through must not keep the next round waiting. */
static void test_a_refusal_gives_way(void **state)
{
	struct fixture *f = *state;
	int64_t before_ms;

	FAKE_SET(&f->fake, refusal_status, 503);
	FAKE_SET(&f->fake, refusal_times, 1000);
	start_member(f);
	fake_round(&f->fake, 1, 1, 2); /* step 2 in round 1: no contract says so */
	fake_wait(&f->fake, &f->fake.refusal_tries, 1);
	before_ms = now_ms();
	fake_round(&f->fake, 2, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_true(now_ms() - before_ms < 2000);
	assert_upload(f, 0, 2, 1, 0);
}

/* ---- after a restart */

static void test_what_is_final_is_sent_again(void **state)
{
	struct fixture *f = *state;
	struct count before, after;

	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 1000000);
	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	before = ledger_lines(f);
	assert_int_equal(before.lines, 1); /* in the ledger before the first part is tried */
	stop_member(f);
	/* another extract by now, which the policy lets pass: the final octets are still the first file's */
	f->config.policy.ask_on_data_change = false;
	tempdir_write(&f->fake.dir, "site-2.csv", "x,y,kind,label\n1,1,a,1\n");
	FAKE_SET(&f->fake, put_times, 0);
	start_member(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_upload(f, 0, 1, 1, 0);
	after = ledger_lines(f);
	assert_int_equal(after.lines, 1);
	assert_true(hash_equal(&after.last.content, &before.last.content));
}

/* The round had been closed meanwhile, and its octets deleted: there is nothing to send, and nothing is made anew. */
static void test_a_closed_round_is_not_made_again(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	stop_member(f);
	FAKE_SET(&f->fake, forgotten, 100); /* a coordinator that was set back to an old copy */
	FAKE_SET(&f->fake, inbox_count, 0);
	fake_round(&f->fake, 1, 2, 0);
	start_member(f);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_PLAN);
	assert_int_equal(f->fake.accepted_count, 2);
	assert_int_equal(ledger_lines(f).lines, 2);
}

/* A site that was away gets a round, its end and the next round in one answer: what it does is about the last of them. */
static void test_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct count c;

	start_member(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	stop_member(f);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	start_member(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	assert_upload(f, 1, 2, 1, 1);
	assert_int_equal(f->fake.upload_count, 2);
	stop_member(f);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	fake_round(&f->fake, 3, 1, 3); /* to be refused: step 3 in round 3 is too early */
	fake_closed(&f->fake, 3, 1, OUTCOME_ABANDONED);
	fake_round(&f->fake, 4, 1, 2);
	start_member(f);
	fake_wait(&f->fake, &f->fake.accepted_count, 3);
	assert_upload(f, 2, 4, 1, 2);
	c = ledger_lines(f);
	assert_int_equal(c.lines, 3);
	assert_int_equal(c.done, 2); /* how each of them ended was heard */
}

/* ---- refusals */

static void test_a_changed_extract(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	tempdir_write(&f->fake.dir, "site-2.csv", "x,y,kind,label\n1,1,a,1\n");
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_DATA_CHANGED);
	assert_int_equal(f->fake.upload_count, 0);
	assert_int_equal(ledger_lines(f).lines, 0);
}

static void test_a_model_that_is_not_the_plans(void **state)
{
	struct fixture *f = *state;

	start_member(f);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	fake_model(&f->fake, bytes_text("no model at all, under its right hash"));
	fake_round(&f->fake, 3, 1, 2);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_MODEL);
	assert_int_equal(f->fake.refusals[0].plan.round, 3);
	assert_int_equal(f->fake.upload_count, 1);
}

/* The file of the model was damaged on our own disk after it was fetched: it is not trained on. */
static void test_a_model_that_the_disk_changed(void **state)
{
	struct fixture *f = *state;
	char study[HASH_HEX_SIZE], model[HASH_HEX_SIZE], name[256];

	start_member(f);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 2, 1, OUTCOME_DONE);
	hash_hex(study, &f->study.hash);
	hash_hex(model, &f->fake.model_sha256);
	snprintf(name, sizeof name, "state/models/%s-%s.safetensors", study, model);
	f->fake.model.ptr[f->fake.model.len - 1] ^= 1;
	tempdir_write_bytes(&f->fake.dir, name, buf_bytes(&f->fake.model));
	f->fake.model.ptr[f->fake.model.len - 1] ^= 1;
	fake_round(&f->fake, 3, 1, 2);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_MODEL);
	fake_round(&f->fake, 3, 2, 2); /* the next attempt fetches it anew */
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	assert_upload(f, 1, 3, 2, 2);
}

/* ---- ends */

static void test_another_process_took_over(void **state)
{
	struct fixture *f = *state;

	FAKE_SET(&f->fake, inbox_status, 409);
	start_member(f);
	wait_until(f, has_stopped, "told to stop");
	assert_int_equal(f->stopped, ERR_REFUSED);
	assert_non_null(strstr(f->stop_why.text, "another cohort-client of this hospital is running"));
	assert_false(is_over(f)); /* its study is not */
}

static void test_a_replaced_contract(void **state)
{
	struct fixture *f = *state;
	struct study next;

	small_study(&next, "revision: 2");
	FAKE_SET(&f->fake, study, &next);
	FAKE_SET(&f->fake, inbox_status, 409);
	start_member(f);
	wait_until(f, is_over, "the contract is not the one in force");
	assert_false(has_stopped(f));
	stop_member(f);
	FAKE_SET(&f->fake, study, &f->study);
	study_free(&next);
}

static void test_a_disk_that_fails(void **state)
{
	struct fixture *f = *state;
	int parts;

	start_member(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	atomic_store(&disk_fails, true);
	fake_round(&f->fake, 1, 1, 0);
	wait_until(f, has_stopped, "told to stop");
	atomic_store(&disk_fails, false);
	assert_int_equal(f->stopped, ERR_IO);
	parts = f->fake.parts;
	assert_int_equal(parts, 0); /* nothing left the house */
}

/* ---- the roster */

static void test_not_on_the_roster(void **state)
{
	struct fixture *f = *state;

	fake_roster(&f->fake, 2, false);
	fake_round(&f->fake, 1, 1, 0);
	start_member(f);
	wait_until(f, is_in_trouble, "trouble with the roster");
	assert_int_equal(f->fake.polls, 0);
	fake_roster(&f->fake, 3, true);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_int_equal(ledger_roster_version(f->ledger), 3);
}

static void test_a_roster_that_goes_back(void **state)
{
	struct fixture *f = *state;
	struct member_view view;

	assert_int_equal(ledger_saw_roster(f->ledger, 9, NULL), OK);
	start_member(f);
	wait_until(f, is_in_trouble, "trouble with the roster");
	member_look(f->member, &view);
	assert_non_null(strstr(view.trouble.text, "roster 1, but this hospital has seen roster 9"));
	assert_int_equal(f->fake.polls, 0);
}

static void test_no_contract(void **state)
{
	struct fixture *f = *state;
	struct member_config config = {.client = &f->config, .ledger = f->ledger, .stop = on_stop, .context = f};
	struct diag why = {{0}};

	config.approval.study_hash = (struct hash){{1}};
	assert_int_equal(member_start(&f->member, &config, &why), ERR_NOT_FOUND);
	assert_null(f->member);
	assert_non_null(strstr(why.text, "no contract 01"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_whole_study),
		CASE(test_another_attempt_gets_the_same_octets),
		CASE(test_busy_coordinators),
		CASE(test_cut_lines),
		CASE(test_messages_that_are_gone),
		CASE(test_late),
		CASE(test_training_is_given_up),
		CASE(test_stopping_while_training),
		CASE(test_stopping_while_polling),
		CASE(test_a_refusal_gives_way),
		CASE(test_what_is_final_is_sent_again),
		CASE(test_a_closed_round_is_not_made_again),
		CASE(test_all_at_once),
		CASE(test_a_changed_extract),
		CASE(test_a_model_that_is_not_the_plans),
		CASE(test_a_model_that_the_disk_changed),
		CASE(test_another_process_took_over),
		CASE(test_a_replaced_contract),
		CASE(test_a_disk_that_fails),
		CASE(test_not_on_the_roster),
		CASE(test_a_roster_that_goes_back),
		CASE(test_no_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
