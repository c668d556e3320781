/* client.h — the control socket from the caller's side (lib/protocol/control_msg.h). */
#pragma once

#include "cli/channel.h"
#include "lib/base/json.h"

struct client;

/* ERR_NO_DAEMON, with what to do, when nobody answers there; ERR_DENIED when the socket may not be
 * opened. Waits at most 10 s for the greeting. */
int must_check client_connect(const char *path, struct client **ret, struct err *e);
void client_close(struct client *c); /* NULL-safe */

/* Called for each "progress" notification; params is borrowed. */
typedef void client_progress_cb(void *arg, const json_t *params);

struct client_call {
    const char *method;
    json_t *params; /* taken; NULL: {} */
    client_progress_cb *progress;
    void *arg;
    const struct interrupt *interrupt; /* may be NULL */
    int timeout_ms;                    /* 0: 60 s; -1: for ever */
};

/* 0: *ret is the result (new reference). 1: interrupted. -1: the daemon's error with its code, or
 * ERR_NO_DAEMON when the connection is lost. */
int must_check client_call(struct client *c, struct client_call call, json_t **ret, struct err *e);
