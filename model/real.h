/*
 * The number type of the model's formulas: float in every program.
 *
 * layers.c, loss.c and network.c are written in `real`. tests/test_gradients.c compiles the very same three sources
 * with MODEL_FLOAT64 and holds every gradient against finite differences of the loss, where float's 24 bits would
 * hide a wrong term in rounding noise. Nothing else may define MODEL_FLOAT64.
 */
#ifndef COHORT_MODEL_REAL_H
#define COHORT_MODEL_REAL_H

#ifdef MODEL_FLOAT64
typedef double real;
#else
typedef float real;
#endif

#endif
