#include "coordinator/masked_sum.h"

#include "base/vec.h"
#include "protocol/masked_plan.h"

#include <pthread.h>
#include <stdlib.h>

struct masked_sum {
	struct layout layout;
	uint32_t bits, words;
	uint32_t *sums; /* [words] */
	pthread_mutex_t *locks; /* one per piece */
	uint32_t pieces;
};

struct masked_sum *masked_sum_new(const struct layout *layout, uint32_t bits)
{
	struct masked_sum *m = mem_alloc(sizeof *m);

	CHECK(bits >= 1 && bits <= PACK_BITS_MAX);
	m->layout = *layout;
	m->bits = bits;
	m->words = layout->words + MASKED_CHECK_WORDS;
	m->sums = vec_u32(m->words);
	m->pieces = (m->words + MASKED_SUM_PIECE - 1) / MASKED_SUM_PIECE;
	m->locks = mem_array(m->pieces, sizeof *m->locks);
	for (uint32_t i = 0; i < m->pieces; i++)
		CHECK(pthread_mutex_init(&m->locks[i], NULL) == 0);
	return m;
}

void masked_sum_free(struct masked_sum *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->pieces; i++)
		pthread_mutex_destroy(&m->locks[i]);
	secret_wipe(m->sums, m->words * sizeof *m->sums);
	free(m->sums);
	free(m->locks);
	free(m);
}

uint32_t masked_sum_words(const struct masked_sum *m)
{
	return m->words;
}

uint32_t masked_sum_pieces(const struct masked_sum *m)
{
	return m->pieces;
}

/* Coordinates of a piece: all but the last one's are MASKED_SUM_PIECE. */
static uint32_t piece_words(const struct masked_sum *m, uint32_t piece)
{
	uint32_t left = m->words - piece * MASKED_SUM_PIECE;

	return left < MASKED_SUM_PIECE ? left : MASKED_SUM_PIECE;
}

void masked_sum_add(struct masked_sum *m, const uint8_t *octets, uint32_t first, uint32_t count)
{
	CHECK(first % MASKED_SUM_PIECE == 0 && first <= m->words && count <= m->words - first);
	CHECK(count % MASKED_SUM_PIECE == 0 || first + count == m->words);
	for (uint32_t piece = first / MASKED_SUM_PIECE; piece * MASKED_SUM_PIECE < first + count; piece++) {
		uint32_t at = piece * MASKED_SUM_PIECE;

		pthread_mutex_lock(&m->locks[piece]);
		pack_add(m->sums + at, octets + (size_t)(at - first) / 8 * m->bits, piece_words(m, piece), m->bits);
		pthread_mutex_unlock(&m->locks[piece]);
	}
}

void masked_sum_unmask(struct masked_sum *m, uint32_t piece, const struct mask *masks, size_t mask_count)
{
	uint32_t at = piece * MASKED_SUM_PIECE;

	CHECK(piece < m->pieces);
	pthread_mutex_lock(&m->locks[piece]);
	mask_add(m->sums + at, at, piece_words(m, piece), masks, mask_count);
	pthread_mutex_unlock(&m->locks[piece]);
}

/* Of each word only the low bits were sent: what lies above them is left over from masks. */
static uint32_t low_bits(const struct masked_sum *m, uint32_t word)
{
	return word & (UINT32_MAX >> (PACK_BITS_MAX - m->bits));
}

enum err masked_sum_judge(const struct masked_sum *m, uint32_t survivors, struct diag *why)
{
	uint32_t check[MASKED_CHECK_WORDS];

	for (uint32_t i = 0; i < MASKED_CHECK_WORDS; i++)
		check[i] = low_bits(m, m->sums[m->layout.words + i]);
	return masked_plan_judge_sum(check, survivors, why);
}

enum err masked_sum_finish(struct aggregate *out, const struct masked_sum *m, uint32_t survivors, struct diag *why)
{
	enum err e = masked_sum_judge(m, survivors, why);
	if (e != OK)
		return e;
	CHECK(out->layout.words == m->layout.words && survivors <= out->layout.sites - out->added);
	for (uint32_t i = 0; i < m->layout.words; i++)
		out->sums[i] += pack_signed(m->sums[i], m->bits);
	out->added += survivors;
	return OK;
}

void masked_sum_read(int64_t *out, const struct masked_sum *m, uint32_t first, uint32_t words)
{
	CHECK(first <= m->layout.words && words <= m->layout.words - first);
	for (uint32_t i = 0; i < words; i++)
		out[i] = pack_signed(m->sums[first + i], m->bits);
}
