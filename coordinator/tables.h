/* The coordinator's answers as a person reads them: to stdout, one line per thing. Undefined figures are shown as "-". */
#ifndef COHORT_COORDINATOR_TABLES_H
#define COHORT_COORDINATOR_TABLES_H

#include "base/json.h"

#include <stdint.h>

/* `now_ms`: Unix time, for "12 s ago". */
void tables_status(const struct json *status, int64_t now_ms);
void tables_studies(const struct json *studies);
void tables_sites(const struct json *sites, int64_t now_ms);
void tables_rounds_head(void);
void tables_round(const struct json *round);
void tables_event(const struct json *event);

/* The object on one line, as JSON. */
void tables_json_line(const struct json *node);

#endif
