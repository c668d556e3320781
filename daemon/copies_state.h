/* copies_state.h — what the files copies*.c share, and nobody else sees. */
#pragma once

#include "daemon/copies.h"
#include "daemon/operation.h"
#include "lib/schedule/copying.h"

struct owed { /* what lib/schedule/copying said, in memory of our own */
    char *job, *id, *from, *to;
    bool startable, next, late;
    int failures, priority;
    struct wall started; /* of the set */
};

struct lag { /* of one destination of one job */
    char *job, *destination, *newest;
    bool remembered; /* not listed since start: `newest` is what the journal tells */
    size_t lacks, late;
    struct wall newest_at;
};

struct attempt { /* failed */
    char *job, *id, *to, *from;
    int failures;
    struct mono next;
    struct wall next_at; /* the same, for people */
    struct err error;
};

struct asked { /* by an operator; also for as long as it is on its way */
    char *job, *id, *from, *to;
    struct request *request; /* waits for the end; NULL: nobody does */
};

/* One destination.  IDLE -> WORKING -> RECORDING -> IDLE; a failure: RECORDING -> LISTING -> IDLE,
 * and then nothing before `not_before`. */
struct lane {
    struct copies *copies;
    char *to;
    enum lane_state { LANE_IDLE, LANE_WORKING, LANE_RECORDING, LANE_LISTING } state;
    char *job, *id, *from; /* while not idle */
    char *from_place, *to_place;
    struct operation *operation;
    bool dropped; /* cancelled by a reload or a stop: no failure */
    struct wall since;
    struct mono began;
    char step[128];
    int64_t done, total;
    json_t *result; /* of the worker, while it is being recorded */
    struct set set; /* likewise */
    struct err error;
    int failures; /* in a row, whatever the set */
    struct mono not_before;
};

struct copies {
    struct daemon *daemon;
    bool dirty, stopping;
    uint64_t generation; /* of the catalog, when it was planned */
    struct mono planned;
    struct owed *owed;
    size_t owed_count;
    struct lag *lags;
    size_t lag_count;
    struct mono next_try;
    struct attempt *attempts;
    size_t attempt_count;
    struct asked *asked;
    size_t asked_count;
    struct lane **lanes;
    size_t lane_count;
};

/* copies_plan.c */
void copies_plan(struct copies *c); /* if anything may have changed */
void copies_drop_plan(struct copies *c);
struct attempt *copies_attempt(const struct copies *c, const char *job, const char *id,
                               const char *to); /* or NULL */
void copies_note_failure(struct copies *c, const struct lane *l);
void copies_forget_attempt(struct copies *c, const char *job, const char *id, const char *to);
const struct owed *copies_find_owed(const struct copies *c, const char *job, const char *id,
                                    const char *to); /* or NULL */

/* copies_lane.c */
struct lane *copies_lane(const struct copies *c, const char *to); /* or NULL */
struct lane *copies_make_lane(struct copies *c, const char *to);
bool lane_is_cooling(const struct lane *l); /* failed, and not yet to be tried again */
/* False if the configuration does not know one of the three any more. */
bool lane_start(struct lane *l, const char *job, const char *id, const char *from);
void lane_drop(struct lane *l, const char *why); /* end it without counting that as a failure */
void lane_free(struct lane *l);                  /* idle */

/* copies.c */
void copies_lane_progress(struct copies *c, const struct lane *l);
void copies_lane_over(struct copies *c, struct lane *l); /* recorded: l->set, or l->error */
