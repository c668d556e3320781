/* daemon.h — synbakd as a whole: what its parts share, and the one place that performs what the
 * planner decides (daemon_step -> apply).
 *
 * Callbacks elsewhere record a fact and call one of these. A record goes to the journal first; its
 * effect follows when it is durable. All of it lives on the loop thread. */
#pragma once

#include <uv.h>

#include "daemon/catalog.h"
#include "daemon/clock_watch.h"
#include "daemon/history.h"
#include "daemon/journal_writer.h"
#include "daemon/log.h"
#include "daemon/run.h"
#include "lib/schedule/planner.h"

struct alarms;
struct control;
struct copies;
struct kept;
struct loop_timer;
struct pings;
struct prunes;
struct restores;
struct scans;
struct stretched;

struct daemon {
    uv_loop_t loop;
    struct log *log;
    char *config_file, *worker_program;
    char owner[33];
    struct config *config;
    struct planner *planner;
    struct catalog *catalog;
    struct history *history;
    struct journal_writer *journal;
    struct control *control;
    struct scans *scans;
    struct prunes *prunes;
    struct copies *copies;
    struct pings *pings;
    struct restores *restores;
    struct kept *kept;
    struct stretched *stretched;
    struct alarms *alarms;
    struct clock_watch clock;
    int operations;    /* workers at work, or about to be */
    struct run **runs; /* started and not over */
    size_t run_count;
    struct loop_timer *timer;
    struct wall wake; /* what the planner asked for; INT64_MAX: nothing */
    struct wall started;
    uv_signal_t signals[3];
    struct err reload_problem; /* why the last reload was refused; code ERR_NONE: it was not */
    bool reloading, stopping, closing, stop_recorded;
    struct err failure; /* fatal: it stops because of this */
};

/* Set up everything up to the loop: journal replayed, socket bound, scans begun. Blocking. */
int must_check daemon_start(struct daemon *d, struct config *config, struct err *e);
void daemon_run(struct daemon *d); /* until it has stopped */
void daemon_deinit(struct daemon *d);

void daemon_stop(struct daemon *d);
void daemon_fail(struct daemon *d, const struct err *e); /* stop, with a failing exit status */
void daemon_maybe_stopped(struct daemon *d);   /* call when something has come to its end */
void daemon_operation_ended(struct daemon *d); /* one of `operations` */

/* Look at the clock, let the planner work, arm the timer. Cheap: call it at every occasion. */
void daemon_tick(struct daemon *d);
/* Give the planner an event (now is filled in) and perform what follows. details (borrowed, may be
 * NULL) go into the run-queued record of an EVENT_TRIGGER; ret_run (may be NULL) is its run. */
int must_check daemon_step(struct daemon *d, struct event event, const json_t *details,
                           int64_t *ret_run, struct err *e);
/* Journal it (takes the record); cb when it is durable. */
void daemon_post(struct daemon *d, json_t *record, journal_durable_cb *cb, void *arg);

struct run *daemon_find_run(const struct daemon *d, int64_t number);
/* Its verification only when nothing else of it runs. */
struct run *daemon_run_of_job(const struct daemon *d, const char *job);
void daemon_run_progress(struct daemon *d, struct run *r);
void daemon_run_over(struct daemon *d, struct run *r); /* all is done but the last record */
void daemon_add_run(struct daemon *d, struct run *r);  /* takes it */
bool daemon_id_in_use(const struct daemon *d, const struct run *but, const char *job,
                      const char *id);
json_t *daemon_sets_in_progress(const struct daemon *d); /* ["JOB/ID"]; new reference */
/* Set in_use of the job's sets: what a restore, a verification or a copy reads is not deleted. */
void daemon_mark_in_use(struct daemon *d, const char *job);
void daemon_note_jobs(struct daemon *d); /* journal jobs that came or went */
/* Journal the id of a destination's marker, "" if a worker told none, unless it is known. */
void daemon_know_marker(struct daemon *d, const char *destination, const char *marker_id);
/* Journal the heads that a worker saw there (HEADS, or NULL), if they are news. */
void daemon_know_heads(struct daemon *d, const char *destination, const json_t *heads);
/* Put a configuration in force (takes the reference) if the planner accepts it. */
int must_check daemon_set_config(struct daemon *d, struct config *config, struct err *e);
