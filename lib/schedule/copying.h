/* copying.h — which sets are owed to which destination of a job, in which order, and how late they
 * are. Pure: no clock, no I/O.
 *
 * A destination is owed each set that another destination of the job holds undamaged, that it
 * lacks, that is newer (by sequence number) than the oldest it holds, and that retention would keep
 * there; one that holds nothing good is owed the newest good set, and if it holds nothing at all
 * that one alone. Never owed are sets that were
 * made to stay where they are, and those from before a restore. Whether retention would keep it is
 * asked of lib/schedule/retention as if it lay there already and nobody held deletion, so that what
 * is copied is not pruned again and what is pruned is not copied again
 * (tests/unit/schedule/test_copying_histories.c). n log n in the number of sets. All follows from the catalog: a restart forgets
 * nothing that is owed. */
#pragma once

#include "lib/config/config.h"
#include "lib/schedule/set.h"

struct copy_place { /* a destination of the job, as far as it is known */
    bool known;     /* listed at least once since start: what it lacks is no guess */
    bool listed;    /* and the last listing succeeded: it can be copied to and from */
};

struct copy_attempt { /* that failed */
    const char *id, *destination;
    int failures;
    struct mono next; /* not before */
};

struct copying_input {
    const struct job *job;
    const struct sets *sets;         /* classified; of all its destinations */
    const struct copy_place *places; /* one for each of job->destinations */
    const struct copy_attempt *attempts;
    size_t attempt_count;
    struct wall now;
    struct mono mono_now;
    const char *timezone;
    bool clock_in_doubt; /* ages cannot be known: nothing is late, rules of age keep */
    bool paused;         /* nothing starts; what is owed stays owed */
};

struct copy_owed {
    const struct set *set; /* at the supplier; borrowed from the input */
    const char *to;        /* name of a destination; borrowed */
    bool startable;        /* now: both are listed, the job is not paused, no attempt waits */
    /* The one to start before the others, at most one for each destination: retention keeps it
     * beside what lies there now, and nothing else goes that would be copied again. */
    bool next;
    bool late; /* made longer than copy_within ago */
    int failures;
};

struct copy_lag { /* of one of job->destinations */
    size_t lacks, late;
    const struct set *newest; /* good and there; NULL: none */
};

struct copying {
    struct copy_owed *items; /* owned; newest first for each destination, in the job's order */
    size_t count;
    struct copy_lag *lags; /* owned; one for each of job->destinations */
    struct mono next_try;  /* when a failed attempt may be repeated; INT64_MAX: none waits */
};

int must_check copying_decide(const struct copying_input *in, struct copying *ret, struct err *e);
void copying_deinit(struct copying *c); /* NULL-safe */

/* Seconds until the next try after this many failures (from 1): 1, 2, 4 ... 60 min, up to an eighth
 * longer by jitter (any number). */
int64_t copying_delay_s(int failures, uint32_t jitter);
