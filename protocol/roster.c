/*
 * One spelling per roster: the body is read by the strict JSON reader, built again from what was read, and must come
 * out byte for byte. So a signature covers a meaning and not one of many texts for it, and the rules below are the
 * only parser's rules.
 */
#include "protocol/roster.h"

#include "base/json.h"
#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "cohort-roster 1\n"

enum err roster_split(struct roster_parts *out, struct bytes file, struct diag *why)
{
	char hex[2 * ROSTER_SIGNATURE_MAX + 1] = {0};
	size_t first = strlen(FIRST_LINE);

	*out = (struct roster_parts){0};
	if (file.len > ROSTER_MAX)
		return diag_set(why, ERR_LIMIT, "has %zu bytes, a roster has at most %u", file.len, ROSTER_MAX);
	if (file.len < first || memcmp(file.ptr, FIRST_LINE, first) != 0)
		return diag_set(why, ERR_DATA,
		                "line 1 is not \"cohort-roster 1\": no roster, or one of another version");
	const uint8_t *body = file.ptr + first;
	const uint8_t *end = memchr(body, '\n', file.len - first);
	if (!end)
		return diag_set(why, ERR_DATA, "line 2, the list of sites, is cut off");
	const uint8_t *signature = end + 1;
	size_t length = file.len - (size_t)(signature - file.ptr);
	if (length < 3 || length > sizeof(hex) || length % 2 == 0 || signature[length - 1] != '\n')
		return diag_set(why, ERR_DATA, "line 3, the signature, is cut off or too long");
	memcpy(hex, signature, length - 1);
	out->signature_len = (length - 1) / 2;
	if (!hex_decode(out->signature, out->signature_len, hex)) {
		*out = (struct roster_parts){0};
		return diag_set(why, ERR_DATA, "line 3, the signature, is not hexadecimal");
	}
	out->body = bytes_of(body, (size_t)(end - body));
	return OK;
}

void roster_join(struct buf *out, struct bytes body, struct bytes signature)
{
	char hex[2 * ROSTER_SIGNATURE_MAX + 1];

	CHECK(signature.len > 0 && signature.len <= ROSTER_SIGNATURE_MAX);
	hex_encode(hex, signature);
	buf_put_text(out, FIRST_LINE);
	buf_put(out, body);
	buf_put_text(out, "\n");
	buf_put_text(out, hex);
	buf_put_text(out, "\n");
}

/* ---- rules that hold for every roster, read or to be built */

static int compare_names(const void *a, const void *b, void *roster)
{
	const struct roster *r = roster;
	return name_compare(r->sites[*(const uint32_t *)a].name, r->sites[*(const uint32_t *)b].name);
}

static int compare_keys(const void *a, const void *b, void *roster)
{
	const struct roster *r = roster;
	return memcmp(r->sites[*(const uint32_t *)a].key, r->sites[*(const uint32_t *)b].key, ROSTER_KEY_SIZE);
}

/* Sorts `order`, the positions of all sites, and finds two neighbours that are equal: their later position, or 0. */
static uint32_t find_twin(struct roster *r, uint32_t *order, int (*compare)(const void *, const void *, void *))
{
	qsort_r(order, r->count, sizeof(*order), compare, r);
	for (uint32_t i = 1; i < r->count; i++)
		if (compare(&order[i - 1], &order[i], r) == 0)
			return order[i - 1] > order[i] ? order[i - 1] : order[i];
	return 0;
}

static enum err check_sites(struct roster *r, uint32_t *order, struct diag *why)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct roster_site *s = &r->sites[i];
		order[i] = i;
		if (!name_is_site(s->name))
			return diag_set(why, ERR_DATA, "site number %u: \"%s\" is no site name", s->number, s->name);
		if (s->number == 0 || (i > 0 && s->number <= s[-1].number))
			return diag_set(why, ERR_DATA,
			                "site %s: its number %u does not follow %u: numbers ascend from 1", s->name,
			                s->number, i > 0 ? s[-1].number : 0);
	}
	uint32_t twin = find_twin(r, order, compare_keys);
	if (twin)
		return diag_set(why, ERR_DATA, "site %s has the key of another site", r->sites[twin].name);
	twin = find_twin(r, order, compare_names);
	if (twin)
		return diag_set(why, ERR_DATA, "two sites are named %s (upper and lower case count alike)",
		                r->sites[twin].name);
	return OK;
}

static enum err check(struct roster *r, uint32_t *order, struct diag *why)
{
	if (!name_is_federation(r->federation))
		return diag_set(why, ERR_DATA, "\"%s\" is no federation name: [a-z0-9-]{1,64}", r->federation);
	if (r->version == 0)
		return diag_set(why, ERR_DATA, "version 0: versions count from 1");
	if (r->count > SITES_MAX)
		return diag_set(why, ERR_DATA, "%u sites, at most %d are allowed", r->count, SITES_MAX);
	return check_sites(r, order, why);
}

/* ---- building */

static void write_body(struct buf *out, const struct roster *r)
{
	char hex[2 * ROSTER_KEY_SIZE + 1];
	struct json *root = json_new_object(), *sites = json_new_array();

	for (uint32_t i = 0; i < r->count; i++) {
		struct json *site = json_new_object();
		hex_encode(hex, bytes_of(r->sites[i].key, ROSTER_KEY_SIZE));
		json_set_integer(site, "number", r->sites[i].number);
		json_set_string(site, "name", r->sites[i].name);
		json_set_string(site, "key", hex);
		json_add(sites, site);
	}
	json_set_integer(root, "version", r->version);
	json_set_string(root, "federation", r->federation);
	json_set(root, "sites", sites);
	json_write(out, root, false);
	json_free(root);
}

enum err roster_build(struct buf *out, const struct roster *r, struct diag *why)
{
	struct roster view = *r; /* check() sorts positions, not the caller's sites */
	uint32_t *order = mem_array((size_t)r->count + 1, sizeof(*order));

	enum err e = check(&view, order, why);
	if (!e)
		write_body(out, r);
	free(order);
	return e;
}

/* ---- reading */

static enum err read_site(struct roster_site *out, const struct json *node, uint32_t index, struct diag *why)
{
	struct json_reader r;
	char what[32];

	snprintf(what, sizeof(what), "sites[%u]", index);
	json_read_begin(&r, node, what, why);
	out->number = (uint32_t)json_read_integer(&r, "number", 1, UINT32_MAX);
	const char *name = json_read_string(&r, "name", NAME_SIZE - 1);
	memcpy(out->name, name, strlen(name) + 1);
	const char *key = json_read_string(&r, "key", 2 * ROSTER_KEY_SIZE);
	bool key_good = hex_decode(out->key, ROSTER_KEY_SIZE, key);
	enum err e = json_read_end(&r);
	if (!e && !key_good)
		e = diag_set(why, ERR_DATA, "%s: \"key\" must be 64 hexadecimal digits", what);
	return e;
}

static enum err read_root(struct roster *out, const struct json *root, struct diag *why)
{
	struct json_reader r;

	json_read_begin(&r, root, "roster", why);
	out->version = (uint32_t)json_read_integer(&r, "version", 1, UINT32_MAX);
	const char *federation = json_read_string(&r, "federation", NAME_SIZE - 1);
	memcpy(out->federation, federation, strlen(federation) + 1);
	const struct json *sites = json_read_array(&r, "sites", SITES_MAX);
	enum err e = json_read_end(&r);
	if (e)
		return e;
	out->count = (uint32_t)json_count(sites);
	out->sites = mem_array((size_t)out->count + 1, sizeof(*out->sites));
	out->by_name = mem_array((size_t)out->count + 1, sizeof(*out->by_name));
	for (uint32_t i = 0; !e && i < out->count; i++)
		e = read_site(&out->sites[i], json_at(sites, i), i, why);
	return e;
}

static enum err check_spelling(const struct roster *r, struct bytes body, struct diag *why)
{
	struct buf again;
	enum err e = OK;

	buf_init(&again, ROSTER_MAX);
	write_body(&again, r);
	if (!bytes_equal(buf_bytes(&again), body))
		e = diag_set(why, ERR_DATA, "is not spelled canonically: blanks, order of keys or numbers differ");
	buf_free(&again);
	return e;
}

enum err roster_parse(struct roster *out, struct bytes body, struct diag *why)
{
	struct json *root = NULL;

	*out = (struct roster){0};
	enum err e = json_parse(&root, body, ROSTER_MAX, "roster", why);
	if (!e)
		e = read_root(out, root, why);
	if (!e)
		e = check(out, out->by_name, why);
	if (!e)
		e = check_spelling(out, body, why);
	if (e)
		roster_free(out);
	else
		sha256_of(&out->content, body);
	json_free(root);
	return e;
}

void roster_free(struct roster *r)
{
	free(r->sites);
	free(r->by_name);
	*r = (struct roster){0};
}

static void *copy_of(const void *items, size_t count, size_t size)
{
	void *copy = items != NULL ? mem_array(count, size) : NULL;

	if (copy != NULL && count > 0)
		memcpy(copy, items, count * size);
	return copy;
}

void roster_copy(struct roster *to, const struct roster *from)
{
	struct roster copy = *from;

	copy.sites = copy_of(from->sites, from->count, sizeof *from->sites);
	copy.by_name = copy_of(from->by_name, from->count, sizeof *from->by_name);
	roster_free(to);
	*to = copy;
}

/* ---- looking up */

const struct roster_site *roster_find(const struct roster *r, const char *name)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct roster_site *s = &r->sites[r->by_name[middle]];
		int order = name_compare(name, s->name);
		if (order == 0)
			return strcmp(name, s->name) == 0 ? s : NULL;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct roster_site *roster_number(const struct roster *r, uint32_t number)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (r->sites[middle].number == number)
			return &r->sites[middle];
		if (number < r->sites[middle].number)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
