/* What many disturbed worlds have shown: the table fault x phase x side, as text and as JSON. */
#include "simulator/faults.h"

#include <inttypes.h>

static bool is_wrong(const struct disturbances *d, enum fault f, enum side s, enum during p)
{
	bool can = during_is_of(p, s) && disturbance_impossible(f, s, p) == NULL;

	return can == (d->count[f][s][p] == 0);
}

uint32_t faults_wrong_cells(char *out, size_t size, const struct disturbances *d)
{
	uint32_t count = 0;
	size_t at = 0;

	if (size > 0)
		out[0] = '\0';
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			for (int p = 0; p < DURING_COUNT; p++) {
				if (!is_wrong(d, (enum fault)f, (enum side)s, (enum during)p))
					continue;
				if (at < size)
					at += (size_t)snprintf(out + at, size - at, "%s%s, %s, %s",
					                       count > 0 ? "; " : "", fault_name((enum fault)f),
					                       side_name((enum side)s), during_name((enum during)p));
				count++;
			}
	return count;
}

static void print_head(FILE *to, enum side s)
{
	fprintf(to, "%-15s", side_name(s));
	for (int p = 0; p < DURING_COUNT; p++)
		if (during_is_of((enum during)p, s))
			fprintf(to, " %12s", during_name((enum during)p));
	fputc('\n', to);
}

static void print_row(FILE *to, const struct disturbances *d, enum fault f, enum side s)
{
	fprintf(to, "%-15s", fault_name(f));
	for (int p = 0; p < DURING_COUNT; p++) {
		if (!during_is_of((enum during)p, s))
			continue;
		if (disturbance_impossible(f, s, (enum during)p) != NULL)
			fprintf(to, " %12s", "-");
		else
			fprintf(to, " %12" PRIu64, d->count[f][s][p]);
	}
	fputc('\n', to);
}

void faults_print(FILE *to, const struct disturbances *d)
{
	for (int s = 0; s < SIDE_COUNT; s++) {
		print_head(to, (enum side)s);
		for (int f = 0; f < FAULT_COUNT; f++)
			print_row(to, d, (enum fault)f, (enum side)s);
		if (s + 1 < SIDE_COUNT)
			fputc('\n', to);
	}
}

static struct json *cells_to_json(const struct disturbances *d)
{
	struct json *list = json_new_array();

	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			for (int p = 0; p < DURING_COUNT; p++) {
				struct json *cell;

				if (!during_is_of((enum during)p, (enum side)s))
					continue;
				cell = json_new_object();
				json_set_string(cell, "fault", fault_name((enum fault)f));
				json_set_string(cell, "side", side_name((enum side)s));
				json_set_string(cell, "during", during_name((enum during)p));
				json_set_integer(cell, "count", (int64_t)d->count[f][s][p]);
				json_set_string(cell, "impossible",
				                disturbance_impossible((enum fault)f, (enum side)s, (enum during)p));
				json_add(list, cell);
			}
	return list;
}

static struct json *violations_to_json(const struct faults_tally *t)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < t->violated; i++) {
		struct json *v = json_new_object();

		json_set_integer(v, "seed", (int64_t)t->violations[i].seed);
		json_set_string(v, "violation", t->violations[i].words);
		json_add(list, v);
	}
	return list;
}

struct json *faults_to_json(const struct faults_tally *t, const struct faults_options *options)
{
	struct json *node = json_new_object();

	json_set_string(node, "schema", "cohort/faults/1");
	json_set_integer(node, "from", (int64_t)options->from);
	json_set_integer(node, "to", (int64_t)options->to);
	json_set_integer(node, "seeds", (int64_t)t->seeds);
	json_set_integer(node, "finished", (int64_t)t->finished);
	json_set_integer(node, "stopped", (int64_t)t->stopped);
	json_set_integer(node, "lost", (int64_t)t->lost);
	json_set_integer(node, "events", (int64_t)t->events);
	json_set_integer(node, "repeated", (int64_t)t->repeated);
	json_set(node, "violations", violations_to_json(t));
	json_set(node, "disturbances", cells_to_json(&t->disturbances));
	return node;
}
