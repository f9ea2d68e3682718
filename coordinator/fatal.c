#include "coordinator/fatal.h"

#include "base/log.h"

#include <unistd.h>

_Noreturn void fatal(const struct diag *why)
{
	log_error("%s; ending now, to recover from the disk", why->text);
	_exit(err_exit(ERR_IO));
}
