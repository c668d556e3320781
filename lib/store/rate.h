/* rate.h — how fast a store may be fed, by the time of day, and the waiting that keeps to it.
 *
 * The plan comes with absolute times, because only the daemon knows schedules and time zones.
 * One limiter serves all connections of a store; its calls may come from several threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct rate_step {
    struct wall from;         /* holds until the next step's */
    int64_t bytes_per_second; /* 0: as fast as it goes */
};

struct rate_plan {
    struct rate_step *steps; /* in order of time; owned by whoever made the plan */
    size_t count;            /* before the first step: as fast as it goes */
};

struct rate_limiter;

struct rate_limiter *rate_limiter_new(const struct rate_plan *plan); /* borrowed; NULL: no limit */
void rate_limiter_free(struct rate_limiter *r);                      /* NULL-safe */
/* Account for bytes about to be sent and wait for their turn. Blocks at most a second at a time:
 * returns how many of them may go now, at least 1. */
size_t rate_limiter_take(struct rate_limiter *r, size_t bytes);
