/* restores.h — restores that go on beside us: each is announced by its client, holds a read pin on
 * its set, keeps the job's schedule paused and its deletions held, and ends with its record or with
 * its connection; or, once the client has named the process that does the work, when that has ended
 * too: a confirmed restore outlives its caller. Loop thread only. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/journal_writer.h"
#include "lib/base/json.h"

struct daemon;
struct restores;

struct restores *restores_new(struct daemon *d);
void restores_free(struct restores *r);
/* purpose: what the client calls it, for the log. token: 32 hex digits, written. client identifies
 * the connection. */
void restores_begin(struct restores *r, const void *client, const char *job, const char *id,
                    const char *purpose, char token[33]);
bool restores_has(const struct restores *r, const char *token, const char *job);
/* 0, and durable(arg) is called once the end is on record; or -1 if there is no such token of this
 * client. error may be NULL. */
int restores_end(struct restores *r, const void *client, const char *token, bool ok,
                 const char *error, const json_t *summary, journal_durable_cb *durable, void *arg);
/* pid is the client's worker. -1: no such token of this client, or no such process. */
int must_check restores_watch(struct restores *r, const void *client, const char *token, pid_t pid,
                              struct err *e);
void restores_close(struct restores *r); /* before the loop ends: nothing is watched any more */
bool restores_has_client(const struct restores *r, const void *client);
void restores_client_gone(struct restores *r, const void *client);
/* An operator has paused or resumed the job: that is not ours to change any more. */
void restores_leave_pause(struct restores *r, const char *job);
bool restores_use(const struct restores *r, const char *job, const char *id);
bool restores_any(const struct restores *r);
bool restores_hold(const struct restores *r, const char *job); /* does one of the job go on? */
