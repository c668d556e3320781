/* rate.c — the happy path is: ask the plan for the rate of now, take a small piece, sleep until the
 * line would be free for it. Pieces are small so that many connections share the line evenly and
 * that a new step of the plan is felt at once. */
#include "lib/store/rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/base/mem.h"

enum { PIECES_PER_SECOND = 64, SLEEP_MAX_MS = 1000 };

struct rate_limiter {
    const struct rate_plan *plan;
    pthread_mutex_t lock;
    struct mono free_at; /* guarded by lock: when all that was taken so far has gone */
};

struct rate_limiter *rate_limiter_new(const struct rate_plan *plan)
{
    struct rate_limiter *r = mem_alloc(sizeof(*r));

    r->plan = plan;
    if (pthread_mutex_init(&r->lock, NULL) != 0)
        abort(); /* memory, as in mem.h */
    return r;
}

void rate_limiter_free(struct rate_limiter *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static int64_t rate_now(const struct rate_plan *plan)
{
    struct wall now = clock_wall();
    int64_t rate = 0;

    for (size_t i = 0; plan != NULL && i < plan->count && plan->steps[i].from.us <= now.us; i++)
        rate = plan->steps[i].bytes_per_second;
    return rate;
}

size_t rate_limiter_take(struct rate_limiter *r, size_t bytes)
{
    int64_t rate = rate_now(r->plan);

    if (rate <= 0)
        return bytes;
    size_t piece = (size_t)(rate / PIECES_PER_SECOND);
    piece = piece == 0 ? 1 : piece < bytes ? piece : bytes;
    (void)pthread_mutex_lock(&r->lock);
    int64_t now = clock_mono().us;
    if (r->free_at.us < now)
        r->free_at.us = now; /* time that went by unused is not made up for */
    int64_t wait_ms = (r->free_at.us - now) / 1000;
    r->free_at.us += (int64_t)((double)piece * 1e6 / (double)rate);
    (void)pthread_mutex_unlock(&r->lock);
    if (wait_ms > 0)
        clock_sleep_ms(wait_ms < SLEEP_MAX_MS ? wait_ms : SLEEP_MAX_MS);
    return piece;
}
