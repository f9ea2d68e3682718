#include "coordinator/daemon.h"

#include "base/log.h"
#include "base/pool.h"
#include "base/version.h"
#include "coordinator/api.h"
#include "coordinator/events.h"
#include "coordinator/fatal.h"
#include "coordinator/office.h"
#include "coordinator/runner.h"
#include "coordinator/watch.h"
#include "net/loop.h"
#include "net/notify.h"
#include "net/server.h"
#include "net/tls.h"

#include <signal.h>
#include <stdlib.h>

#define SECOND_MS 1000
#define LOCK_PATIENCE_MS 1000 /* a command that is just reading the state */

struct daemon {
	const struct settings *settings;
	struct loop *loop;
	struct pool *pool;
	struct tls *tls;
	struct server *server;
	struct office *office;
	struct loop_timer *deadline, *second, *watchdog;
	struct watch revocations, roster;
};

/* ---- one turn */

static void wake_up(struct daemon *d)
{
	office_clock(d->office, loop_now_ms(d->loop));
	for (uint32_t i = 0; i < d->office->count; i++)
		if (d->office->courses[i]->runner == NULL)
			(void)runner_new(d->office->courses[i], d->office, d->pool);
}

static bool may_sweep(const struct office *o)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (runner_computing(o->courses[i]->runner))
			return false;
	return true;
}

static void sweep_models(struct office *o)
{
	bool changed = false;

	for (uint32_t i = 0; i < o->count; i++)
		changed |= o->courses[i]->models_changed;
	if (!changed || !may_sweep(o))
		return;
	office_sweep_models(o);
	for (uint32_t i = 0; i < o->count; i++)
		o->courses[i]->models_changed = false;
}

static void set_deadline(struct daemon *d)
{
	int64_t at_ms = INT64_MAX;

	for (uint32_t i = 0; i < d->office->count; i++) {
		int64_t next = runner_deadline_ms(d->office->courses[i]->runner);
		at_ms = next < at_ms ? next : at_ms;
	}
	if (at_ms == INT64_MAX)
		loop_timer_clear(d->deadline);
	else
		loop_timer_set(d->deadline, at_ms);
}

/* Until nothing new follows from what was committed: each pass makes a campaign step forward, so it ends. */
static void work(struct daemon *d)
{
	struct diag why = {{0}};
	bool told;

	do {
		for (uint32_t i = 0; i < d->office->count; i++)
			runner_turn(d->office->courses[i]->runner);
		if (office_commit(d->office, &told, &why) != OK)
			fatal(&why);
		for (uint32_t i = 0; i < d->office->count && told; i++)
			runner_told(d->office->courses[i]->runner);
	} while (told || store_dirty(d->office->store));
}

static void on_turn(void *context)
{
	struct daemon *d = context;
	struct diag why = {{0}};

	wake_up(d);
	work(d);
	server_flush(d->server);
	sweep_models(d->office);
	if (store_tidy(d->office->store, &why) != OK)
		fatal(&why);
	set_deadline(d);
}

/* ---- what happens in a turn */

static void on_request(void *context, struct exchange *x)
{
	struct daemon *d = context;

	wake_up(d);
	api_request(d->office, x);
}

static void on_expired(void *context, struct exchange *x)
{
	struct daemon *d = context;

	runner_expired(d->office, x);
}

static void on_gone(void *context, struct exchange *x)
{
	(void)context;
	if (x->owner != NULL)
		waiting_end(x->owner);
}

static void on_job_done(void *context)
{
	struct daemon *d = context;

	wake_up(d);
	pool_collect(d->pool);
}

static void on_deadline(void *context)
{
	(void)context; /* the turn that follows does what is due */
}

static void on_watchdog(void *context)
{
	struct daemon *d = context;

	notify_watchdog();
	loop_timer_set(d->watchdog, loop_now_ms(d->loop) + notify_watchdog_ms());
}

static void on_stop(void *context)
{
	struct daemon *d = context;

	log_notice("stopping");
	loop_stop(d->loop);
}

/* ---- credentials and the roster, again */

static enum err load_tls(struct daemon *d, struct tls **out, struct diag *why)
{
	const struct tls_files files = {
		.certificate = d->settings->certificate,
		.key = d->settings->key,
		.authority = d->settings->authority,
		.revocations = d->settings->revocations,
	};

	return tls_new(out, TLS_SERVER, &files, why);
}

static bool is_revoked(void *context, const char *serial)
{
	return tls_revokes(context, serial);
}

static void reload_tls(struct daemon *d)
{
	struct diag why = {{0}};
	struct tls *fresh;

	if (load_tls(d, &fresh, &why) != OK) {
		log_error("%s; the credentials in force stay", why.text);
		return;
	}
	tls_free(d->tls);
	d->tls = fresh;
	unsigned cut = server_reload(d->server, fresh);
	log_notice("credentials and revocation list read again; %u connection%s ended", cut, cut == 1 ? "" : "s");
	office_revocations(d->office, is_revoked, fresh);
}

static void reload_roster(struct daemon *d)
{
	struct diag why = {{0}};
	bool changed;

	if (office_read_roster(d->office, &changed, &why) != OK)
		log_error("%s; the roster in force (version %u) stays", why.text, d->office->enrolled.version);
}

static void on_reload(void *context)
{
	struct daemon *d = context;

	notify_reloading();
	wake_up(d);
	reload_tls(d);
	reload_roster(d);
	notify_ready();
}

static void on_second(void *context)
{
	struct daemon *d = context;

	wake_up(d);
	if (watch_changed(&d->revocations))
		reload_tls(d);
	if (watch_changed(&d->roster))
		reload_roster(d);
	for (uint32_t i = 0; i < d->office->count; i++)
		runner_second(d->office->courses[i]->runner);
	loop_timer_set(d->second, loop_now_ms(d->loop) + SECOND_MS);
}

/* ---- coming and going */

static enum err listen_everywhere(struct daemon *d, struct diag *why)
{
	const struct server_handler handler = {on_request, on_expired, on_gone, d};
	enum err e = server_new(&d->server, d->loop, &handler, why);

	if (e == OK)
		e = server_listen(d->server, d->settings->listen, d->tls, why);
	if (e == OK)
		e = server_listen_local(d->server, d->settings->control, why);
	return e;
}

static void set_timers(struct daemon *d)
{
	d->deadline = loop_timer_new(d->loop, on_deadline, d);
	d->second = loop_timer_new(d->loop, on_second, d);
	d->watchdog = loop_timer_new(d->loop, on_watchdog, d);
	loop_timer_set(d->second, loop_now_ms(d->loop) + SECOND_MS);
	if (notify_watchdog_ms() > 0)
		loop_timer_set(d->watchdog, loop_now_ms(d->loop) + notify_watchdog_ms());
	loop_on_turn(d->loop, on_turn, d);
	loop_on_wake(d->loop, on_job_done, d);
	loop_on_signal(d->loop, SIGTERM, on_stop, d);
	loop_on_signal(d->loop, SIGINT, on_stop, d);
	loop_on_signal(d->loop, SIGHUP, on_reload, d);
}

static enum err check_names(const struct daemon *d, struct diag *why)
{
	for (uint32_t i = 0; i < d->settings->name_count; i++)
		if (!tls_names(d->tls, d->settings->names[i]))
			return diag_set(why, ERR_CONFIG,
			                "%s: names: %s does not name %s; ask the authority for a certificate with it "
			                "(cohort-ca coordinator DIR --host %s)",
			                d->settings->file, d->settings->certificate, d->settings->names[i],
			                d->settings->names[i]);
	return OK;
}

static enum err open_all(struct daemon *d, struct diag *why)
{
	enum err e = load_tls(d, &d->tls, why);

	if (e == OK)
		e = check_names(d, why);
	if (e == OK)
		e = loop_new(&d->loop, why);
	if (e == OK)
		e = office_open(&d->office, d->settings, OFFICE_FOR_DAEMON, LOCK_PATIENCE_MS, loop_now_ms(d->loop),
		                why);
	if (e == OK)
		e = pool_new(&d->pool, d->settings->threads, loop_wake, d->loop);
	if (e == OK)
		e = listen_everywhere(d, why);
	return e;
}

/* The order matters: sockets go first, then jobs end and are collected, then the last commit. What campaigns still ask is
 * left to the next start, which asks it again. */
static void close_all(struct daemon *d)
{
	struct diag why = {{0}};
	bool told;

	server_free(d->server);
	if (d->pool != NULL)
		pool_wait(d->pool);
	if (d->office != NULL && d->deadline != NULL) {
		wake_up(d);
		office_write_sites(d->office);
		events_stopped(&d->office->world);
		if (office_commit(d->office, &told, &why) != OK)
			fatal(&why);
	}
	pool_free(d->pool);
	for (uint32_t i = 0; d->office != NULL && i < d->office->count; i++)
		runner_free(d->office->courses[i]->runner);
	office_close(d->office);
	loop_timer_free(d->deadline);
	loop_timer_free(d->second);
	loop_timer_free(d->watchdog);
	loop_free(d->loop);
	tls_free(d->tls);
}

enum err daemon_check(const struct settings *settings, struct diag *why)
{
	struct daemon d = {.settings = settings};
	enum err e = load_tls(&d, &d.tls, why);

	if (e == OK)
		e = check_names(&d, why);
	if (e == OK)
		e = office_check_roster(settings, why);
	tls_free(d.tls);
	return e;
}

enum err daemon_run(const struct settings *settings, struct diag *why)
{
	struct daemon d = {.settings = settings};
	enum err e = open_all(&d, why);

	if (e == OK) {
		watch_begin(&d.revocations, settings->revocations);
		watch_begin(&d.roster, settings->roster);
		set_timers(&d);
		events_started(&d.office->world);
		office_revocations(d.office, is_revoked, d.tls);
		on_turn(&d); /* what a restart left to do, before the first request */
		log_notice("cohort-coordinator %s serves the federation %s on %s (port %u)", COHORT_VERSION,
		           tls_self(d.tls)->federation, settings->listen, server_port(d.server));
		notify_ready();
		loop_run(d.loop);
		notify_stopping();
	}
	close_all(&d);
	return e;
}
