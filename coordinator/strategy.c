#include "coordinator/strategy.h"

#include "base/vec.h"

static void fedavg(const struct study *s, float *parameters, const double *update, size_t n)
{
	for (size_t i = 0; i < n; i++)
		parameters[i] = (float)((double)parameters[i] + s->server_learning_rate * update[i]);
}

static const struct strategy {
	const char *name;
	void (*apply)(const struct study *s, float *parameters, const double *update, size_t n);
} strategies[] = {
	[STRATEGY_FEDAVG] = {"fedavg", fedavg},
};

enum err strategy_apply(const struct study *s, float *parameters, const double *update, size_t n, struct diag *why)
{
	CHECK((size_t)s->strategy < sizeof strategies / sizeof *strategies);
	strategies[s->strategy].apply(s, parameters, update, n);
	if (!vec_finite(parameters, n))
		return diag_set(
			why, ERR_DATA,
			"study %s: the model is no longer finite after this round; lower training.server.learning_rate "
			"or training.update_range in a new revision",
			s->name);
	return OK;
}

const char *strategy_name(enum strategy_kind k)
{
	CHECK((size_t)k < sizeof strategies / sizeof *strategies);
	return strategies[k].name;
}
