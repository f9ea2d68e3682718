#include "simulator/report_page.h"

#include "base/file.h"
#include "base/version.h"
#include "simulator/markup.h"
#include "simulator/report_inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 4096
#define REPORT_MODE 0644

static const char style[] =
	"*{box-sizing:border-box}\n"
	"html{color-scheme:light}\n"
	"body{margin:0 auto;max-width:70rem;padding:1rem 1.25rem 3rem;background:#fff;color:#222;"
	"font:16px/1.5 Helvetica,Arial,'Liberation Sans',sans-serif}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0 .25rem}\n"
	"h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid #ccc;padding-bottom:.2rem}\n"
	"p{max-width:48rem;margin:.5rem 0}\n"
	".purpose{font-size:1.1rem;color:#444}\n"
	".note{color:#555;font-size:.9rem}\n"
	".simulated{display:inline-block;border:1px solid #999;border-radius:.25rem;padding:.05rem .5rem;"
	"font-size:.85rem;color:#444}\n"
	".cards{display:flex;flex-wrap:wrap;gap:.75rem;margin:.75rem 0}\n"
	".card{border:1px solid #ccc;border-radius:.4rem;padding:.5rem .9rem;min-width:6.5rem}\n"
	".card b{display:block;font-size:1.5rem;line-height:1.2;font-weight:600}\n"
	".card span{font-size:.85rem;color:#555}\n"
	".first{border:2px solid #0072b2}\n"
	".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.25rem 1.5rem;"
	"align-items:start}\n"
	"figure{margin:0}\n"
	"figure svg{display:block;width:100%;max-width:34rem;height:auto}\n"
	"figcaption{font-size:.85rem;color:#555;margin:.2rem 0 0 .5rem;max-width:26rem}\n"
	".scroll{overflow-x:auto;max-width:100%}\n"
	"table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
	"th,td{text-align:right;padding:.2rem .7rem;border-bottom:1px solid #e4e4e4;white-space:nowrap}\n"
	"th:first-child,td:first-child{text-align:left}\n"
	"thead th{border-bottom:2px solid #888;font-weight:600}\n"
	"table.facts th{text-align:left;font-weight:600;vertical-align:top}\n"
	"table.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}\n"
	"th button{all:unset;cursor:pointer;font-weight:600}\n"
	"th button:focus-visible{outline:2px solid #0072b2}\n"
	"code,pre{font:.85rem/1.45 'DejaVu Sans Mono',Menlo,Consolas,monospace;overflow-wrap:anywhere}\n"
	"pre{background:#f5f5f5;padding:.7rem .9rem;border-radius:.3rem;white-space:pre-wrap}\n"
	".warning{border-left:4px solid #d55e00;padding:.2rem 0 .2rem .8rem;margin:.4rem 0;max-width:48rem}\n"
	"@media (max-width:30rem){body{padding:.5rem .75rem 2rem;font-size:15px}.card{min-width:5.5rem;padding:.4rem "
	".6rem}"
	"th,td{padding:.2rem .45rem}table.compared td{white-space:normal}}\n"
	"@media print{body{max-width:none;font-size:10pt}figure,.card,tr{break-inside:avoid}}\n";

/* ---- pieces */

void report_text(struct report *r, const char *text)
{
	markup_text(r->out, text);
}

void report_figure(struct report *r, double value)
{
	char text[MARKUP_NUMBER_SIZE];

	report_text(r, report_figure_text(text, value));
}

const char *report_figure_text(char out[MARKUP_NUMBER_SIZE], double value)
{
	if (!(fabs(value) < 10))
		return markup_number(out, value, 4);
	snprintf(out, MARKUP_NUMBER_SIZE, "%.3f", value);
	return out;
}

void report_heading(struct report *r, const char *id, const char *title)
{
	buf_printf(r->out, "<h2 id=\"%s\">", id);
	report_text(r, title);
	buf_put_text(r->out, "</h2>\n");
}

static void put_formatted(struct report *r, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static void put_formatted(struct report *r, const char *fmt, va_list args)
{
	char line[LINE_SIZE];

	vsnprintf(line, sizeof line, fmt, args);
	report_text(r, line);
}

void report_paragraph(struct report *r, const char *fmt, ...)
{
	va_list args;

	buf_put_text(r->out, "<p>");
	va_start(args, fmt);
	put_formatted(r, fmt, args);
	va_end(args);
	buf_put_text(r->out, "</p>\n");
}

void report_row(struct report *r, const char *name, const char *fmt, ...)
{
	va_list args;

	buf_put_text(r->out, "<tr><th scope=\"row\">");
	report_text(r, name);
	buf_put_text(r->out, "</th><td>");
	va_start(args, fmt);
	put_formatted(r, fmt, args);
	va_end(args);
	buf_put_text(r->out, "</td></tr>\n");
}

void report_picture(struct report *r, struct buf *picture, const char *file, const char *caption)
{
	char path[PATH_SIZE];

	if (r->e == OK && picture->failed)
		r->e = diag_set(r->why, ERR_LIMIT, "%s/%s: the picture is larger than a report may be", r->run->path,
		                file);
	if (r->e == OK && snprintf(path, sizeof path, "%s/%s", r->run->path, file) >= (int)sizeof path)
		r->e = diag_set(r->why, ERR_USAGE, "%s: this path is too long", r->run->path);
	if (r->e == OK)
		r->e = file_replace(path, buf_bytes(picture), REPORT_MODE, r->why);
	if (r->e == OK) {
		buf_put_text(r->out, "<figure>\n");
		buf_put(r->out, buf_bytes(picture));
		buf_put_text(r->out, "<figcaption>");
		report_text(r, caption);
		buf_put_text(r->out, "</figcaption></figure>\n");
	}
	buf_free(picture);
}

/* ---- the page */

static void put_head(struct report *r)
{
	buf_put_text(r->out, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
	                     "<meta charset=\"utf-8\"/>\n"
	                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	                     "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n<title>");
	report_text(r, past_run_text(r->run, "study"));
	buf_printf(r->out, ": simulated run</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
}

static void put_title(struct report *r)
{
	char sites[MARKUP_NUMBER_SIZE], rounds[MARKUP_NUMBER_SIZE], seed[PAST_RUN_VALUE_SIZE] = "-";

	past_run_say(seed, past_run_get(r->run, "seed"));
	buf_put_text(r->out, "<header>\n<h1>");
	report_text(r, past_run_text(r->run, "study"));
	buf_put_text(r->out, "</h1>\n<p class=\"purpose\">");
	report_text(r, past_run_text(r->run, "contract.purpose"));
	buf_put_text(r->out, "</p>\n<p><span class=\"simulated\">simulated: no hospital took part</span></p>\n");
	report_paragraph(r, "%s sites, %s rounds, strategy %s, seed %s.",
	                 markup_count(sites, past_run_number(r->run, "sites")),
	                 markup_count(rounds, past_run_number(r->run, "rounds")),
	                 past_run_text(r->run, "contract.training.strategy"), seed);
	if (!past_run_complete(r->run))
		buf_put_text(r->out, "<p class=\"warning\">This run did not come to its end. What is here is what it "
		                     "had done by then.</p>\n");
	buf_put_text(r->out, "</header>\n");
}

static void put_page(struct report *r)
{
	put_head(r);
	put_title(r);
	buf_put_text(r->out, "<main>\n");
	report_warnings(r);
	report_figures(r);
	report_charts(r);
	report_confusion(r);
	report_baselines(r);
	report_sites(r);
	report_facts(r);
	report_privacy(r);
	report_reproduce(r);
	buf_put_text(r->out,
	             "</main>\n<footer><p class=\"note\">Made by cohort-sim " COHORT_VERSION
	             " from run.json, rounds.csv and sites.csv in this folder.</p></footer>\n</body>\n</html>\n");
}

/* ---- what it speaks of */

/* "auc", "balanced loss": the study's choice counts if the run has it; a loss says least to a reader, so it never leads. */
static const struct figure *choose_headline(const struct past_run *run)
{
	static const char *const order[] = {"auc", "accuracy", "r2", "rmse"};
	const struct figure *chosen = figure_find(past_run_text(run, "contract.evaluation.select"));
	char path[64];

	if (chosen != NULL && strcmp(chosen->key, "loss") != 0) {
		snprintf(path, sizeof path, "metrics.%s", chosen->key);
		if (isfinite(past_run_number(run, path)))
			return chosen;
	}
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		snprintf(path, sizeof path, "metrics.%s", order[i]);
		if (isfinite(past_run_number(run, path)))
			return figure_find(order[i]);
	}
	return figure_find("loss");
}

enum err report_page_write(const char *run_directory, struct diag *why)
{
	struct past_run run;
	struct buf page = {0};
	char path[PATH_SIZE];
	enum err e = past_run_open(&run, run_directory, why);

	if (e == OK)
		e = past_run_read_rounds(&run, why);
	if (e == OK)
		e = past_run_read_sites(&run, why);
	buf_init(&page, PAGE_MAX);
	if (e == OK) {
		struct report r = {.run = &run, .out = &page, .headline = choose_headline(&run), .why = why};

		r.label_type = past_run_text(&run, "contract.data.label.type");
		put_page(&r);
		e = r.e;
	}
	if (e == OK && page.failed)
		e = diag_set(why, ERR_LIMIT, "%s: the report would be larger than %u MiB", run_directory,
		             PAGE_MAX >> 20);
	if (e == OK && snprintf(path, sizeof path, "%s/report.html", run_directory) >= (int)sizeof path)
		e = diag_set(why, ERR_USAGE, "%s: this path is too long", run_directory);
	if (e == OK)
		e = file_replace(path, buf_bytes(&page), REPORT_MODE, why);
	buf_free(&page);
	past_run_free(&run);
	return e;
}
