/* clock.h — the clock seam: the only place that reads a clock.
 *
 * Wall time and monotonic time are different types, so that they cannot be mixed. tests/lib
 * replaces clock.c at link time: there the wall clock may jump by years. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wall {
    int64_t us; /* microseconds since 1970-01-01 00:00 UTC */
};

struct mono {
    int64_t us; /* microseconds since an arbitrary moment; never goes back; counts suspend */
};

struct wall clock_wall(void);
struct mono clock_mono(void);
void clock_sleep_ms(int64_t ms);
bool clock_is_synchronised(void); /* what the kernel says of the wall clock (adjtimex) */

/* "2026-11-20T14:30:00Z", UTC, into out. */
const char *clock_iso8601(struct wall t, char out[32]);
/* "20261120_143000", UTC: the form of a set's id. */
const char *clock_set_id(struct wall t, char out[32]);
/* Whole seconds from an id; -1 if it has not that form. */
int clock_parse_set_id(const char *id, struct wall *ret);
/* "2026-11-20T14:30:00Z" back; -1 if malformed. */
int clock_parse_iso8601(const char *text, struct wall *ret);
