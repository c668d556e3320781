/* planner_state.h — what the planner remembers, shared by the files planner_*.c only.
 *
 * Each live event goes the same way (planner.c): what fell due is noted, the event is applied, and
 * planner_launch queues and starts what follows. During replay nothing is launched. */
#pragma once

#include "lib/schedule/planner.h"
#include "lib/schedule/zone.h"

enum { DUE_VERIFY = TIER_COUNT, DUE_COUNT }; /* places in planner_job.due behind the tiers */
#define PLANNER_NEVER INT64_MAX

struct planner_due_state {
    struct calendar *calendar; /* NULL: off */
    char *text;                /* as written, to see a change on reload */
    struct wall next;          /* first due time not yet noted, with jitter */
    struct wall last;          /* last one noted; us == 0: none yet */
};

struct planner_job {
    const struct job *config; /* borrowed from the last EVENT_CONFIG */
    char *name;
    char *zone_name; /* NULL: the system's */
    struct zone *zone;
    int64_t jitter_us;
    int64_t shortest_interval_s;
    struct planner_due_state due[DUE_COUNT];
    bool known;    /* replay met it: due times are counted from there on */
    unsigned owed; /* tiers */
    unsigned
        waiting; /* of those, tiers that start no run before the retry or their next due time */
    bool verify_owed;
    struct wall retry_at;
    int retries_used;
    bool paused;
    struct wall paused_until; /* us == 0: until resumed */
    int64_t skipped;
};

struct planner_run {
    int64_t number;
    char job[64];
    enum run_kind kind;
    unsigned tiers; /* queued: what it was asked for; running: what it carries */
    bool fragment;
    bool scheduled; /* for owed tiers or a verification that fell due, not asked for */
    bool running, cancel_asked, alarmed;
    int retry;
    struct wall queued_at;
    char why[160];
};

struct planner {
    const struct config *config;
    struct planner_job *jobs;
    size_t job_count;
    struct planner_run *runs; /* queued and running, oldest first */
    size_t run_count;
    int64_t last_number;
    bool started, stopping;
    struct wall last_now;
};

struct planner_job *planner_job_find(const struct planner *p, const char *name); /* or NULL */
struct planner_run *planner_run_find(const struct planner *p, int64_t number);   /* or NULL */
/* What runs of the job, but for a verification: that makes no set and stands in nobody's way; or NULL. */
struct planner_run *planner_run_running(const struct planner *p, const char *job);
void planner_run_remove(struct planner *p, struct planner_run *run);
bool planner_carries_tiers(const struct planner_run *run); /* a backup of all sources */

struct action *actions_add(struct actions *a, enum action_kind kind);
struct action *actions_add_run(struct actions *a, enum action_kind kind,
                               const struct planner_run *run);

/* planner_config.c */
void planner_job_deinit(struct planner_job *job);
/* Compile into jobs of their own, taking nothing from the planner. */
int must_check planner_compile(const struct config *config, struct planner_job **ret_jobs,
                               size_t *ret_count, struct err *e);
/* Put them in force; jobs that stay keep their state. Takes jobs. */
void planner_adopt(struct planner *p, const struct config *config, struct planner_job *jobs,
                   size_t count, struct wall now);

/* planner_due.c */
struct wall planner_next_due(const struct planner_job *job, int which, struct wall after);
void planner_restart_due(struct planner_job *job, struct wall now); /* count from now on */
/* Note what fell due; skips go to out (NULL during replay). */
void planner_note_due(struct planner *p, struct planner_job *job, struct wall now,
                      struct actions *out);
void planner_clock_went_back(struct planner *p, struct wall now);
void planner_describe_due(const struct planner_job *job, unsigned tiers, struct wall now,
                          char out[160]);
void planner_arm(const struct planner *p, struct wall now, struct actions *out);

/* planner_run.c */
struct planner_run *planner_queue(struct planner *p, struct planner_run run, struct wall now);
void planner_begin_retry(struct planner_job *job);
void planner_finish(struct planner *p, struct planner_run *run, enum run_outcome outcome,
                    struct wall now);
void planner_launch(struct planner *p, struct wall now, struct actions *out);
