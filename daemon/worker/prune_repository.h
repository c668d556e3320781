/* prune_repository.h — the prune verb at a repository: what retention chose, and what no set needs any more.
 */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"

/* job: that of the verb, with "stores" (replicas, the first holds the log that is appended to) or one
 * "store". *ret_result: as worker_msg.h says. Blocks. */
int must_check prune_repository(struct worker *w, const json_t *job, json_t **ret_result,
                                struct err *e);
