/*
 * The split: which part a patient belongs to, by a hash of the patient and the study's seed alone. It depends on
 * neither the site, the study's name nor the other rows, so a new extract moves nobody (without a
 * patient column: as long as rows are only added at its end).
 *
 *   h     = BLAKE2b-256("COHRTspl" || F(seed as u64le) || F(id))        F: u32le length, then the bytes (base/bytes.h)
 *   point = u64le(h[0..8)) / 2^64                                       in [0, 1)
 *   test        point <  test_fraction
 *   validation  point <  test_fraction + validation_fraction            (one double addition)
 *   train       otherwise
 *
 * `id` is the text of the patient's cell, trimmed, as UTF-8, and never read as a number ("7" and "07" are two
 * patients); without a patient column it is the row's number in the file in decimal, "1" for the first row after the
 * header (rows that are dropped count). In Python:
 *     h = hashlib.blake2b(b"COHRTspl" + struct.pack("<IQI", 8, seed, len(id)) + id, digest_size=32).digest()
 *     point = int.from_bytes(h[:8], "little") / 2**64
 */
#ifndef COHORT_DATA_SPLIT_H
#define COHORT_DATA_SPLIT_H

#include "base/hash.h"
#include "data/schema.h"

/* h above: names the patient within one study, and places it. */
void split_hash(struct hash *out, uint64_t seed, struct bytes id);

enum split_part split_by_hash(const struct split *s, const struct hash *h);

#endif
