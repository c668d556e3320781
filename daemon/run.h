/* run.h — one run of one job, from its start to its record.
 *
 *   LISTING -> [BEGINNING -> BEFORE -> READING* -> COMMITTING -> PINNING*] | [VERIFYING*]
 *           -> RESULT -> AFTER -> FINISHED
 *
 * A failure or a cancel skips to RESULT; AFTER (the hook) comes always. A run that a crash cut off
 * begins again at LISTING with `interrupted`, and goes on to RESULT. The end comes
 * through daemon_run_over(), never from inside run_start.
 * Owner: daemon.c. Loop thread only; nothing here blocks. */
#pragma once

#include "daemon/operation.h"
#include "lib/schedule/planner.h"

enum run_state {
    RUN_LISTING,
    RUN_BEGINNING,
    RUN_BEFORE,
    RUN_READING,
    RUN_COMMITTING,
    RUN_PINNING,
    RUN_VERIFYING,
    RUN_RESULT,
    RUN_AFTER,
    RUN_FINISHED
};

struct run_destination { /* one of the places this run is for */
    struct destination *destination;
    bool listing_asked;
    bool out; /* failed: takes no further part */
    bool committed;
    struct err error;
    uint64_t bytes;
};

struct run_source { /* one of the things this run reads */
    struct source *source;
    bool done, whole;
    uint64_t raw_bytes;
    struct strlist problems;
    json_t *artifacts; /* {DESTINATION: [ARTIFACT]} */
    json_t *tracking;  /* {REPOSITORY: number}, or NULL */
};

struct run_check { /* one set to verify */
    char *destination, *id;
    bool whole; /* with it all that lies in the repository there */
    /* Of that: the packs whose names are in this part of all names, and the structure. Else of a plain
     * set: that part of its bytes (set_verify.h). */
    bool part;
    uint64_t from, to;
};

struct run {
    struct daemon *daemon;
    struct config *config; /* as it was at the start; referenced */
    struct job *job;       /* of that configuration */
    int64_t number;
    enum run_kind kind;
    unsigned tiers;
    bool fragment; /* as the planner has it: satisfies no tier */
    bool interrupted;
    bool stopped;    /* cancelled because the daemon stops, not by an operator */
    json_t *request; /* the run-queued record: sources, destinations, pin, reason; referenced */
    char rid[37];    /* UUID, for pings */
    enum run_state state;
    bool entered; /* what a state does once has been done */
    bool pending; /* something was started and is not yet back */
    struct operation *operation;
    struct wall started;
    struct mono began;
    char id[32];
    int64_t sequence;
    struct run_destination *destinations;
    size_t destination_count;
    struct run_source *sources;
    size_t source_count;
    struct run_check *checks;
    size_t check_count;
    uint64_t verified_bytes;
    size_t index; /* of the source, destination or check at work */
    struct err cancelled;
    struct err first_source_error;
    struct err error; /* why it is not good; code ERR_NONE: it is */
    enum run_outcome outcome;
    struct strlist warned;   /* by workers: each of them may meet the same */
    struct strlist problems; /* hooks and the like: told, but the set stands */
    char step[128];
    int64_t done, total;
};

/* It waits until run_begin(), which is for when its run-started record is durable. */
struct run *run_new(struct daemon *d, const struct action *a);
void run_begin(struct run *r);
/* At restart: one that the crash cut off; to begin it, run_tick(). NULL if its job is gone. */
struct run *run_new_interrupted(struct daemon *d, int64_t number);
void run_cancel(struct run *r, bool stopping, const struct err *why);
void run_free(struct run *r);

/* The run-finished (or run-result) record; new reference. */
json_t *run_to_record(const struct run *r, const char *type);
bool run_makes_fragment(const struct run *r); /* some of the sources only */
bool run_stays(const struct run *r);          /* for some destinations only, as asked for */
/* run_make.c: add those of the job's destinations that otherwise get a copy. False: it has all. */
bool run_feed_all(struct run *r);
uint64_t run_bytes(const struct run *r); /* stored, at the destination that holds most */

/* --- between run.c and its parts --- */
void run_tick(struct run *r);
void run_fail(struct run *r, const struct err *e); /* the first reason stays */
/* An operation for this run: `done` gets the run as its argument. destination_index < 0: all that
 * are not out. */
typedef void run_operation_cb(void *run, const json_t *result, const struct err *e);
void run_start_operation(struct run *r, json_t *job, ssize_t destination_index, bool several,
                         bool read_capability, bool hook, run_operation_cb *done);
/* run_jobs.c: what is sent to workers */
json_t *run_source_job(const struct run *r, const struct run_source *s);
json_t *run_commit_job(const struct run *r);
json_t *run_hook_job(const struct run *r, const struct strlist *argv, bool after);
/* run_result.c: what came back */
void run_take_source(struct run *r, struct run_source *s, const json_t *result,
                     const struct err *e);
void run_take_commit(struct run *r, const json_t *result, const struct err *e);
void run_judge(struct run *r); /* outcome and error, once everything is in */
/* run_verify.c */
void run_plan_checks(struct run *r);
void run_skip_removed(
    struct run *r); /* sets that retention has removed, or removes now, since they were planned */
void run_start_check(struct run *r);
