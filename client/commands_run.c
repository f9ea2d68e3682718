/* run: the daemon. */
#include "base/log.h"
#include "client/agent.h"
#include "client/commands.h"
#include "client/desk.h"

int commands_run(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	enum err e = desk_config(&config, line, why);

	log_init("cohort-client", command_flag(line, "verbose") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (e == OK)
		e = agent_run(&config, why);
	client_config_free(&config);
	return err_exit(e);
}
