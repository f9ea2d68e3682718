#include "tests/support/membership.h"

#include "base/log.h"
#include "client/contract.h"
#include "client/fingerprint.h"
#include "model/checkpoint.h"
#include "model/init.h"
#include "tests/support/contracts.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define LOOK_MS 2
#define SITE_ROWS 2 /* which of small_table's sites */

static void on_stop(void *context, enum err e, const char *why)
{
	struct membership *f = context;

	pthread_mutex_lock(&f->lock);
	f->stopped = e;
	snprintf(f->stop_why.text, sizeof f->stop_why.text, "%s", why);
	pthread_mutex_unlock(&f->lock);
}

static void write_files(struct membership *f)
{
	char text[512];

	snprintf(text, sizeof text,
	         "site: " FAKE_SITE "\n"
	         "coordinator: https://localhost:%u\n"
	         "credentials: {certificate: " FAKE_SITE ".pem, key: " FAKE_SITE ".key, signing_key: " FAKE_SITE
	         "-sign.key}\n"
	         "proxy: none\n"
	         "sources: {small: {csv: site-%d.csv}}\n",
	         f->fake.port, SITE_ROWS);
	tempdir_write(&f->fake.dir, "client.yaml", text);
	tempdir_write(&f->fake.dir, "policy.yaml", small_policy_text);
	tempdir_folder(&f->fake.dir, "state");
	small_table(&f->table, &f->fake.dir, &f->study, SITE_ROWS);
}

void membership_start(struct membership *f)
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

void membership_stop(struct membership *f)
{
	member_stop(f->member);
	f->member = NULL;
}

/* A first model, with a scaling that does nothing. */
static void make_model(struct membership *f)
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

static struct membership the; /* one at a time */

static void on_log(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	if (strncmp(line, "ALARM", 5) != 0)
		return;
	pthread_mutex_lock(&the.lock);
	snprintf(the.alarm, sizeof the.alarm, "%s", line);
	pthread_mutex_unlock(&the.lock);
}

/* Of the study that is there. */
static struct membership *begin(void)
{
	struct diag why = {{0}};

	pthread_mutex_init(&the.lock, NULL);
	log_capture(on_log, NULL);
	fake_start(&the.fake, &the.study);
	write_files(&the);
	if (client_config_load(&the.config, tempdir_path(&the.fake.dir, "client.yaml"), &why) != OK ||
	    contract_store(the.config.state, &the.study, &why) != OK ||
	    ledger_open(&the.ledger, the.config.state, &why) != OK)
		fail_msg("%s", why.text);
	contributor_init(&the.contributor, &the.study, &the.table, FAKE_SITE);
	buf_init(&the.expected, MODEL_FILE_MAX);
	make_model(&the);
	return &the;
}

struct membership *membership_begin(const char *line)
{
	memset(&the, 0, sizeof the);
	small_study(&the.study, line);
	return begin();
}

struct membership *membership_begin_masked(void)
{
	struct diag why = {{0}};
	char *sites = contract_edited(small_study_text, "sites: {min: 2, max_dropouts: 1",
	                              "sites: {min: 3, max_colluders: 1, max_dropouts: 0");
	char *text = contract_edited(sites, "masking: off", "masking: required");

	memset(&the, 0, sizeof the);
	if (study_parse(&the.study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	free(sites);
	free(text);
	return begin();
}

struct membership *membership_begin_private(unsigned steps)
{
	struct diag why = {{0}};
	char local[64], *training;

	snprintf(local, sizeof local, "{steps: %u, learning_rate: 0.1}", steps);
	training =
		contract_edited(small_study_text, "{epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}", local);
	char *text = contract_edited(training, "{mechanism: none}",
	                             "{mechanism: local, unit: record, epsilon: 2, delta: 1.0e-3, clip: 1, "
	                             "sampling_rate: 0.2, patients: 90}");

	memset(&the, 0, sizeof the);
	if (study_parse(&the.study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	free(training);
	free(text);
	begin();
	the.config.policy.mechanisms[PRIVACY_LOCAL] = true;
	return &the;
}

int membership_setup(void **state)
{
	*state = membership_begin(NULL);
	return 0;
}

int membership_teardown(void **state)
{
	struct membership *f = *state;

	membership_stop(f);
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

int64_t membership_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void membership_wait(struct membership *f, bool (*holds)(struct membership *f), const char *what)
{
	int64_t end_ms = membership_now_ms() + WAIT_MS;

	while (!holds(f)) {
		if (membership_now_ms() > end_ms)
			fail_msg("waited in vain: %s", what);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
}

bool membership_is_over(struct membership *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return view.over;
}

bool membership_in_trouble(struct membership *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return view.trouble.text[0] != '\0';
}

bool membership_has_stopped(struct membership *f)
{
	bool stopped;

	pthread_mutex_lock(&f->lock);
	stopped = f->stopped != OK;
	pthread_mutex_unlock(&f->lock);
	return stopped;
}

bool membership_computing(struct membership *f)
{
	struct member_view view;

	member_look(f->member, &view);
	return strcmp(view.doing, "computing") == 0;
}

void membership_assert_upload(struct membership *f, int index, uint64_t round, uint32_t attempt, uint32_t step)
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

static void count_line(void *context, const struct ledger_line *line)
{
	struct membership_count *c = context;

	c->lines++;
	c->done += strcmp(line->outcome, "done") == 0;
	c->last = line->record;
	snprintf(c->sent, sizeof c->sent, "%s", line->sent);
}

struct membership_count membership_ledger(struct membership *f)
{
	struct membership_count c = {0};

	ledger_each(f->ledger, NULL, count_line, &c);
	return c;
}
