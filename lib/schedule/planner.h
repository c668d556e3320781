/* planner.h — the deciding core: a function from (state, event, now) to actions.
 *
 * No clock, no I/O, no libuv. The daemon feeds events and performs the actions in the order given;
 * each action's record is journalled before its effect. After a restart the daemon sends
 * EVENT_CONFIG, replays its journal as events (each with the time it was written) into a fresh
 * planner, finishes the runs that were cut off as OUTCOME_FAILED, then sends EVENT_STARTED; until
 * that, no action comes. What the replay names counts from its first record on; a job that it does
 * not name is new and owes nothing. A year of schedules is a unit test that takes milliseconds
 * (tests/trace).
 *
 *   run:  queued -> running -> finished          queued -> finished (cancelled)
 *   owed: a tier that fell due is owed until a good set carries it.
 *
 * Rules, from docs/architecture.md ("Owed tiers"): a run carries every tier owed at its start; what
 * falls due during a run is skipped and counted only if that run carries the same tier, otherwise
 * one run follows at once; a failed or incomplete run is retried by the job's `retry` only, then
 * its tiers stay owed until the next due time; catching up after downtime is one run; manual runs
 * queue and are never skipped; one run of a job at a time, and beside it one verification, which
 * waits for it but never makes it wait; `parallel` runs at once, where a verification counts
 * against another one only; higher priority first, then older first; a paused job starts nothing
 * (what falls due stays owed). A suspect run leaves its tiers owed without a retry, a run cancelled
 * by a person likewise; one that a stop of the daemon cut off is retried, a scheduled verification
 * at once. Manual runs carry what is owed too, those of some sources (fragment) never. Pre-restore
 * runs go first and also while the job is paused. */
#pragma once

#include "lib/schedule/calendar.h"

struct planner;

enum run_kind { RUN_BACKUP, RUN_VERIFY, RUN_PRE_RESTORE };
enum run_outcome {
    OUTCOME_GOOD,
    OUTCOME_SUSPECT,
    OUTCOME_INCOMPLETE,
    OUTCOME_FAILED,
    OUTCOME_CANCELLED
};
const char *run_outcome_word(enum run_outcome o);
int run_outcome_from_word(const char *word); /* -1 */

struct event {
    enum event_kind {
        EVENT_TICK,       /* time has passed, or a timer fired */
        EVENT_STARTED,    /* replay is over: what fell due while down becomes owed (one run) */
        EVENT_CONFIG,     /* config: the new model (borrowed until the next EVENT_CONFIG) */
        EVENT_TRIGGER,    /* job, run_kind, tiers (0: manual), fragment, sources/destinations in the
                             daemon's record */
        EVENT_CANCEL,     /* run */
        EVENT_PAUSE,      /* job, until (us == 0: until resumed) */
        EVENT_RESUME,     /* job */
        EVENT_RUN_QUEUED, /* replay only: run, job, tiers, kind */
        EVENT_RUN_STARTED, /* replay only: run, tiers */
        EVENT_JOB_KNOWN, /* replay only: job was configured then (an adopted or checkpointed one) */
        EVENT_RUN_FINISHED, /* run, outcome; a good one satisfies the tiers it carried */
        EVENT_CLOCK_JUMPED, /* the wall clock moved against the monotonic one: recompute, no storm
                             */
        EVENT_STOP,         /* start nothing more; cancel what runs */
    } kind;
    struct wall now;
    const char *job;
    int64_t run; /* run number, from 1, assigned by the planner and never reused */
    enum run_kind run_kind;
    unsigned tiers;
    const char *why; /* of a trigger, one clause; NULL: "manual" */
    bool fragment;   /* a trigger of some sources only: satisfies no tier */
    enum run_outcome outcome;
    struct wall until;
    const struct config *config;
};

struct action {
    enum action_kind {
        ACTION_QUEUE_RUN,    /* journal it: run, job, tiers, run_kind, retry (0: first try), why */
        ACTION_START_RUN,    /* run, job, tiers: all owed now */
        ACTION_CANCEL_RUN,   /* run: ask its worker to stop; EVENT_RUN_FINISHED follows */
        ACTION_DROP_RUN,     /* run: was queued, will not start: journal it as cancelled */
        ACTION_SKIP,         /* journal it: job, tiers fell due while a run carries them */
        ACTION_ALARM_QUEUED, /* run waits longer than queue_alarm; why names what it waits for */
        ACTION_ARM, /* wake with EVENT_TICK at `at` (or earlier; never later than needed) */
    } kind;
    char job[64];
    int64_t run;
    enum run_kind run_kind;
    unsigned tiers;
    int retry;
    bool fragment;
    struct wall at;
    char why[160]; /* one clause for journal and status: "daily due 02:00", "retry 1 of 3" */
};

struct actions {
    struct action *items; /* owned */
    size_t count;
};
void actions_clear(struct actions *a);
void actions_deinit(struct actions *a);

struct planner *planner_new(void);
void planner_free(struct planner *p);
/* Append what follows from the event. Fails only for EVENT_CONFIG that does not compile (state
 * unchanged, ERR_CONFIG) and for unknown names (ERR_NOT_FOUND). */
int must_check planner_step(struct planner *p, const struct event *event, struct actions *out,
                            struct err *e);

const char *planner_trigger_why(const struct event *trigger); /* as its run's action has it */

/* What status shows of one job. */
struct planner_view {
    bool paused;
    struct wall paused_until;
    unsigned owed;
    int64_t running, queued; /* run numbers, 0: none */
    struct wall next;        /* next due time over all tiers, with jitter; INT64_MAX: none */
    unsigned next_tiers;
    struct wall retry_at; /* us == 0: no retry pending */
    int retries_used;
    int64_t skipped;             /* since start */
    int64_t shortest_interval_s; /* 0: no tiers */
};
int must_check planner_view(const struct planner *p, const char *job, struct wall now,
                            struct planner_view *ret, struct err *e);
/* The next `max` due times of a job after `now`: for `synbakctl schedule`. Returns how many. */
struct planner_due {
    struct wall at;
    unsigned tiers;
};
size_t planner_upcoming(const struct planner *p, const char *job, struct wall now,
                        struct planner_due *out, size_t max);
