#include "simulator/figure.h"

#include <string.h>

static const struct figure figures[] = {
	{"auc", "AUC", true, false},
	{"accuracy", "accuracy", true, false},
	{"precision", "precision", true, false},
	{"recall", "recall", true, false},
	{"f1", "F1", true, false},
	{"loss", "loss", false, true},
	{"brier", "Brier score", true, true},
	{"r2", "R\xc2\xb2", false, false},
	{"rmse", "RMSE", false, true},
	{"mae", "MAE", false, true},
};
#define FIGURE_COUNT (sizeof figures / sizeof *figures)

const struct figure *figure_at(size_t index)
{
	return index < FIGURE_COUNT ? &figures[index] : NULL;
}

const struct figure *figure_find(const char *key)
{
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		if (strcmp(figures[i].key, key) == 0)
			return &figures[i];
	return NULL;
}
