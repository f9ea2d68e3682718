/*
 * The masks' record of one study on disk: what crypto/secagg_client.h wants durable in place of the last one, before the message that
 * it guards is sent. It holds secrets while an attempt is under way, and afterwards what was used and opened, forever.
 *
 *   STATE/masks/HASH, mode 0600:     slot 0 | slot 1              each MASKS_SLOT octets, sparse
 *
 *   a slot    offset  octets
 *                  0       8   "masks 1\n"
 *                  8       8   sequence number, u64, from 1
 *                 16      32   the study's hash
 *                 48       1   1: the record holds secrets
 *                 49       4   octets of the record, u32
 *                 53      32   SHA-256 of all that and of the record
 *                 85           the record, then zeros
 *
 * Slots are written in turn, each time with one fdatasync: half of what renaming a new file costs (fsync of the file and of its
 * folder). The newest slot that is whole counts. A write that was torn, by a crash or a full disk, has damaged the older one only, so
 * the record before it is still there: nothing was sent yet that the torn one guards.
 *
 * A record without secrets, written after one with them, goes into both slots. The second copy needs no sync: at worst it is
 * made when the file is next opened. What is shorter is filled up with zeros, so nothing of an older record stays behind it. A disk
 * that keeps old blocks of its own accord (snapshots, flash) is beyond this.
 *
 * After a failed fdatasync nothing is written any more (ERR_IO): the process should end, and recover from what is on disk.
 */
#ifndef COHORT_CLIENT_MASKS_FILE_H
#define COHORT_CLIENT_MASKS_FILE_H

#include "base/bytes.h"
#include "base/hash.h"

#define MASKS_SLOT (1u << 20) /* octets of a slot: a record of SITES_MAX sites takes 560 KiB */
#define MASKS_SLOT_HEAD 85
#define MASKS_RECORD_MAX (MASKS_SLOT - MASKS_SLOT_HEAD)

struct masks_file; /* opaque */

/* Opens a study's file, or makes it. The state folder's lock is the caller's. ERR_DATA when no slot is whole though there were
 * records: what this study has used and opened is then unknown, and it must not go on; ERR_CREATE, ERR_IO, ERR_FULL. */
enum err masks_file_open(struct masks_file **out, const char *state, const struct hash *study_hash,
                         struct diag *why) MUST_USE;
void masks_file_close(struct masks_file *m); /* wipes what is in memory; accepts NULL */

/* The newest record, empty when there is none yet. In locked memory; borrowed until the next call. */
struct bytes masks_file_record(const struct masks_file *m);

/* Makes `record` durable in place of the last one. ERR_FULL and ERR_CREATE: the last one is still there; ERR_IO: fatal, either may be
 * there; ERR_LIMIT: longer than MASKS_RECORD_MAX. */
enum err masks_file_write(struct masks_file *m, struct bytes record, bool secrets, struct diag *why) MUST_USE;

/* The disk failed under it. */
bool masks_file_failed(const struct masks_file *m);

#endif
