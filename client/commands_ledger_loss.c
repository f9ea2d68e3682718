/* ledger --accept-loss: a person states that the newest ledger is lost for good (client/standing.h). */
#include "base/parse.h"
#include "client/commands.h"
#include "client/desk.h"
#include "client/ledger.h"
#include "client/screen.h"
#include "client/state.h"

static enum err read_counter(uint64_t *out, const struct command_line *line, struct diag *why)
{
	const char *text = command_value(line, "accept-loss", 0);

	if (parse_u64(out, bytes_text(text)))
		return OK;
	return diag_set(why, ERR_USAGE, "--accept-loss: \"%s\" is no number of entries; the alarm in the log names it",
	                text);
}

/* Only while no daemon runs, whose rounds would be judged by what is about to change. */
static enum err lock(int *lock, const char *state, struct diag *why)
{
	enum err e = state_make(state, why);

	*lock = -1;
	if (e == OK)
		e = state_lock(lock, state, why);
	return e == ERR_AGAIN ? diag_prefix(why, e, "stop cohort-client first") : e;
}

static void say(uint64_t counter)
{
	screen_next("Entry %llu of the ledger now states that the entries up to %llu which are not in it are lost. "
	            "Nothing is left of any privacy "
	            "budget: studies with noise are refused from now on. Studies without noise that were under way are "
	            "refused, too; they "
	            "need a new revision. This cannot be taken back.",
	            (unsigned long long)counter + 1, (unsigned long long)counter);
}

int commands_ledger_loss(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct ledger *ledger = NULL;
	uint64_t counter = 0;
	int held = -1;
	enum err e = read_counter(&counter, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = lock(&held, config.state, why);
	if (e == OK)
		e = ledger_open(&ledger, config.state, why);
	if (e == OK)
		e = ledger_accept_loss(ledger, counter, why);
	if (e == OK)
		say(counter);
	ledger_close(ledger);
	state_unlock(held);
	client_config_free(&config);
	return err_exit(e);
}
