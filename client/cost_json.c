#include "client/cost_json.h"

#include <math.h>

struct json *cost_json_of(const struct budget_debit *d)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < d->part_count; i++) {
		struct json *part = json_new_object();

		json_set_real(part, "q", d->parts[i].sampling_rate);
		json_set_real(part, "z", d->parts[i].noise_multiplier);
		json_set_integer(part, "count", (int64_t)d->parts[i].count);
		json_add(list, part);
	}
	return list;
}

static bool read_part(struct account_steps *out, const struct json *node)
{
	struct json_reader r;

	json_read_begin(&r, node, "cost", NULL);
	out->sampling_rate = json_read_real(&r, "q", 0, 1);
	out->noise_multiplier = json_read_real(&r, "z", 0, HUGE_VAL);
	out->count = (uint64_t)json_read_integer(&r, "count", 1, INT64_MAX);
	return json_read_end(&r) == OK;
}

bool cost_json_read(struct budget_debit *d, const struct json *list)
{
	size_t count = list != NULL ? json_count(list) : 0;
	bool good = list != NULL && json_kind(list) == JSON_IS_ARRAY && count <= PRIVACY_DEBIT_MAX;

	for (size_t i = 0; good && i < count; i++)
		good = read_part(&d->parts[i], json_at(list, i));
	d->part_count = good ? (uint32_t)count : 0;
	return good;
}
