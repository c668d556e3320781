/* waiter.h — who waits for a far store, and how long that lasts.
 *
 * Nobody is kept waiting for a place that is not there. Until a store has answered for the first time,
 * connecting ends once the waiter has had enough, and where a person waits, three rules hold: what
 * cannot be reached (refused, no such host) is tried twice within WAITER_PAUSE_MS, what gives no
 * sign is given up after WAITER_MUTE_S, and after WAITER_TELL_MS the person is told what is awaited. From
 * the first answer on the store is worth the same patience to everybody. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { WAITER_TELL_MS = 2000, WAITER_PAUSE_MS = 1000, WAITER_MUTE_S = 10, WAITER_TRIES = 2 };

struct store_waiter {
    /* Connecting is given up once this is true (ERR_CANCELLED); or NULL. */
    bool (*stop)(void *arg);
    /* Not NULL: a person waits, and is told so, at most once. */
    void (*tell)(void *arg, const char *text);
    void *arg; /* both may be called by any thread */
};

/* The waiting for one store. Zeroed but for the waiter; any number of threads. */
struct store_wait {
    struct store_waiter waiter;
    _Atomic int64_t since_us; /* 0: nobody waits yet */
    atomic_bool told, answered;
    atomic_bool over; /* given up for good (store_give_up) */
};

/* The first to wait starts the clock. */
void store_wait_begin(struct store_wait *w);
/* Asked at least once a second by whoever waits: is it to be given up? place: for what is told. */
bool store_wait_look(struct store_wait *w, const char *place);
void store_wait_answered(struct store_wait *w);
/* Do the three rules hold? */
bool store_wait_is_short(const struct store_wait *w);
