/* One entry below `sources` of client.yaml as a struct source. A part of client/config.c. */
#ifndef COHORT_CLIENT_CONFIG_SOURCE_H
#define COHORT_CLIENT_CONFIG_SOURCE_H

#include "base/json.h"
#include "data/source.h"

struct config_source {
	struct source source; /* its arrays are these: */
	struct source_column *columns;
	struct source_recode *recodes;
	struct source_convert *converts;
	struct source_missing *missings;
};

/* The node has passed the rules of client.yaml. Texts are borrowed from it, as `name` and `path`. */
void config_source_read(struct config_source *out, const char *name, const char *path, const struct json *node);
void config_source_free(struct config_source *s); /* accepts a zeroed one */

#endif
