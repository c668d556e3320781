/* operation.h — one piece of work at destinations, or none: read the keys, run one worker, report.
 *
 * Everything that the daemon has done by a worker is an operation. The keys of its
 * destinations are read on the thread pool right before the worker starts, go into its job, and are
 * wiped. Loop thread only; no call here blocks. */
#pragma once

#include "daemon/worker_process.h"

struct daemon;
struct operation;

struct operation_spec {
    struct config *config;             /* referenced until the end; owns what follows */
    struct destination **destinations; /* whose keys the worker gets; copied */
    size_t destination_count;
    enum operation_stores {                   /* how they stand in the job */
                            OPERATION_STORE,  /* "store": the one; or none */
                            OPERATION_STORES, /* "stores": [...] */
                            OPERATION_FROM_TO /* "from": the first, "to": the second */
    } stores;
    json_t *job;               /* taken; with "verb", without stores */
    struct worker_spec worker; /* program is filled in */
    struct worker_callbacks callbacks;
};

/* Never fails: an early failure comes through done(), as everything else. */
struct operation *operation_start(struct daemon *d, struct operation_spec spec);
/* done() follows, with this error unless the worker still succeeds. */
void operation_cancel(struct operation *op, const struct err *why);
