/* What became of each site: a picture, in which few sites have names and many are a cloud, and a table. */
#include "simulator/chart_rows.h"
#include "simulator/report_inside.h"
#include "simulator/report_page.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 40 /* with more, names would be smaller than print or the picture longer than a page */
#define CLOUD_MAX 20000 /* dots, of 100 bytes each */
#define NOTE_SIZE 48

/* Sorts the table by the column whose heading is pressed, numbers as numbers; a second press turns the order around. No "less
 * than" and no ampersand in it: the page is XML as well. */
static const char script[] =
	"<script>\n"
	"document.querySelectorAll('table.sortable').forEach(function (table) {\n"
	"  table.querySelectorAll('thead th').forEach(function (head, column) {\n"
	"    var button = document.createElement('button'), down = false;\n"
	"    button.textContent = head.textContent;\n"
	"    head.textContent = '';\n"
	"    head.appendChild(button);\n"
	"    button.addEventListener('click', function () {\n"
	"      var body = table.tBodies[0], rows = Array.from(body.rows);\n"
	"      var key = function (row) { return row.cells[column].textContent.replace(/\\u202f/g, ''); };\n"
	"      down = !down;\n"
	"      rows.sort(function (a, b) {\n"
	"        var x = key(a), y = key(b), p = parseFloat(x), q = parseFloat(y);\n"
	"        var order = column === 0 || (isNaN(p) ? isNaN(q) : false) ? x.localeCompare(y)\n"
	"          : isNaN(p) ? 1 : isNaN(q) ? -1 : p - q;\n"
	"        return down ? order : -order;\n"
	"      });\n"
	"      rows.forEach(function (row) { body.appendChild(row); });\n"
	"    });\n"
	"  });\n"
	"});\n"
	"</script>\n";

static double at(const struct sheet *s, size_t row, const char *name)
{
	uint32_t column;

	return sheet_find(s, name, &column) ? sheet_number(s, row, column) : NAN;
}

static const char *name_of(const struct sheet *s, size_t row)
{
	uint32_t column;

	return sheet_find(s, "site", &column) ? sheet_text(s, row, column) : "";
}

/* The entry of baselines.local for a site; entries are in the order of sites.csv, or they are looked for. */
static const struct json *local_of(const struct report *r, size_t row)
{
	const struct json *local = past_run_get(r->run, "baselines.local");
	const char *name = name_of(&r->run->sites, row);
	size_t count = local != NULL && json_kind(local) == JSON_IS_ARRAY ? json_count(local) : 0;

	for (size_t k = 0; k < count; k++) {
		const struct json *entry = json_at(local, (row + k) % count), *site = json_get(entry, "site");

		if (site != NULL && json_kind(site) == JSON_IS_STRING && strcmp(json_as_string(site), name) == 0)
			return entry;
	}
	return NULL;
}

static double baseline_of(const struct report *r, size_t row, const char *key)
{
	const struct json *entry = local_of(r, row);

	return entry != NULL ? report_baseline(r, json_get(entry, key)) : NAN;
}

/* ---- pictures */

/* Best first, those without a value last; equals by name. */
static int by_value(const void *a, const void *b)
{
	const struct chart_row *x = a, *y = b;

	if (isfinite(x->value) != isfinite(y->value))
		return isfinite(x->value) ? -1 : 1;
	if (isfinite(x->value) && x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void named_chart(struct report *r, const char *title, double all)
{
	const struct sheet *s = &r->run->sites;
	struct chart_row rows[NAMED_MAX];
	char notes[NAMED_MAX][NOTE_SIZE];
	struct chart_rows c = {.title = title, .rows = rows, .count = s->rows, .reference = all};
	struct buf picture;

	for (size_t i = 0; i < s->rows; i++) {
		char count[MARKUP_NUMBER_SIZE];
		snprintf(notes[i], NOTE_SIZE, "n = %s", markup_count(count, at(s, i, "rows")));
		rows[i] = (struct chart_row){name_of(s, i), notes[i], at(s, i, r->headline->key),
		                             baseline_of(r, i, "home")};
	}
	qsort(rows, s->rows, sizeof *rows, by_value);
	c.x = (struct chart_axis){.label = r->headline->name, .share = r->headline->share};
	c.value_name = "federated model";
	c.other_name = past_run_get(r->run, "baselines.local") != NULL ? "trained at this site alone" : NULL;
	c.reference_name = isfinite(all) ? "all sites together" : NULL;
	buf_init(&picture, PAGE_MAX);
	chart_rows_draw(&picture, &c);
	report_picture(r, &picture, "sites.svg",
	               "Each on its own n test rows; no value where they are too few or all of one class.");
}

static void cloud_chart(struct report *r, const char *title, double all)
{
	const struct sheet *s = &r->run->sites;
	size_t each = s->rows / CLOUD_MAX + 1, count = 0;
	double *x = mem_array(s->rows, sizeof *x), *y = mem_array(s->rows, sizeof *y);
	double ends[2] = {INFINITY, -INFINITY}, level[2] = {all, all};
	struct chart_series series[2];
	struct chart c = {.title = title, .series = series};
	char caption[256];
	struct buf picture;

	for (size_t i = 0; i < s->rows; i += each) {
		x[count] = at(s, i, "rows");
		y[count] = at(s, i, r->headline->key);
		if (!(x[count] > 0) || !isfinite(y[count]))
			continue;
		ends[0] = fmin(ends[0], x[count]);
		ends[1] = fmax(ends[1], x[count++]);
	}
	c.x = (struct chart_axis){.label = "test rows of the site", .log = true, .whole = true};
	c.y = (struct chart_axis){.label = r->headline->name, .share = r->headline->share};
	if (isfinite(all))
		series[c.count++] =
			(struct chart_series){"all sites together", ends, level, NULL, NULL, 2, CHART_REFERENCE};
	series[c.count++] = (struct chart_series){"a site", x, y, NULL, NULL, count, CHART_DOTS};
	snprintf(caption, sizeof caption,
	         "%zu of %zu sites%s; the others have too few test rows or all of one class. The fewer "
	         "rows, the wider they scatter by chance.",
	         count, (s->rows + each - 1) / each, each > 1 ? ", drawn from all" : "");
	buf_init(&picture, PAGE_MAX);
	chart_draw(&picture, &c);
	report_picture(r, &picture, "sites.svg", caption);
	free(x);
	free(y);
}

/* ---- the table */

static const char *const counts[][2] = {
	{"train", "train"},       {"validation", "validation"}, {"test", "test"},       {"contributed", "contributed"},
	{"late", "late"},         {"dropped", "dropped"},       {"refused", "refused"}, {"saturated", "saturated"},
	{"bytes_up", "bytes up"}, {"bytes_down", "bytes down"},
};
#define COUNTS (sizeof counts / sizeof *counts)
#define ROW_COUNTS 3 /* of them are rows of data */
#define FIGURES_MAX 16

struct columns {
	bool counts[COUNTS]; /* shown: rows of training and test always, the others where something happened */
	bool figures[FIGURES_MAX], home, all;
};

static void choose_columns(const struct report *r, struct columns *c)
{
	const struct sheet *s = &r->run->sites;

	for (size_t k = 0; k < COUNTS; k++) {
		c->counts[k] = strcmp(counts[k][0], "train") == 0 || strcmp(counts[k][0], "test") == 0;
		for (size_t i = 0; i < s->rows && !c->counts[k]; i++)
			c->counts[k] = at(s, i, counts[k][0]) > 0;
	}
	for (size_t k = 0; k < FIGURES_MAX && figure_at(k) != NULL; k++)
		for (size_t i = 0; i < s->rows && !c->figures[k]; i++)
			c->figures[k] = isfinite(at(s, i, figure_at(k)->key));
	for (size_t i = 0; i < s->rows; i++) {
		c->home = c->home || isfinite(baseline_of(r, i, "home"));
		c->all = c->all || isfinite(baseline_of(r, i, "all"));
	}
}

static void head(struct report *r, const char *name, const char *more)
{
	buf_put_text(r->out, "<th scope=\"col\">");
	report_text(r, name);
	report_text(r, more);
	buf_put_text(r->out, "</th>");
}

/* First the rows, the headline figure and what it is compared with; then the rest, for which one scrolls on a telephone. */
static void put_heads(struct report *r, const struct columns *c)
{
	buf_put_text(r->out, "<thead><tr>");
	head(r, "site", "");
	for (size_t k = 0; k < ROW_COUNTS; k++)
		if (c->counts[k])
			head(r, counts[k][1], "");
	head(r, r->headline->name, "");
	if (c->home)
		head(r, r->headline->name, " alone, at home");
	if (c->all)
		head(r, r->headline->name, " alone, on all");
	for (size_t k = 0; figure_at(k) != NULL; k++)
		if (c->figures[k] && figure_at(k) != r->headline)
			head(r, figure_at(k)->name, "");
	for (size_t k = ROW_COUNTS; k < COUNTS; k++)
		if (c->counts[k])
			head(r, counts[k][1], "");
	buf_put_text(r->out, "</tr></thead>\n");
}

static void figure_cell(struct report *r, double value)
{
	buf_put_text(r->out, "<td>");
	report_figure(r, value);
	buf_put_text(r->out, "</td>");
}

static void count_cells(struct report *r, const struct columns *c, size_t row, size_t from, size_t until)
{
	char text[MARKUP_NUMBER_SIZE];

	for (size_t k = from; k < until; k++)
		if (c->counts[k]) {
			buf_put_text(r->out, "<td>");
			report_text(r, markup_count(text, at(&r->run->sites, row, counts[k][0])));
			buf_put_text(r->out, "</td>");
		}
}

static void put_row(struct report *r, const struct columns *c, size_t row)
{
	const struct sheet *s = &r->run->sites;

	buf_put_text(r->out, "<tr><td>");
	report_text(r, name_of(s, row));
	buf_put_text(r->out, "</td>");
	count_cells(r, c, row, 0, ROW_COUNTS);
	figure_cell(r, at(s, row, r->headline->key));
	if (c->home)
		figure_cell(r, baseline_of(r, row, "home"));
	if (c->all)
		figure_cell(r, baseline_of(r, row, "all"));
	for (size_t k = 0; figure_at(k) != NULL; k++)
		if (c->figures[k] && figure_at(k) != r->headline)
			figure_cell(r, at(s, row, figure_at(k)->key));
	count_cells(r, c, row, ROW_COUNTS, COUNTS);
	buf_put_text(r->out, "</tr>\n");
}

static void put_table(struct report *r)
{
	const size_t rows = r->run->sites.rows, shown = rows < REPORT_SITES_MAX ? rows : REPORT_SITES_MAX;
	struct columns c = {0};

	choose_columns(r, &c);
	buf_put_text(r->out, "<div class=\"scroll\"><table class=\"sortable\">\n");
	put_heads(r, &c);
	buf_put_text(r->out, "<tbody>\n");
	for (size_t i = 0; i < shown; i++)
		put_row(r, &c, i);
	buf_put_text(r->out, "</tbody></table></div>\n");
	if (shown < rows)
		report_paragraph(r, "The first %zu of %zu sites; sites.csv has them all.", shown, rows);
	buf_put_text(r->out, script);
}

void report_sites(struct report *r)
{
	char title[128], path[64];
	double all;

	if (r->run->sites.rows == 0)
		return;
	snprintf(path, sizeof path, "metrics.%s", r->headline->key);
	all = past_run_number(r->run, path);
	report_heading(r, "sites", "Each site");
	snprintf(title, sizeof title, "%s at each site", r->headline->name);
	title[0] = (char)toupper((unsigned char)title[0]);
	buf_put_text(r->out, "<div class=\"charts\">\n");
	if (r->run->sites.rows <= NAMED_MAX)
		named_chart(r, title, all);
	else
		cloud_chart(r, title, all);
	buf_put_text(r->out, "</div>\n");
	report_paragraph(r, "Figures of this model on each site's own test rows. A federation would not have "
	                    "released them site by "
	                    "site.");
	put_table(r);
}
