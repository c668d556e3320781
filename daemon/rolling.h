/* rolling.h — reading everything that is stored again, a portion a day (lib/schedule/rolling decides).
 *
 * A portion is a verification run of a job, asked for by the clock with "rolling" in its request, and what
 * it finds is treated as any verification's. Of the plain format it holds sets, of long ones parts; of a repository
 * a part of the names of its packs, since what sets share belongs to none: which parts were read when
 * is in `catalog` and in `repositories`, from "read" records. Sets that are damaged, or whose job is not configured any
 * more, are not read. Loop thread only. */
#pragma once

#include "daemon/run.h"

struct daemon;

/* Ask for the portions whose moment has come. Cheap: call it with every tick. */
void rolling_look(struct daemon *d);
/* A restore begins: portions that are being read end. */
void rolling_yield(struct daemon *d);
bool rolling_is_portion(const struct run *r);
/* What of its destinations this run reads: fills r->checks. */
void rolling_plan(struct run *r);
/* Journal that a part of the repository at the destination, or of the set, has been read from end to end. */
void rolling_note_read(const struct run *r, const struct run_check *c);
/* The moment since which every byte there has been read; INT64_MAX: nothing lies there, or it is not
 * read by the clock. */
struct wall rolling_read_since(struct daemon *d, const struct destination *dest);
/* Longer ago than promised, although there was time? */
bool rolling_is_late(struct daemon *d, const struct destination *dest, struct wall since);
