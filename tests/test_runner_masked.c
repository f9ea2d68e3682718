/*
 * The masks' slices in the pool: what happens when the attempt that they are of is over while they wait or work. The runner, its
 * campaign, store and pool are the daemon's, in this process; a gate keeps the pool's threads busy until the test says so. For
 * MODE=asan and MODE=tsan too.
 */
#include "coordinator/runner_inside.h"

#include "base/log.h"
#include "tests/support/contracts.h"
#include "tests/support/masker.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 4 /* the threshold of four with one colluder is 3 */
#define WORKERS 2

struct fixture {
	struct coordinating c; /* its files; the daemon is us */
	struct settings settings;
	struct office *office;
	struct pool *pool;
	struct course *course;
	struct runner *runner;
	struct campaign *campaign;
	struct masker m[SITES];
	int64_t now_ms;
	sem_t gate; /* each of the gate's jobs takes one */
};

/* ---- the loop */

static void turn(struct fixture *f)
{
	struct diag why = {{0}};
	bool told;

	office_clock(f->office, ++f->now_ms);
	do {
		runner_turn(f->runner);
		if (office_commit(f->office, &told, &why) != OK)
			fail_msg("%s", why.text);
		if (told)
			runner_told(f->runner);
	} while (told || store_dirty(f->office->store));
}

/* Until neither the loop nor the pool has anything to do: a job's end may bring a turn, and that a job. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 20; i++) {
		turn(f);
		pool_wait(f->pool);
	}
}

static void wait_at_gate(void *context)
{
	sem_wait(context);
}

/* From now on jobs wait in the pool's queue, until open_gate. */
static void close_gate(struct fixture *f)
{
	for (int i = 0; i < WORKERS; i++)
		pool_submit(f->pool, (struct job){wait_at_gate, NULL, &f->gate});
}

static void open_gate(struct fixture *f)
{
	for (int i = 0; i < WORKERS; i++)
		sem_post(&f->gate);
}

/* ---- a study with an attempt in hand */

static void add_study(struct fixture *f)
{
	char *text = contract_edited(tempdir_read(&f->c.dir, "study.yaml", NULL), "{min: 2,", "{min: 3,");
	struct study study;
	struct diag why = {{0}};
	bool fresh;

	contract_parse(&study, text);
	if (office_add_study(f->office, buf_bytes(&study.canonical), &f->course, &fresh, &why) != OK)
		fail_msg("%s", why.text);
	study_free(&study);
	free(text);
	f->runner = runner_new(f->course, f->office, f->pool);
	f->campaign = f->course->campaign;
}

static void begin_attempt(struct fixture *f)
{
	const struct round_plan *plan;
	struct diag why = {{0}};

	for (uint32_t i = 0; i < SITES; i++)
		campaign_answer(f->campaign, coordinating_number(i), ANSWER_APPROVED, f->now_ms);
	assert_int_equal(campaign_start(f->campaign, f->now_ms, &why), OK);
	settle(f);
	plan = campaign_plan(f->campaign);
	uint8_t *contribution = mem_alloc(layout_octets(campaign_layout(f->campaign)));
	for (uint32_t i = 0; i < SITES; i++) {
		campaign_polled(f->campaign, coordinating_number(i), f->now_ms);
		masker_start(&f->m[i], plan, f->course->study, f->office->world.roster, i,
		             bytes_of(contribution, layout_octets(campaign_layout(f->campaign))));
	}
	free(contribution);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct diag why = {{0}};

	log_init(NULL, LOG_LEVEL_ERROR);
	coordinating_make(&f->c, SITES, "masking: required", "rounds: {join: 1000, deadline: 1000, phase: 1000}\n");
	if (settings_load(&f->settings, tempdir_path(&f->c.dir, "coordinator.yaml"), &why) != OK ||
	    office_open(&f->office, &f->settings, OFFICE_FOR_DAEMON, 0, 1, &why) != OK ||
	    pool_new(&f->pool, WORKERS, NULL, NULL) != OK)
		fail_msg("%s", why.text);
	sem_init(&f->gate, 0, 0);
	add_study(f);
	begin_attempt(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	open_gate(f); /* for a test that failed before it did */
	pool_free(f->pool);
	runner_free(f->runner);
	office_close(f->office);
	settings_free(&f->settings);
	for (uint32_t i = 0; i < SITES; i++)
		masker_close(&f->m[i]);
	coordinating_remove(&f->c);
	sem_destroy(&f->gate);
	free(f);
	return 0;
}

/* ---- phases, without the network */

static void say(struct fixture *f, uint32_t i, enum secagg_phase phase)
{
	struct diag why = {{0}};
	enum upload_verdict v = campaign_message(f->campaign, coordinating_number(i), 1, 1, phase,
	                                         secagg_client_sent(f->m[i].client, phase), f->now_ms, &why);

	if (v != UPLOAD_PENDING && v != UPLOAD_ACCEPTED)
		fail_msg("verdict %d: %s", v, why.text);
}

static void upload(struct fixture *f, uint32_t i)
{
	const struct masker *m = &f->m[i];
	const struct bytes octets = buf_bytes(&m->y);
	struct staging_part part = {.total = m->y.len, .content = m->content, .pieces = &octets, .piece_count = 1};
	struct diag why = {{0}};
	uint64_t next;

	assert_true(course_slot(f->course, coordinating_number(i), &part.slot));
	assert_int_equal(staging_put(f->runner->staging, &part, f->now_ms, &next, &why), STAGING_COMPLETE);
	assert_int_equal(campaign_input(f->campaign, coordinating_number(i), 1, 1, m->y.len, &m->content,
	                                secagg_client_sent(m->client, SECAGG_INPUT).ptr + HASH_SIZE, f->now_ms, &why),
	                 UPLOAD_WANTED);
}

static void hear(struct fixture *f, uint32_t i, enum secagg_phase phase)
{
	struct buf octets = {0};

	assert_int_equal(campaign_say(f->campaign, coordinating_number(i), 1, 1, phase, &octets), SAY_READY);
	masker_hear(&f->m[i], phase, buf_bytes(&octets));
	buf_free(&octets);
}

/* Up to the last answer, which is still to be given. Site 0 is lost after it has shared: two slices, one for it. */
static void play_to_the_last_answer(struct fixture *f)
{
	for (int phase = SECAGG_KEYS; phase < SECAGG_PHASE_COUNT; phase++) {
		uint32_t first = phase >= SECAGG_INPUT;

		for (uint32_t i = first; i < SITES && phase > SECAGG_KEYS; i++)
			hear(f, i, (enum secagg_phase)phase);
		for (uint32_t i = first; i < SITES - (phase == SECAGG_OPENING); i++)
			if (phase == SECAGG_INPUT)
				upload(f, i);
			else
				say(f, i, (enum secagg_phase)phase);
		settle(f);
		if (phase == SECAGG_INPUT) { /* nobody waits for it any more */
			campaign_revoked(f->campaign, coordinating_number(0), f->now_ms);
			settle(f);
		}
	}
}

/* ---- the tests */

static void test_slices_make_the_sum(void **state)
{
	struct fixture *f = *state;

	play_to_the_last_answer(f);
	close_gate(f);
	say(f, SITES - 1, SECAGG_OPENING);
	turn(f);
	assert_int_equal(f->runner->masked->in_flight, 2);
	assert_int_equal(f->course->busy, 2);
	open_gate(f);
	settle(f);
	assert_int_equal(f->course->busy, 0);
	/* contributions of zeros: their check words hold, and then no row is no study */
	assert_int_equal(campaign_state(f->campaign), CAMPAIGN_FAILED);
	assert_non_null(strstr(campaign_failure(f->campaign), "training row"));
}

/* The study is stopped: its round is gone before the slices begin. They end by themselves and tell nobody. */
static void test_the_attempt_ends_while_slices_wait(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	play_to_the_last_answer(f);
	close_gate(f);
	say(f, SITES - 1, SECAGG_OPENING);
	turn(f);
	const struct masked_work *work = f->runner->masked; /* the slices' own, from now on */
	assert_int_equal(campaign_stop(f->campaign, f->now_ms, &why), OK);
	turn(f);
	assert_null(campaign_round(f->campaign)); /* freed */
	assert_null(f->runner->masked);
	assert_int_equal(campaign_state(f->campaign), CAMPAIGN_STOPPED);
	assert_int_equal(f->course->busy, 2); /* a new revision does not take the study's place yet */
	assert_true(atomic_load(&work->over));
	assert_int_equal(work->owners, 2);
	open_gate(f);
	settle(f);
	assert_int_equal(f->course->busy, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_slices_make_the_sum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_attempt_ends_while_slices_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
