#include "lib/schedule/rolling.h"

#include <stdlib.h>

#include "lib/base/mem.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    SPARE_MAX = 3 * DAY,  /* kept in hand: a portion may come late, fail, or be cut off */
    QUIET = 5 * MINUTE,   /* after a run or the start */
    AFTER_RUN = 2 * HOUR, /* so long "after a run" is */
    BETWEEN = 20 * HOUR,  /* a daily run is not always as long after the last one */
    AFTER_FAILURE = 2 * HOUR,
    JITTER = 4 * HOUR
};

static int by_age(const void *x, const void *y)
{
    const struct rolling_piece *a = *(struct rolling_piece *const *)x;
    const struct rolling_piece *b = *(struct rolling_piece *const *)y;

    if (a->read.us != b->read.us)
        return a->read.us < b->read.us ? -1 : 1;
    return a < b ? -1 : a > b; /* the same every time */
}

/* Portions that can still come before the piece's time, this one included. */
static uint64_t portions_left(const struct rolling_piece *p, int64_t within_s, struct wall now)
{
    int64_t spare_s = within_s / 10 < SPARE_MAX ? within_s / 10 : SPARE_MAX;
    int64_t left_s = p->read.us / 1000000 + within_s - spare_s - now.us / 1000000;

    return left_s < DAY ? 1 : (uint64_t)(left_s / DAY);
}

/* The most that any set of oldest pieces needs each day until the youngest of them is due. */
static uint64_t needed(struct rolling_piece *const *sorted, size_t count, int64_t within_s,
                       struct wall now)
{
    uint64_t sum = 0, most = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t left = portions_left(sorted[i], within_s, now);
        sum += sorted[i]->bytes;
        uint64_t each = sum / left + (sum % left != 0);
        if (each > most)
            most = each;
    }
    return most;
}

uint64_t rolling_choose(struct rolling_piece *pieces, size_t count, int64_t within_s,
                        struct wall now)
{
    _cleanup_free_ struct rolling_piece **sorted = mem_alloc((count + 1) * sizeof(*sorted));
    uint64_t taken = 0;

    for (size_t i = 0; i < count; i++)
        sorted[i] = &pieces[i];
    qsort(sorted, count, sizeof(struct rolling_piece *), by_age);
    const uint64_t most = needed(sorted, count, within_s, now);
    for (size_t i = 0; i < count; i++) {
        struct rolling_piece *p = sorted[i];
        uint64_t room = most > taken ? most - taken : 0;
        p->take = 0;
        if (portions_left(p, within_s, now) == 1 || p->bytes <= room)
            p->take = p->bytes;
        else if (p->divisible)
            p->take = room;
        taken += p->take;
    }
    return taken;
}

struct wall rolling_oldest(const struct rolling_piece *pieces, size_t count)
{
    struct wall oldest = {INT64_MAX};

    for (size_t i = 0; i < count; i++)
        if (pieces[i].read.us < oldest.us)
            oldest = pieces[i].read;
    return oldest;
}

static int64_t seconds_since(const struct rolling_moment *m, struct wall then)
{
    return (m->now.us - then.us) / 1000000;
}

bool rolling_is_time(const struct rolling_moment *m)
{
    const int64_t since_last =
        m->last.us != 0 ? seconds_since(m, m->last) : seconds_since(m, m->up_since) + BETWEEN;
    const int64_t since_run = m->last_run.us != 0 ? seconds_since(m, m->last_run) : INT64_MAX;

    if (m->busy || seconds_since(m, m->up_since) < QUIET || since_run < QUIET)
        return false;
    if (m->last_failed)
        return since_last >= AFTER_FAILURE;
    if (since_last >= BETWEEN && since_run <= AFTER_RUN)
        return true;
    return since_last >= DAY + (int64_t)(m->jitter % JITTER);
}
