/* clock.c — the real clocks. */
#include "lib/base/clock.h"

#include <sys/timex.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts); /* cannot fail: both ids exist on every Linux */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct wall clock_wall(void)
{
    return (struct wall){read_us(CLOCK_REALTIME)};
}

struct mono clock_mono(void)
{
    return (struct mono){read_us(CLOCK_BOOTTIME)};
}

void clock_sleep_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) != 0)
        continue;
}

bool clock_is_synchronised(void)
{
    struct timex tx = {0};

    return adjtimex(&tx) != TIME_ERROR;
}
