/*
 * Privacy noise: exact samples of the discrete Gaussian N_Z(0, variance), Pr[x] ~ exp(-x^2 / (2 variance)) over all whole x.
 *
 * Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020), Algorithms 1 to 3.
 * Whole numbers only: neither libm nor a floating-point number takes part, so none of the attacks on the low bits of
 * floating-point noise applies (Mironov 2012; Jin et al. 2022), and every machine draws the same samples from the same
 * octets. Randomness comes from struct entropy alone (privacy/chance.h).
 *
 * Time. These are rejection samplers: the time that noise takes tells something of the noise. It is drawn before the
 * patients' data are touched, for all coordinates, whatever they hold; so time tells nothing of the data.
 */
#ifndef COHORT_PRIVACY_NOISE_H
#define COHORT_PRIVACY_NOISE_H

#include "base/limits.h"
#include "base/random.h"

/* out[i], i < count: independent samples, modulo 2^32 as two's complement (they are added modulo 2^32; beyond int32 lie fewer
 * than 2^-185 of them). `variance`: 1 to NOISE_VARIANCE_MAX (a CHECK). `out` is a secret of the caller.
 * Cost: 70 ns each on one core, 16 KiB of stack. Entropy: 32 octets for each CHANCE_BLOCK octets of stream, of which a sample
 * takes 37 on average (48 at a variance of 3); none when count is 0. */
void noise_draw(int32_t *out, size_t count, uint64_t variance, const struct entropy *entropy);

#endif
