/* What the parts of a report share. Private to the report_*.c files. */
#ifndef COHORT_SIMULATOR_REPORT_INSIDE_H
#define COHORT_SIMULATOR_REPORT_INSIDE_H

#include "simulator/chart.h"
#include "simulator/figure.h"
#include "simulator/markup.h"
#include "simulator/past_run.h"

struct report {
	const struct past_run *run;
	struct buf *out; /* the page so far */
	const struct figure *headline; /* what the study selects by, or the first figure that applies */
	const char *label_type; /* of the contract: "binary", "categorical", "numeric" */
	enum err e; /* sticky: of the pictures' files */
	struct diag *why;
};

/* ---- report_page.c: pieces of HTML. Texts are escaped. */
void report_text(struct report *r, const char *text);
void report_figure(struct report *r, double value);
/* Three decimals below 10, four digits above; "-" for NaN. */
const char *report_figure_text(char out[MARKUP_NUMBER_SIZE], double value);
void report_heading(struct report *r, const char *id, const char *title);
void report_paragraph(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_row(struct report *r, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4); /* of a list of facts */

/* ---- the parts, in their order on the page */
void report_facts(struct report *r); /* report_facts.c: what was simulated */
void report_figures(struct report *r); /* report_figures.c: headline figures */
void report_confusion(struct report *r);
void report_baselines(struct report *r);
void report_charts(struct report *r); /* report_charts.c: over rounds, ROC, calibration */
void report_sites(struct report *r); /* report_sites.c: table and chart */
void report_privacy(struct report *r); /* report_facts.c */
void report_warnings(struct report *r);
void report_reproduce(struct report *r);

/* Puts the picture into the page, with a caption, and writes it to FILE in the run's folder. Frees `picture`. report_page.c */
void report_picture(struct report *r, struct buf *picture, const char *file, const char *caption);

/* A figure of a baseline's entry, which is either a number or an object of figures; NaN. report_figures.c */
double report_baseline(const struct report *r, const struct json *entry);

#endif
