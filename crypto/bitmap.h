/*
 * Sets of sites as bitmaps over U1: bit i stands for the i-th smallest site (from 0), least significant bit first. n is
 * |U1| everywhere. One set has one spelling: ceil(n / 8) octets, spare bits 0, so that it can be hashed and signed.
 */
#ifndef COHORT_CRYPTO_BITMAP_H
#define COHORT_CRYPTO_BITMAP_H

#include "base/bytes.h"

#include <stdint.h>

size_t bitmap_size(uint32_t n); /* octets */

/* Exactly bitmap_size(n) octets with the spare bits 0. Everything that comes from outside passes here first. */
bool bitmap_valid(struct bytes set, uint32_t n);

bool bitmap_has(const uint8_t *set, uint32_t i);
void bitmap_add(uint8_t *set, uint32_t i);
uint32_t bitmap_count(const uint8_t *set, uint32_t n);
bool bitmap_within(const uint8_t *inner, const uint8_t *outer, uint32_t n); /* every member of inner is in outer */

#endif
