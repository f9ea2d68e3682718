/* Seconds of this machine, for how long things took. No core asks it: their time is virtual. */
#ifndef COHORT_SIMULATOR_STOPWATCH_H
#define COHORT_SIMULATOR_STOPWATCH_H

double stopwatch_seconds(void); /* monotonic, from some moment in the past */

#endif
