/* link.h — the worker's end of fd 3: the job in, progress and the result out. Used by main only;
 * verbs see worker.h. */
#pragma once

#include "daemon/worker/worker.h"
#include "lib/protocol/worker_msg.h"

enum { WORKER_FD = 3 };

/* Read the job (new reference), then start the thread that listens for "cancel" and end of file. */
int must_check worker_start(struct worker **ret, json_t **ret_job, struct err *e);
/* Send the result (takes the reference) or, when it is NULL, the error; returns the exit status;
 * frees w. */
int worker_finish(struct worker *w, json_t *result, const struct err *e);
