/* What the coordinator to order says, and what it waits for. */
#include "tests/support/fake.h"
#include "tests/support/signed_roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define LOOK_MS 2

static uint32_t sites[] = {FAKE_NUMBER, FAKE_NUMBER + 1, FAKE_NUMBER + 2};

static bool masks(const struct fake *f)
{
	return f->study->sites.masking != MASKING_OFF;
}

void fake_roster(struct fake *f, uint32_t version, bool listed)
{
	struct roster_site entries[FAKE_MASKED_SITES] = {{.number = FAKE_NUMBER, .name = FAKE_SITE},
	                                                 {.number = FAKE_NUMBER + 1, .name = "second", .key = {1}},
	                                                 {.number = FAKE_NUMBER + 2, .name = "third", .key = {2}}};
	struct roster r = {.version = version,
	                   .federation = CREDENTIALS_FEDERATION,
	                   .sites = entries,
	                   .count = masks(f) ? FAKE_MASKED_SITES : 1};
	struct roster_parts parts;

	memcpy(entries[0].key, f->site_key, ROSTER_KEY_SIZE);
	if (!listed)
		snprintf(entries[0].name, sizeof entries[0].name, "elsewhere");
	pthread_mutex_lock(&f->lock);
	buf_free(&f->roster);
	signed_roster(&f->roster, &f->ca, &r);
	assert_int_equal(roster_split(&parts, buf_bytes(&f->roster), NULL), OK);
	sha256_of(&f->roster_named, parts.body);
	pthread_mutex_unlock(&f->lock);
}

void fake_tell(struct fake *f, enum secagg_phase phase, unsigned status, struct bytes told)
{
	struct fake_phase *p = &f->phases[phase];

	pthread_mutex_lock(&f->lock);
	buf_free(&p->told);
	buf_init(&p->told, 1u << 20);
	buf_put(&p->told, told);
	p->listen_status = status;
	loop_wake(f->loop);
	pthread_mutex_unlock(&f->lock);
}

void fake_model(struct fake *f, struct bytes file)
{
	pthread_mutex_lock(&f->lock);
	buf_free(&f->model);
	buf_init(&f->model, MODEL_FILE_MAX);
	buf_put(&f->model, file);
	sha256_of(&f->model_sha256, file);
	pthread_mutex_unlock(&f->lock);
}

static struct message *add_message(struct fake *f, enum message_type type)
{
	struct message *m;

	pthread_mutex_lock(&f->lock);
	CHECK(f->inbox_count < FAKE_INBOX_MAX);
	m = &f->inbox[f->inbox_count];
	*m = (struct message){.type = type, .seq = f->inbox_count + 1};
	snprintf(m->study, sizeof m->study, "%s", f->study->name);
	m->plan.study_hash = f->study->hash;
	return m;
}

static void post_message(struct fake *f)
{
	f->inbox_count++;
	loop_wake(f->loop);
	pthread_mutex_unlock(&f->lock);
}

void fake_round(struct fake *f, uint64_t round, uint32_t attempt, uint32_t step)
{
	struct message *m = add_message(f, MESSAGE_ROUND);

	m->plan.round = round;
	m->plan.attempt = attempt;
	m->plan.step = step;
	m->plan.asks = round_plan_asks(f->study, step);
	m->plan.sites = sites;
	m->plan.site_count = masks(f) ? FAKE_MASKED_SITES : 2;
	if (masks(f))
		m->plan.roster = f->roster_named;
	if (step > 0) {
		m->plan.model = f->model_sha256;
		m->plan.model_octets = f->model.len;
	}
	post_message(f);
}

void fake_closed(struct fake *f, uint64_t round, uint32_t attempt, enum round_outcome outcome)
{
	struct message *m = add_message(f, MESSAGE_CLOSED);

	m->plan.round = round;
	m->plan.attempt = attempt;
	m->outcome = outcome;
	if (outcome == OUTCOME_DONE) {
		m->participants = sites;
		m->participant_count = 2;
	}
	post_message(f);
}

void fake_finished(struct fake *f, bool with_model)
{
	struct message *m = add_message(f, MESSAGE_FINISHED);

	m->complete = true;
	if (with_model) {
		m->model = f->model_sha256;
		m->model_octets = f->model.len;
	}
	post_message(f);
}

void fake_wait(struct fake *f, const int *counter, int value)
{
	for (int waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
		int now;

		pthread_mutex_lock(&f->lock);
		now = *counter;
		pthread_mutex_unlock(&f->lock);
		if (now >= value)
			return;
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
	fail_msg("waited in vain for %d", value);
}
