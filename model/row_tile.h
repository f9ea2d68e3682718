/*
 * Tiles: the innermost loops of model/row_products.h, a few rows of x by one panel of 16 columns.
 *
 *   y_rj = ((s_j + x_r1 p_1j) + x_r2 p_2j) + ...       each step one fused multiply-add (`fused`: all such tiles have the same bits), or
 *                                                      a multiplication and an addition
 */
#ifndef COHORT_MODEL_ROW_TILE_H
#define COHORT_MODEL_ROW_TILE_H

#include "model/real.h"

#include <stdbool.h>
#include <stddef.h>

#define ROW_PANEL 16 /* columns */

struct row_cut {
	const real *panel; /* ROW_PANEL starting values s, then `depth` steps of ROW_PANEL weights p */
	size_t depth, width; /* of a row of x; of a row of y */
	size_t columns; /* of y to write: ROW_PANEL, or fewer in the last panel */
};

struct row_tile {
	const char *name;
	/* y[rows, columns of the cut] from x[rows, depth], 1 <= rows <= the tile's. */
	void (*product)(real *y, const real *x, const struct row_cut *c, size_t rows);
	size_t rows;
	bool fused;
};

/* Those that this machine runs, the fastest first; how many. */
#define ROW_TILES_MAX 3
size_t row_tiles(const struct row_tile *list[ROW_TILES_MAX]);

#endif
