/* control.h — the control socket: clients, their frames, their roles, and the answers.
 *
 * The protocol is lib/protocol/control_msg.h; what methods do stands in methods_*.c. Hostile
 * clients are bounded: by number (in all and per user), by bytes, by requests at once, and by time;
 * who exceeds a bound is disconnected and nobody else notices. Loop thread only. */
#pragma once

#include <sys/types.h>

#include "lib/base/json.h"
#include "lib/protocol/control_msg.h"
#include "lib/protocol/role.h"

struct control;
struct daemon;
struct request; /* one call; answered exactly once, at once or later */
struct run;

int must_check control_new(struct daemon *d, struct control **ret, struct err *e);
/* Takes the table; names that nobody has are told to the log. */
void control_set_roles(struct control *c, struct role_table roles, const struct strlist *unknown);
void control_stop(struct control *c);       /* accept nobody more, answer no new requests */
bool control_idle(const struct control *c); /* no request is being worked on */
void control_close(struct control *c);      /* close every handle */
void control_free(struct control *c);       /* after the loop */

void control_run_progress(struct control *c, const struct run *r);
/* Tell those who wait for the set's copies how far one of them is. */
void control_copy_progress(struct control *c, const char *job, const char *id, const char *to,
                           int64_t done, int64_t total);
/* Answer those who wait for copies that cannot be waited for any longer. */
void control_copies_changed(struct control *c);
/* Answer those who wait for the run. record: its run-finished, or NULL. */
void control_run_finished(struct control *c, const json_t *record, int64_t run);

/* --- for methods --- */
struct daemon *request_daemon(const struct request *r);
const json_t *request_params(const struct request *r); /* an object */
uid_t request_uid(const struct request *r);
const void *request_client(const struct request *r);   /* identifies the connection */
bool request_is_gone(const struct request *r);         /* the client has left */
void request_reply(struct request *r, json_t *result); /* takes result; ends r */
void request_fail(struct request *r, const struct err *e);
/* Answered by control_run_finished, or once the copies of its set are over too. */
void request_wait_for_run(struct request *r, int64_t run, bool copies);
void request_wait_for_copies(struct request *r, json_t *record); /* the run is over; takes record */
void request_progress(struct request *r, json_t *params);        /* a notification; takes params */
/* {"uid","reason"} for a journal record; new reference. */
json_t *request_origin(const struct request *r);

struct method {
    const char *name; /* NULL ends a table */
    enum role role;
    void (*call)(struct request *r);
    bool about_sets; /* wants the destinations listed first */
};
extern const struct method methods_view[], methods_operate[], methods_admin[], methods_restore[],
    methods_changes[];
/* {"run",...} as `wait` answers, from a run-finished record; with what copies have made of it since,
 * if asked for; new reference. */
json_t *control_wait_result(struct daemon *d, const json_t *record, bool copies);
