/* bare.h — sets without a daemon: a destination's own list, read by a worker of ours. */
#pragma once

#include "cli/target.h"

/* All sets of `job` (NULL: of every job) at STORE (borrowed): the scan verb's result. */
int must_check bare_scan(struct cli *c, const json_t *store, const char *job, json_t **ret,
                         struct err *e);
/* 0 if this very set is at STORE (borrowed) and opens there. */
int must_check bare_reach(struct cli *c, const json_t *store, const char *job, const char *id,
                          struct err *e);
/* Which set is meant by job (NULL: the only one there) and id ("latest": the newest good
 * one, or the newest whole one if none is good). Owned results. ERR_NOT_FOUND names the nearest and how to list. */
int must_check bare_find(struct cli *c, const json_t *store, const char *job, const char *id,
                         char **ret_job, char **ret_id, struct err *e);
/* As "list" answers, from --destination PATH and --key, else from the configured destinations;
 * "damaged" beside it. */
int must_check bare_list(struct cli *c, const char *job, json_t **ret, struct err *e);
/* As "show" answers, from the same places. */
int must_check bare_show(struct cli *c, struct target *t, json_t **ret, struct err *e);
