/* retention.h — which sets go, and one sentence why each stays. Pure: no clock, no I/O.
 *
 * The floor: for each source at each destination the newest good set that holds it never goes.
 * docs/architecture.md names the rules; tests/unit/schedule/test_retention_histories.c proves over
 * random histories that the floor, pins and `max_delete` hold. */
#pragma once

#include "lib/config/config.h"
#include "lib/schedule/set.h"

struct retention_input {
    const struct job *job;
    const struct sets *sets; /* classified; only destinations listed since start */
    const char *destination; /* one pass is about one destination */
    struct wall now;
    const char *timezone; /* IANA name: periods of tiers are local dates */
    bool clock_in_doubt;  /* then keep_within, pin ends and ages wait */
    bool held;            /* `synbakctl hold`: nothing goes */
};

struct retention_verdict {
    const struct set *set; /* borrowed from the input */
    bool remove;
    char *why; /* owned; "stays: the 3rd of 30 daily sets kept", "goes: ...", and where the
                * destination locks: ", locked until at least 2026-12-20 02:10 UTC" */
};

struct retention_plan {
    struct retention_verdict *verdicts; /* one for each set at the destination, newest first */
    size_t count;
    size_t removals; /* after max_delete */
    bool capped;     /* more would go than max_delete allows */
};

int must_check retention_decide(const struct retention_input *in, struct retention_plan *ret,
                                struct err *e);
void retention_plan_deinit(struct retention_plan *p);
