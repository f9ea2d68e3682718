#include "protocol/study.h"
#include "simulator/commands.h"

#include <stdio.h>

int commands_rules(const struct command_line *line, struct diag *why)
{
	struct study study = {0};
	enum err e = study_load(&study, line->operands[0], true, why);

	if (e == OK) {
		fwrite(study.canonical.ptr, 1, study.canonical.len, stdout);
		putchar('\n');
	}
	study_free(&study);
	return err_exit(e);
}
