/* tests/test_wide_update.c for machines with AVX2 alone, where this one has more. */
#ifdef __x86_64__
#define WIDE_TARGET "avx2"
#endif
#include "tests/test_wide_update.c"
