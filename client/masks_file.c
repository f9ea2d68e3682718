#include "client/masks_file.h"

#include "base/file.h"
#include "base/secret.h"
#include "client/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "masks 1\n"
#define MAGIC_SIZE 8
#define SLOTS 2
#define SUM_AT (MASKS_SLOT_HEAD - HASH_SIZE)
#define ZEROS 4096 /* written at a time */

struct slot {
	bool whole;
	uint64_t sequence;
	bool secrets;
	uint32_t octets; /* of the record */
	uint32_t dirty; /* octets of the slot that may be other than zero */
};

struct masks_file {
	int fd;
	char path[PATH_SIZE];
	struct hash study_hash;
	struct slot slots[SLOTS];
	struct secret record; /* of the newest slot; ptr NULL: none */
	bool failed;
};

/* ---- octets of a slot */

static void write_head(uint8_t head[MASKS_SLOT_HEAD], const struct masks_file *m, uint64_t sequence, bool secrets,
                       struct bytes record)
{
	struct sha256 sum = {0};
	struct hash h;

	memcpy(head, MAGIC, MAGIC_SIZE);
	store_u64(head + 8, sequence);
	memcpy(head + 16, m->study_hash.b, HASH_SIZE);
	head[48] = secrets;
	store_u32(head + 49, (uint32_t)record.len);
	sha256_init(&sum);
	sha256_update(&sum, bytes_of(head, SUM_AT));
	sha256_update(&sum, record);
	sha256_final(&sum, &h);
	sha256_free(&sum);
	memcpy(head + SUM_AT, h.b, HASH_SIZE);
}

/* What a slot's octets say; `whole` only when every one of them is as it was written. A disk may have written the end of a torn
 * slot and not its beginning, so all of it is looked at. */
static struct slot read_slot(const struct masks_file *m, const uint8_t *octets)
{
	struct slot s = {.sequence = load_u64(octets + 8), .secrets = octets[48] != 0, .octets = load_u32(octets + 49)};
	uint8_t head[MASKS_SLOT_HEAD];

	for (s.dirty = MASKS_SLOT; s.dirty > 0 && octets[s.dirty - 1] == 0;)
		s.dirty--;
	if (s.octets > MASKS_RECORD_MAX)
		return s;
	write_head(head, m, s.sequence, s.secrets, bytes_of(octets + MASKS_SLOT_HEAD, s.octets));
	s.whole = memcmp(head, octets, sizeof head) == 0;
	return s;
}

static int newest(const struct masks_file *m)
{
	const struct slot *s = m->slots;

	if (!s[0].whole || !s[1].whole)
		return s[0].whole ? 0 : s[1].whole ? 1 : -1;
	return s[1].sequence > s[0].sequence ? 1 : 0;
}

/* ---- writing */

static enum err write_at(const struct masks_file *m, struct bytes data, off_t at, struct diag *why)
{
	while (data.len > 0) {
		ssize_t n = pwrite(m->fd, data.ptr, data.len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_errno(why, errno, "%s: cannot be written", m->path);
		data = bytes_of(data.ptr + n, data.len - (size_t)n);
		at += n;
	}
	return OK;
}

static enum err write_zeros(const struct masks_file *m, off_t at, off_t end, struct diag *why)
{
	static const uint8_t zeros[ZEROS];
	enum err e = OK;

	for (; at < end && e == OK; at += ZEROS)
		e = write_at(m, bytes_of(zeros, end - at < ZEROS ? (size_t)(end - at) : ZEROS), at, why);
	return e;
}

static enum err sync_data(struct masks_file *m, struct diag *why)
{
	if (fdatasync(m->fd) == 0)
		return OK;
	m->failed = true;
	return diag_set(why, ERR_IO, "%s: fdatasync failed, what was written may be lost: %s", m->path,
	                strerror(errno));
}

/* Not synced. While it is written the slot counts for nothing. */
static enum err write_slot(struct masks_file *m, int which, uint64_t sequence, bool secrets, struct bytes record,
                           struct diag *why)
{
	off_t begin = (off_t)which * MASKS_SLOT;
	uint32_t end = MASKS_SLOT_HEAD + (uint32_t)record.len, dirty = m->slots[which].dirty;
	uint8_t head[MASKS_SLOT_HEAD];
	enum err e;

	m->slots[which] = (struct slot){.dirty = dirty > end ? dirty : end};
	write_head(head, m, sequence, secrets, record);
	e = write_at(m, bytes_of(head, sizeof head), begin, why);
	if (e == OK)
		e = write_at(m, record, begin + MASKS_SLOT_HEAD, why);
	if (e == OK)
		e = write_zeros(m, begin + end, begin + dirty, why);
	if (e == OK)
		m->slots[which] = (struct slot){true, sequence, secrets, (uint32_t)record.len, end};
	return e;
}

/* The newest record has no secrets and the other slot may have: the same once more, as the older one of the two, so that the next
 * write goes there and leaves the slot that was synced alone. That a full disk does not take it is not fatal. */
static void wipe_other(struct masks_file *m)
{
	int this = newest(m);
	struct slot *other;

	if (this < 0 || m->slots[this].secrets)
		return;
	other = &m->slots[1 - this];
	if ((other->whole && !other->secrets) || other->dirty == 0)
		return;
	(void)!write_slot(m, 1 - this, m->slots[this].sequence - 1, false, masks_file_record(m), NULL);
}

static void remember(struct masks_file *m, struct bytes record)
{
	struct secret fresh = {0};

	if (record.len > 0) {
		secret_new(&fresh, record.len);
		memcpy(fresh.ptr, record.ptr, record.len);
	}
	secret_free(&m->record);
	m->record = fresh;
}

enum err masks_file_write(struct masks_file *m, struct bytes record, bool secrets, struct diag *why)
{
	int last = newest(m), which = last < 0 ? 0 : 1 - last;
	uint64_t sequence = last < 0 ? 1 : m->slots[last].sequence + 1;
	enum err e;

	if (m->failed)
		return diag_set(why, ERR_IO, "%s: the disk failed before, so nothing is written any more", m->path);
	if (record.len > MASKS_RECORD_MAX)
		return diag_set(why, ERR_LIMIT, "%s: a record of %zu octets, a slot takes %u", m->path, record.len,
		                MASKS_RECORD_MAX);
	e = write_slot(m, which, sequence, secrets, record, why);
	if (e == OK)
		e = sync_data(m, why);
	if (e != OK)
		return e;
	remember(m, record);
	wipe_other(m);
	return OK;
}

/* ---- opening */

/* A file that was made and not filled up is like a new one. */
static enum err make_file(struct masks_file *m, struct diag *why)
{
	struct stat st;

	m->fd = open(m->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->fd < 0)
		return diag_set(why, ERR_CREATE, "%s: cannot be opened: %s", m->path, strerror(errno));
	if (fstat(m->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return diag_set(why, ERR_CREATE, "%s: is not a regular file", m->path);
	if (st.st_size == (off_t)SLOTS * MASKS_SLOT)
		return OK;
	if (ftruncate(m->fd, (off_t)SLOTS * MASKS_SLOT) != 0)
		return diag_errno(why, errno, "%s: cannot be made as large as it must be", m->path);
	if (fsync(m->fd) != 0)
		return diag_set(why, ERR_IO, "%s: fsync failed: %s", m->path, strerror(errno));
	return file_sync_folder_of(m->path, why);
}

static enum err read_file(const struct masks_file *m, uint8_t *octets, size_t len, struct diag *why)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(m->fd, octets + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_set(why, ERR_IO, "%s: cannot be read: %s", m->path,
			                n < 0 ? strerror(errno) : "it ends early");
		done += (size_t)n;
	}
	return OK;
}

/* The first record ever goes into slot 0. So when only that has been touched and is not whole, nothing was durable before. */
static enum err judge(const struct masks_file *m, struct diag *why)
{
	if (newest(m) >= 0 || m->slots[1].dirty == 0)
		return OK;
	return diag_set(
		why, ERR_DATA,
		"%s: both records are damaged, so nobody knows which rounds this hospital has opened: reject the study "
		"and ask for a new revision",
		m->path);
}

static enum err load(struct masks_file *m, struct diag *why)
{
	struct secret octets;
	enum err e;
	int last;

	secret_new(&octets, (size_t)SLOTS * MASKS_SLOT);
	e = read_file(m, octets.ptr, octets.len, why);
	for (int i = 0; i < SLOTS && e == OK; i++)
		m->slots[i] = read_slot(m, octets.ptr + (size_t)i * MASKS_SLOT);
	if (e == OK)
		e = judge(m, why);
	last = newest(m);
	if (e == OK && last >= 0)
		remember(m, bytes_of(octets.ptr + (size_t)last * MASKS_SLOT + MASKS_SLOT_HEAD, m->slots[last].octets));
	secret_free(&octets);
	return e;
}

enum err masks_file_open(struct masks_file **out, const char *state, const struct hash *study_hash, struct diag *why)
{
	struct masks_file *m = mem_alloc(sizeof *m);
	char folder[PATH_SIZE], hex[HASH_HEX_SIZE];
	enum err e = state_folder(folder, state, "masks", why);

	*out = NULL;
	m->fd = -1;
	m->study_hash = *study_hash;
	hash_hex(hex, study_hash);
	if (e == OK && snprintf(m->path, sizeof m->path, "%s/%s", folder, hex) >= (int)sizeof m->path)
		e = diag_set(why, ERR_CONFIG, "the path of the state folder is too long: %s", state);
	if (e == OK)
		e = make_file(m, why);
	if (e == OK)
		e = load(m, why);
	if (e != OK) {
		masks_file_close(m);
		return e;
	}
	wipe_other(m);
	*out = m;
	return OK;
}

void masks_file_close(struct masks_file *m)
{
	if (m == NULL)
		return;
	if (m->fd >= 0)
		close(m->fd);
	secret_free(&m->record);
	free(m);
}

struct bytes masks_file_record(const struct masks_file *m)
{
	return bytes_of(m->record.ptr, m->record.len);
}

bool masks_file_failed(const struct masks_file *m)
{
	return m->failed;
}
