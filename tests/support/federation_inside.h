/* Between federation.c (making, processes, commands) and federation_look.c (asking, waiting). */
#ifndef COHORT_TESTS_SUPPORT_FEDERATION_INSIDE_H
#define COHORT_TESTS_SUPPORT_FEDERATION_INSIDE_H

#include "tests/support/federation.h"

int64_t federation_now_ms(void);
void federation_pause(void); /* between two looks */

/* Ends everything and fails the test, after the ends of all logs. */
void federation_fail(struct federation *f, const char *words);

/* Fails when a program that was started has ended by itself: nothing that is waited for will come. */
void federation_check_alive(struct federation *f);

#endif
