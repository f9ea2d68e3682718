#include "tests/support/small_study.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

const char small_study_text[] =
	"cohort: 1\n"
	"study: small\n"
	"revision: 1\n"
	"purpose: A made-up question on made-up rows\n"
	"expires: 2199-12-31\n"
	"data:\n"
	"  features:\n"
	"    - {name: x, min: -4, max: 4}\n"
	"    - {name: y, min: -4, max: 4}\n"
	"    - {name: kind, levels: [a, b, c]}\n"
	"  label: {name: label, type: binary, positive: \"1\"}\n"
	"  split: {test_fraction: 0.2, validation_fraction: 0.2, seed: 7}\n"
	"  scale: global\n"
	"model: {layers: [dense 3, relu, dense 1]}\n"
	"training: {rounds: 3, local: {epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}}\n"
	"evaluation: {release: masked, bins: 16, select: loss}\n"
	"sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"
	"masking: off\n"
	"privacy: {mechanism: none}\n";

const char small_policy_text[] = "masking: off\n"
				 "mechanisms: [none]\n"
				 "evaluation: [masked]\n"
				 "min_sites: 2\n";

/* Copies `text` with the line that starts as `line` does (up to the colon) replaced by it. */
static void replace_line(struct buf *out, const char *text, const char *line)
{
	size_t key = strcspn(line, ":") + 1;
	bool found = false;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n") + 1;

		if (strncmp(text, line, key) == 0) {
			buf_put_text(out, line);
			buf_put_text(out, "\n");
			found = true;
		} else {
			buf_put(out, bytes_of(text, len));
		}
		text += len;
	}
	if (!found)
		fail_msg("small study has no line like %s", line);
}

void small_study_yaml(struct buf *out, const char *line)
{
	if (line != NULL)
		replace_line(out, small_study_text, line);
	else
		buf_put_text(out, small_study_text);
}

void small_study(struct study *out, const char *line)
{
	struct diag why = {{0}};
	struct buf text;

	buf_init(&text, YAML_TEXT_MAX);
	small_study_yaml(&text, line);
	if (study_parse(out, buf_bytes(&text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	buf_free(&text);
}

void small_policy(struct policy *out)
{
	struct diag why = {{0}};

	if (policy_parse(out, bytes_text(small_policy_text), "policy.yaml", &why) != OK)
		fail_msg("%s", why.text);
}

void small_table(struct table *out, struct tempdir *dir, const struct study *study, uint32_t site)
{
	char name[32], row[128];
	struct diag why = {{0}};
	struct source source;
	struct buf text;
	struct rng r;

	rng_seeded(&r, site, "rows");
	buf_init(&text, YAML_TEXT_MAX);
	buf_put_text(&text, "x,y,kind,label\n");
	for (uint32_t i = 0; i < 30 + 9 * site; i++) {
		double x = rng_normal(&r) / 2 + site * 0.1, y = rng_normal(&r) / 2;
		double noise = rng_normal(&r) / 4; /* not in the call, whose order of arguments is the compiler's */
		char kind = "abc"[rng_below(&r, 3)];
		snprintf(row, sizeof row, "%.6f,%.6f,%c,%d\n", x, y, kind, x + y + noise > 0);
		buf_put_text(&text, row);
	}
	snprintf(name, sizeof name, "site-%u.csv", site);
	tempdir_write_bytes(dir, name, buf_bytes(&text));
	buf_free(&text);
	source = source_default("small", tempdir_path(dir, name));
	if (table_load(out, &study->schema, &source, &why) != OK)
		fail_msg("%s", why.text);
}
