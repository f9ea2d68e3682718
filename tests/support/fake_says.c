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

static uint32_t sites[] = {FAKE_NUMBER, FAKE_NUMBER + 1};

void fake_roster(struct fake *f, uint32_t version, bool listed)
{
	const struct recipe recipe = credential_site_recipe(FAKE_SITE);
	struct roster_site site = {.number = FAKE_NUMBER, .name = FAKE_SITE};
	struct roster r = {.version = version, .federation = CREDENTIALS_FEDERATION, .sites = &site, .count = 1};

	/* the key's digits are the end of the certificate's second URI */
	assert_true(hex_decode(site.key, 32, strrchr(recipe.uris[1], '/') + 1));
	if (!listed)
		snprintf(site.name, sizeof site.name, "elsewhere");
	pthread_mutex_lock(&f->lock);
	buf_free(&f->roster);
	signed_roster(&f->roster, &f->ca, &r);
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
	m->plan.site_count = 2;
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
