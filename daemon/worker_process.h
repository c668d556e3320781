/* worker_process.h — one synbak-worker: the process, its fd 3, its stderr, its deadlines.
 *
 * Owner: operation.c. Lives on the loop thread only; no call here blocks.
 *
 *   RUNNING -> REPORTED -> ENDED        RUNNING, REPORTED -> ASKED -> TERMED -> KILLED -> ENDED
 *
 * It has ended when three facts are in, in any order: exit status, end of file on fd 3, end
 * of file on stderr. Messages: lib/protocol/worker_msg.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/json.h"
#include "lib/config/config.h"

struct worker_process;

struct worker_spec {
    const char *program;        /* path of synbak-worker; borrowed during start */
    bool read_capability;       /* a `files` source: it keeps CAP_DAC_READ_SEARCH */
    int nice;                   /* 0: as we are */
    enum io_class io_class;     /* IO_NONE: as we are */
    int64_t progress_timeout_s; /* without a change of progress; 0: none */
    int64_t run_timeout_s;      /* in all; 0: none */
};

struct worker_callbacks {
    void (*progress)(void *arg, const char *step, int64_t done, int64_t total); /* may be NULL */
    void (*log)(void *arg, bool warning, const char *text);                     /* may be NULL */
    /* What a repository's key was stretched to: secret. May be NULL. */
    void (*stretched)(void *arg, const char *destination, const char *text);
    /* Exactly once, last, never from inside start. result is borrowed; NULL: failed with *e. */
    void (*done)(void *arg, const json_t *result, const struct err *e);
    void *arg;
};

/* Start it and send the job (borrowed; the encoded copy is wiped once sent). */
int must_check worker_process_start(struct worker_process **ret, uv_loop_t *loop,
                                    const struct worker_spec *spec, const json_t *job,
                                    const struct worker_callbacks *callbacks, struct err *e);
/* Ask it to stop: "cancel", after 5 s TERM, after 10 more KILL. Unless it still succeeds, it
 * is reported as failed with this error. Idempotent: the first reason stays. done() follows. */
void worker_process_cancel(struct worker_process *w, const struct err *why);
