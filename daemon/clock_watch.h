/* clock_watch.h — can the wall clock be believed?
 *
 * In doubt: it went backwards by more than 5 minutes against the journal or against the
 * monotonic clock, or it leapt ahead by more than a day while the kernel calls it unsynchronised.
 * Then ages mean nothing: keep_within, ends of pins and the like wait. It ends after an hour in
 * sync, or by `synbakctl clock-accept`. Pure but for the journal's record. */
#pragma once

#include <stdbool.h>

#include "lib/base/clock.h"

struct daemon;

struct clock_watch {
    bool in_doubt;
    char why[160];
    struct wall wall; /* at the last look */
    struct mono mono;
    struct mono in_sync_since; /* us == 0: not in sync */
};

/* journal: time of the newest record, us == 0 if there is none. */
void clock_watch_start(struct daemon *d, struct wall journal);
/* True if the wall clock moved against the monotonic one by more than a few seconds. */
bool clock_watch_look(struct daemon *d);
bool clock_watch_in_doubt(const struct clock_watch *c);
void clock_watch_accept(struct daemon *d); /* an administrator says that it is right */
