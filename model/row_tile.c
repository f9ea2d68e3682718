/*
 * A tile has as many sums as it takes to keep the units for fused multiply-add busy, all in registers. Where fewer rows are left, the
 * last one is computed and written again in their places, with the same bits, which costs less than code of its own.
 */
#include "model/row_tile.h"

#include "base/vec.h"

#include <string.h>

#if defined(__x86_64__) && !defined(MODEL_FLOAT64)
#define FUSED
#include <immintrin.h>
#endif

#ifdef FUSED
/* Row `row`, or the last one that there is. */
static size_t row_at(size_t row, size_t rows)
{
	return row < rows ? row : rows - 1;
}

#define EACH_OF_4(DO) DO(0) DO(1) DO(2) DO(3)
#define EACH_OF_8(DO) EACH_OF_4(DO) DO(4) DO(5) DO(6) DO(7)

#define ROW_BEGIN(r) const real *x##r = x + row_at(r, rows) * c->depth;

/* Four rows by two vectors of 8. */
#define SUMS_BEGIN(r) __m256 low##r = low, high##r = high;
#define SUMS_ADD(r)                                                                                                    \
	value = _mm256_set1_ps(x##r[k]);                                                                               \
	low##r = _mm256_fmadd_ps(value, low, low##r);                                                                  \
	high##r = _mm256_fmadd_ps(value, high, high##r);
#define SUMS_PUT(r) put_256(y + row_at(r, rows) * c->width, c, low##r, high##r);

__attribute__((target("avx2,fma"))) static void put_256(real *y, const struct row_cut *c, __m256 low, __m256 high)
{
	real sums[ROW_PANEL];
	if (c->columns == ROW_PANEL) {
		_mm256_storeu_ps(y, low);
		_mm256_storeu_ps(y + 8, high);
		return;
	}
	_mm256_storeu_ps(sums, low);
	_mm256_storeu_ps(sums + 8, high);
	memcpy(y, sums, c->columns * sizeof *y);
}

__attribute__((target("avx2,fma"))) static void product_256(real *y, const real *x, const struct row_cut *c,
                                                            size_t rows)
{
	const real *panel = c->panel;
	__m256 low = _mm256_loadu_ps(panel), high = _mm256_loadu_ps(panel + 8), value;
	EACH_OF_4(ROW_BEGIN)
	EACH_OF_4(SUMS_BEGIN)
	for (size_t k = 0; k < c->depth; k++) {
		panel += ROW_PANEL;
		low = _mm256_loadu_ps(panel);
		high = _mm256_loadu_ps(panel + 8);
		EACH_OF_4(SUMS_ADD)
	}
	EACH_OF_4(SUMS_PUT)
}

/* Eight rows by one vector of 16. */
#define SUM_BEGIN(r) __m512 sum##r = weights;
#define SUM_ADD(r) sum##r = _mm512_fmadd_ps(_mm512_set1_ps(x##r[k]), weights, sum##r);
#define SUM_PUT(r) _mm512_mask_storeu_ps(y + row_at(r, rows) * c->width, columns, sum##r);

__attribute__((target("avx512f"))) static void product_512(real *y, const real *x, const struct row_cut *c, size_t rows)
{
	const real *panel = c->panel;
	__mmask16 columns = (__mmask16)((1u << c->columns) - 1);
	__m512 weights = _mm512_loadu_ps(panel);
	EACH_OF_8(ROW_BEGIN)
	EACH_OF_8(SUM_BEGIN)
	for (size_t k = 0; k < c->depth; k++) {
		panel += ROW_PANEL;
		weights = _mm512_loadu_ps(panel);
		EACH_OF_8(SUM_ADD)
	}
	EACH_OF_8(SUM_PUT)
}

static const struct row_tile tile_256 = {"AVX2", product_256, 4, true}, tile_512 = {"AVX-512", product_512, 8, true};
#endif

VEC_WIDE static void product_plain(real *y, const real *x, const struct row_cut *c, size_t rows)
{
	real sums[ROW_PANEL];
	for (size_t r = 0; r < rows; r++) {
		memcpy(sums, c->panel, sizeof sums);
		for (size_t k = 0; k < c->depth; k++)
			for (size_t j = 0; j < ROW_PANEL; j++)
				sums[j] += x[r * c->depth + k] * c->panel[(k + 1) * ROW_PANEL + j];
		memcpy(y + r * c->width, sums, c->columns * sizeof *y);
	}
}

static const struct row_tile tile_plain = {"plain", product_plain, 4, false};

size_t row_tiles(const struct row_tile *list[ROW_TILES_MAX])
{
	size_t count = 0;
#ifdef FUSED
	if (__builtin_cpu_supports("avx512f"))
		list[count++] = &tile_512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		list[count++] = &tile_256;
#endif
	list[count++] = &tile_plain;
	return count;
}
