/*
 * Maps of the file to the flat lists that data/source.h reads:
 *
 *   recode: {sex: {m: "1", w: "0"}}   ->   {sex, m, 1} {sex, w, 0}
 */
#include "client/config_source.h"

#include <stdlib.h>
#include <string.h>

static void read_columns(struct config_source *out, const struct json *columns)
{
	struct source *s = &out->source;
	const struct json *value;

	out->columns = mem_array(json_count(columns), sizeof *out->columns);
	for (const char *k = json_key_after(columns, NULL, &value); k; k = json_key_after(columns, k, &value))
		out->columns[s->column_count++] = (struct source_column){k, json_as_string(value)};
	s->columns = out->columns;
}

static void read_recodes(struct config_source *out, const struct json *recodes)
{
	struct source *s = &out->source;
	const struct json *pairs, *to;
	size_t count = 0;

	for (const char *k = json_key_after(recodes, NULL, &pairs); k; k = json_key_after(recodes, k, &pairs))
		count += json_count(pairs);
	out->recodes = mem_array(count, sizeof *out->recodes);
	for (const char *k = json_key_after(recodes, NULL, &pairs); k; k = json_key_after(recodes, k, &pairs))
		for (const char *from = json_key_after(pairs, NULL, &to); from; from = json_key_after(pairs, from, &to))
			out->recodes[s->recode_count++] = (struct source_recode){k, from, json_as_string(to)};
	s->recodes = out->recodes;
}

static void read_converts(struct config_source *out, const struct json *converts)
{
	struct source *s = &out->source;
	const struct json *node;

	out->converts = mem_array(json_count(converts), sizeof *out->converts);
	for (const char *k = json_key_after(converts, NULL, &node); k; k = json_key_after(converts, k, &node))
		out->converts[s->convert_count++] = (struct source_convert){k, json_as_real(json_get(node, "times")),
		                                                            json_as_real(json_get(node, "plus"))};
	s->converts = out->converts;
}

static struct text_list read_codes(const struct json *codes)
{
	struct text_list list = {mem_array(json_count(codes), sizeof *list.items), (uint32_t)json_count(codes)};

	for (uint32_t i = 0; i < list.count; i++)
		list.items[i] = json_as_string(json_at(codes, i));
	return list;
}

static void read_missings(struct config_source *out, const struct json *missings)
{
	struct source *s = &out->source;
	const struct json *codes;

	out->missings = mem_array(json_count(missings), sizeof *out->missings);
	for (const char *k = json_key_after(missings, NULL, &codes); k; k = json_key_after(missings, k, &codes))
		out->missings[s->missing_count++] = (struct source_missing){k, read_codes(codes)};
	s->missings = out->missings;
}

void config_source_read(struct config_source *out, const char *name, const char *path, const struct json *node)
{
	struct source *s = &out->source;

	memset(out, 0, sizeof *out);
	*s = source_default(name, path);
	s->delimiter = json_as_string(json_get(node, "delimiter"))[0];
	s->decimal = json_as_string(json_get(node, "decimal"))[0];
	if (strcmp(json_as_string(json_get(node, "encoding")), "latin1") == 0)
		s->encoding = CSV_LATIN1;
	read_columns(out, json_get(node, "columns"));
	read_recodes(out, json_get(node, "recode"));
	read_converts(out, json_get(node, "convert"));
	read_missings(out, json_get(node, "missing"));
}

void config_source_free(struct config_source *s)
{
	for (uint32_t i = 0; i < s->source.missing_count; i++)
		free(s->missings[i].codes.items);
	free(s->columns);
	free(s->recodes);
	free(s->converts);
	free(s->missings);
	memset(s, 0, sizeof *s);
}
