/*
 * The page about one run: a single HTML file that needs no network, no font and no script, and the pictures in it as files of
 * their own. Everything comes from the run's folder, so the page can be made again, and the same folder gives the same bytes.
 *
 * The page is well-formed XML too. Its own security policy forbids whatever is not inside it; names from studies and files are
 * escaped. The one script sorts the table of sites.
 */
#ifndef COHORT_SIMULATOR_REPORT_PAGE_H
#define COHORT_SIMULATOR_REPORT_PAGE_H

#include "base/err.h"

#define REPORT_SITES_MAX 1000 /* rows of the table of sites; the others are in sites.csv, and the page says so */

/* Reads run.json, rounds.csv and sites.csv in `run_directory` and writes beside them report.html, the headline figure over
 * rounds (auc.svg, or metric.svg when it is another one), loss.svg, participants.svg, bytes.svg, and where they apply
 * sites.svg, roc.svg and calibration.svg. ERR_NO_INPUT, ERR_DATA, ERR_LIMIT; ERR_CREATE, ERR_FULL, ERR_IO. */
enum err report_page_write(const char *run_directory, struct diag *why) MUST_USE;

#endif
