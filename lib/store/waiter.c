#include "lib/store/waiter.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

void store_wait_begin(struct store_wait *w)
{
    int64_t none = 0;

    (void)atomic_compare_exchange_strong(&w->since_us, &none, clock_mono().us);
}

bool store_wait_look(struct store_wait *w, const char *place)
{
    int64_t since_us = atomic_load(&w->since_us);

    if (store_wait_is_short(w) && since_us != 0 &&
        clock_mono().us - since_us >= WAITER_TELL_MS * 1000LL && !atomic_exchange(&w->told, true)) {
        _cleanup_free_ char *text = mem_printf("waiting for an answer of %s", place);
        w->waiter.tell(w->waiter.arg, text);
    }
    return atomic_load(&w->over) || (w->waiter.stop != NULL && w->waiter.stop(w->waiter.arg));
}

void store_wait_answered(struct store_wait *w)
{
    atomic_store(&w->answered, true);
}

bool store_wait_is_short(const struct store_wait *w)
{
    return w->waiter.tell != NULL && !atomic_load(&w->answered);
}
