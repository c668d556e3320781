/* commit.h — what a commit job says, and its manifest; between commit.c and commit_repository.c. */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"
#include "lib/plain/manifest.h"

struct commit { /* what the job says, the same for all destinations */
    const char *job, *id, *reason, *host;
    int64_t sequence;
    struct strlist tiers;
    struct wall started;
    bool fragment, stays;
    json_t *sources, *stores;
};

/* All but where it lies and how it is authenticated, as this destination has it. ERR_SOURCE: nothing
 * of it was stored there. */
int must_check commit_fill(const struct commit *c, const char *destination, struct manifest *m,
                           struct err *e);
/* One element of the result. e NULL: it is committed. heads: new reference or NULL. */
json_t *commit_result(const char *destination, const char *marker_id, uint64_t stored_bytes,
                      json_t *heads, const struct err *e);

/* The stores of the job that hold this repository, committed together: appends an element of the
 * result for each. */
void commit_repository(struct worker *w, const struct commit *c, const char *repository,
                       json_t *results);
