#include "client/agent.h"

#include "base/log.h"
#include "base/pool.h"
#include "client/agent_inside.h"
#include "client/state.h"
#include "net/notify.h"

#include <signal.h>
#include <string.h>

#define TICK_MS 1000 /* a new approval is noticed within it; the promise is 2 s */

/* ---- turns of the loop */

/* From a thread of a member: the first reason to end counts. */
void agent_must_stop(void *context, enum err e, const char *why)
{
	struct agent *a = context;

	pthread_mutex_lock(&a->mutex);
	if (a->outcome == OK)
		a->outcome = diag_set(&a->why, e, "%s", why);
	pthread_mutex_unlock(&a->mutex);
	loop_wake(a->loop);
}

static void on_wake(void *context)
{
	struct agent *a = context;
	bool stop;

	pool_collect(a->leaving);
	pool_collect(a->telling);
	pthread_mutex_lock(&a->mutex);
	stop = a->outcome != OK;
	pthread_mutex_unlock(&a->mutex);
	if (stop)
		loop_stop(a->loop);
}

static void on_tick(void *context)
{
	struct agent *a = context;
	struct diag why;

	agent_look(a);
	agent_tell_rejections(a);
	if (ledger_failed(a->ledger, &why))
		agent_must_stop(a, ERR_IO, why.text);
	notify_watchdog();
	loop_timer_set(a->tick, loop_now_ms(a->loop) + a->tick_ms);
}

static void on_signal(void *context)
{
	struct agent *a = context;

	loop_stop(a->loop);
}

static void on_turn(void *context)
{
	struct agent *a = context;

	server_flush(a->server);
}

/* ---- begin and end */

static enum err open_state(struct agent *a, struct diag *why)
{
	const char *state = a->config->state;
	enum err e = state_make(state, why);

	if (e == OK)
		e = state_lock(&a->lock, state, why);
	return e == OK ? ledger_open(&a->ledger, state, why) : e;
}

/* The certificate is judged before anything is begun, and must be this hospital's. */
static enum err open_credentials(struct agent *a, struct diag *why)
{
	struct request_config request = client_config_request(a->config);
	enum err e = request_open(&a->teller, &request, why);

	if (e != OK)
		return e;
	if (strcmp(request_self(a->teller)->name, a->config->site) != 0)
		return yaml_complain(a->config->document, why, ERR_CONFIG, "site", "the certificate %s is that of %s",
		                     a->config->tls.certificate, request_self(a->teller)->name);
	request_set_header(a->teller, "Cohort-Session", a->boot_id);
	return OK;
}

static enum err open_loop(struct agent *a, struct diag *why)
{
	struct server_handler handler = {.request = agent_answer, .context = a};
	enum err e = loop_new(&a->loop, why);

	if (e == OK)
		e = server_new(&a->server, a->loop, &handler, why);
	if (e == OK)
		e = pool_new(&a->leaving, 1, loop_wake, a->loop);
	if (e == OK)
		e = pool_new(&a->telling, 1, loop_wake, a->loop);
	if (e != OK)
		return e;
	loop_on_wake(a->loop, on_wake, a);
	loop_on_turn(a->loop, on_turn, a);
	loop_on_signal(a->loop, SIGTERM, on_signal, a);
	loop_on_signal(a->loop, SIGINT, on_signal, a);
	a->tick = loop_timer_new(a->loop, on_tick, a);
	a->tick_ms = notify_watchdog_ms();
	if (a->tick_ms == 0 || a->tick_ms > TICK_MS)
		a->tick_ms = TICK_MS;
	return OK;
}

/* Commands can wait for the daemon's end instead, so this is no reason not to run. */
static void open_socket(struct agent *a)
{
	char path[PATH_SIZE];
	struct diag why = {{0}};

	if (state_path(path, a->config->state, AGENT_SOCKET, &why) != OK ||
	    server_listen_local(a->server, path, &why) != OK)
		log_warning("commands cannot ask this process: %s", why.text);
}

static void serve(struct agent *a)
{
	log_notice("%s runs for %s, state in %s", a->config->site, a->config->coordinator, a->config->state);
	open_socket(a);
	loop_timer_set(a->tick, loop_now_ms(a->loop));
	notify_ready();
	loop_run(a->loop);
	notify_stopping();
	log_notice("stopping");
}

/* In an order that lets every thread go home before what it uses is closed. */
static void close_all(struct agent *a)
{
	if (a->teller != NULL)
		request_cancel(a->teller);
	pool_free(a->telling);
	pool_free(a->leaving);
	agent_stop_members(a);
	loop_timer_free(a->tick);
	server_free(a->server);
	loop_free(a->loop);
	request_close(a->teller);
	ledger_close(a->ledger);
	state_unlock(a->lock);
	pthread_mutex_destroy(&a->mutex);
}

enum err agent_run(const struct client_config *config, struct diag *why)
{
	struct entropy entropy = entropy_system();
	struct agent a = {.config = config, .lock = -1};
	uint8_t id[(MEMBER_BOOT_ID_SIZE - 1) / 2];
	enum err e;

	pthread_mutex_init(&a.mutex, NULL);
	entropy_fill(&entropy, id, sizeof id);
	hex_encode(a.boot_id, bytes_of(id, sizeof id));
	e = open_state(&a, why);
	if (e == OK)
		e = open_credentials(&a, why);
	if (e == OK)
		e = open_loop(&a, why);
	if (e == OK)
		serve(&a);
	close_all(&a);
	if (e == OK && a.outcome != OK) {
		e = a.outcome;
		if (why != NULL)
			*why = a.why;
	}
	return e;
}
