/* set.h — a backup set as the deciding code sees it: what retention, planner and status count.
 *
 * One record for each set at each destination; made by the daemon from manifests and marks
 * that a worker has read. Pure data. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

struct set_source {
    char *name;
    bool whole;            /* read completely in this set */
    uint64_t stored_bytes; /* of its artifacts as stored; in a repository what it added */
    uint64_t raw_bytes;    /* before compression */
};

enum set_state { SET_GOOD, SET_INCOMPLETE, SET_SUSPECT, SET_FRAGMENT, SET_DAMAGED };
const char *set_state_word(enum set_state s);

struct set {
    char *id;          /* "20261120_143000" */
    char *destination; /* name in the configuration */
    int64_t sequence;  /* of the job; 0 for pre-restore sets */
    unsigned tiers;    /* bits 1 << TIER_...; the reasons it was made for */
    struct wall started, finished;
    struct set_source *sources;
    size_t source_count;
    bool incomplete, fragment; /* from the manifest */
    bool stays;                /* likewise: never copied to another destination by itself */
    bool shares;               /* in a repository: what is stored serves other sets too */
    bool accepted;             /* an accept mark stands */
    bool pinned;               /* a pin mark stands (its end in pin_until) */
    struct wall pin_until;     /* us == 0: for ever */
    char *pin_reason;
    struct wall verified; /* last whole verification, us == 0: never */
    bool damaged;         /* that verification failed */
    bool in_use;          /* a restore, a verification or a copy reads it now */
    enum set_state state; /* computed by sets_classify */
    bool confirms;        /* likewise: small, and the proof that small is right from here on */
};

struct sets { /* of one job, all destinations; any order */
    struct set *items;
    size_t count;
};

void set_deinit(struct set *s); /* both NULL-safe */
void sets_deinit(struct sets *s);
bool set_is_pre_restore(const struct set *s);
const struct set_source *set_source_find(const struct set *s, const char *name); /* or NULL */
/* Compute every set's state: damaged, fragment, incomplete, suspect (artifact under
 * drop_percent of the median of the last ten good ones of that source at that destination; three
 * suspects in a row of like size, or an accepted one, are good and start a new level of size),
 * else good. Walks by sequence number. Pre-restore sets count for no size and are never latest. */
void sets_classify(struct sets *s, int drop_percent);
/* The newest good set at that destination (NULL: any) by sequence number; NULL if none. */
const struct set *sets_latest(const struct sets *s, const char *destination);
