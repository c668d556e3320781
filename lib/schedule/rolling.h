/* rolling.h — reading everything that is stored again, piece by piece: what today's portion is, and when
 * its moment has come. Pure: no clock, no I/O.
 *
 * Each piece has to be read again within a span since it was last read (a commit reads back what it
 * writes, which counts). The portion is the smallest that, if as much is read each day, has read every
 * piece a tenth of the span, at most three days, before its time: the oldest first, all that is overdue
 * at once. With everything read evenly that is total / span a day; where little is old nothing is
 * read. All follows from when each piece was read: downtime and failures need no account of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct rolling_piece {
    uint64_t bytes;   /* not 0 */
    struct wall read; /* when all of it had been read last, or was written */
    bool divisible;   /* may be read in part, from its beginning */
    uint64_t take;    /* out: of its bytes, now: 0, or all unless it is divisible */
};

/* within_s > 0. Any order. Returns the bytes taken. */
uint64_t rolling_choose(struct rolling_piece *pieces, size_t count, int64_t within_s,
                        struct wall now);
/* When the piece was read that is longest unread; INT64_MAX if there is none. */
struct wall rolling_oldest(const struct rolling_piece *pieces, size_t count);

/* A portion a day for each job: in the quiet after a run of the job, or, where none comes, a day
 * after the last one and up to four hours more, another span for each job. After one that failed
 * or was cut off, two hours later. */
struct rolling_moment {
    struct wall now;
    struct wall up_since; /* of the daemon: its first minutes are quiet */
    struct wall last;     /* the end of the job's last verification; us == 0: none yet */
    bool last_failed;     /* without having found damage */
    struct wall last_run; /* the end of the job's last backup; us == 0: none yet */
    bool busy;            /* something runs, waits or is about to; a restore goes on */
    uint32_t jitter;      /* of the job */
};
bool rolling_is_time(const struct rolling_moment *m);
