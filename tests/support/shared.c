#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/shared.h"

#include "base/limits.h"

#include <stdio.h>
#include <unistd.h>

const char *shared_data(const char *name)
{
	static char paths[4][PATH_SIZE];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_SIZE, "../shared/data/%s", name);
	if (access(path, R_OK) != 0) {
		printf("skipped: no ../shared/data\n");
		skip();
	}
	return path;
}
