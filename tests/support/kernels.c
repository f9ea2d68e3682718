#include "tests/support/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VARIABLE "OPENBLAS_CORETYPE"

void kernels_that_mix_rows(char **argv)
{
#ifdef __x86_64__
	if (getenv(VARIABLE) || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return;
	setenv(VARIABLE, "Haswell", 1);
	execv("/proc/self/exe", argv);
	perror("execv");
	exit(1);
#else
	(void)argv;
#endif
}
