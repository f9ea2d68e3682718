#include "client/masking.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD 4 /* octets of a word of v */
#define PIECE (8u * MASK_TILE) /* coordinates: half a MiB of v, and as much of y */

/* What is in hand. */
struct work {
	const struct masking_order *m;
	FILE *in;
	int out;
	struct sha256 v, y;
	uint8_t *octets; /* of a piece, as they are read and as they are written */
	uint32_t *words;
};

static enum err open_files(struct work *w, struct diag *why)
{
	w->in = fopen(w->m->v_path, "rbe");
	if (w->in == NULL)
		return diag_set(why, ERR_NO_INPUT, "%s: cannot be opened: %s", w->m->v_path, strerror(errno));
	setvbuf(w->in, NULL, _IONBF, 0); /* pieces are large, and a buffer would keep v */
	unlink(w->m->y_path); /* a request may still be reading an older one */
	w->out = open(w->m->y_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->out < 0)
		return diag_set(why, ERR_CREATE, "%s: cannot be created: %s", w->m->y_path, strerror(errno));
	return OK;
}

/* Words first .. first + count - 1 of v and its check words. */
static enum err read_words(struct work *w, uint32_t first, uint32_t count, struct diag *why)
{
	uint32_t checks[MASKED_CHECK_WORDS], plain = w->m->words - MASKED_CHECK_WORDS;
	uint32_t from_v = first >= plain ? 0 : plain - first < count ? plain - first : count;

	masked_plan_check_words(checks);
	if (fread(w->octets, WORD, from_v, w->in) != from_v)
		return diag_set(why, ERR_DATA, "%s: is shorter than the ledger says", w->m->v_path);
	sha256_update(&w->v, bytes_of(w->octets, (size_t)WORD * from_v));
	for (uint32_t i = 0; i < from_v; i++)
		w->words[i] = load_u32(w->octets + (size_t)WORD * i);
	for (uint32_t i = from_v; i < count; i++)
		w->words[i] = checks[first + i - plain];
	return OK;
}

static enum err write_octets(struct work *w, struct bytes data, struct diag *why)
{
	sha256_update(&w->y, data);
	while (data.len > 0) {
		ssize_t n = write(w->out, data.ptr, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_errno(why, errno, "%s: cannot be written", w->m->y_path);
		data = bytes_of(data.ptr + n, data.len - (size_t)n);
	}
	return OK;
}

static enum err mask_piece(struct work *w, uint32_t first, uint32_t count, struct diag *why)
{
	const struct masking_order *m = w->m;
	enum err e = read_words(w, first, count, why);

	if (e != OK)
		return e;
	mask_input(w->octets, w->words, first, count, m->bits, m->masks, m->mask_count);
	return write_octets(w, bytes_of(w->octets, pack_size(count, m->bits)), why);
}

static enum err mask_all(struct work *w, struct hash *y, struct diag *why)
{
	const struct masking_order *m = w->m;
	struct hash v;
	enum err e = OK;

	for (uint32_t first = 0; first < m->words && e == OK; first += PIECE) {
		uint32_t left = m->words - first;

		if (m->cancel != NULL && atomic_load(m->cancel))
			e = diag_set(why, ERR_CANCELLED, "masking was given up");
		else
			e = mask_piece(w, first, left < PIECE ? left : PIECE, why);
	}
	sha256_final(&w->v, &v);
	sha256_final(&w->y, y);
	if (e == OK && (fgetc(w->in) != EOF || !hash_equal(&v, &m->v->content)))
		e = diag_set(why, ERR_DATA, "%s: is not the contribution that the ledger has", m->v_path);
	return e;
}

enum err masking_make(struct hash *y, const struct masking_order *m, struct diag *why)
{
	struct work w = {.m = m, .out = -1};
	enum err e;

	CHECK((uint64_t)WORD * m->words == m->v->octets + (uint64_t)WORD * MASKED_CHECK_WORDS);
	w.octets = mem_array(PIECE, WORD); /* k is at most 32 bits */
	w.words = mem_array(PIECE, sizeof *w.words);
	sha256_init(&w.v);
	sha256_init(&w.y);
	e = open_files(&w, why);
	if (e == OK)
		e = mask_all(&w, y, why);
	if (w.out >= 0 && close(w.out) != 0 && e == OK)
		e = diag_errno(why, errno, "%s: cannot be written", m->y_path);
	if (e != OK && w.out >= 0)
		unlink(m->y_path);
	if (w.in != NULL)
		fclose(w.in);
	secret_wipe(w.octets, (size_t)PIECE * WORD); /* v unmasked */
	secret_wipe(w.words, PIECE * sizeof *w.words);
	free(w.octets);
	free(w.words);
	sha256_free(&w.v);
	sha256_free(&w.y);
	return e;
}
