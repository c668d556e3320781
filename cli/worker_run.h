/* worker_run.h — one synbak-worker of our own, with the caller's rights: restore, ls, dump, export,
 * and what doctor and a machine without synbakd need (lib/protocol/worker_msg.h).
 *
 * It runs in its own session, so that neither a hang-up nor Ctrl-C reaches it: we ignore the first
 * and pass the second on as "cancel". */
#pragma once

#include <sys/types.h>

#include "cli/cli.h"

/* Shown the whole "ask" message. 0: yes. -1: *e says why not; the worker is told no. */
typedef int worker_ask_cb(void *arg, const json_t *message, struct err *e);

struct worker_run {
    const struct screen *screen;
    json_t *job;        /* taken; "type" is added */
    worker_ask_cb *ask; /* NULL: no is the answer */
    void *arg;
    void (*started)(void *arg, pid_t pid); /* told its id before it is given its job; or NULL */
    bool quiet;                            /* show no progress */
    bool output;                           /* the worker writes to our stdout */
    const char *user;                      /* run as this user (we are root), or NULL */
};

/* 0: *ret is the result (new reference). -1: the worker's error with its code. */
int must_check worker_run(const struct worker_run *run, json_t **ret, struct err *e);
