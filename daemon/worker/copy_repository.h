/* copy_repository.h — the copy verb where one of the two ends is a repository. */
#pragma once

#include "daemon/worker/destination.h"
#include "daemon/worker/worker.h"

/* Both ends are open (a look at their formats) and are opened again as needed. job and result: as
 * worker_msg.h says. Blocks. */
int must_check copy_repository(struct worker *w, const json_t *job, const struct destination *from,
                               struct destination *to, json_t **ret_result, struct err *e);
