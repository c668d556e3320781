/* seam_clock.c — the clock seam under test: the real clocks, moved by SYNBAK_CLOCK_FILE.
 *
 * The file holds one or two decimal numbers, microseconds to add to the wall clock and to the
 * monotonic one; a test rewrites it to make the wall clock jump, or time pass. Unit tests move time within their own process by seam_clock_set(). */
#include "tests/lib/seam.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"

static struct {
    bool frozen, unsynchronised;
    int64_t wall_us, mono_us;
} fake;

static int64_t read_us(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* which: 0 the wall clock's, 1 the monotonic one's */
static int64_t offset_from_file(int which)
{
    const char *path = getenv("SYNBAK_CLOCK_FILE");
    long long offsets[2] = {0};
    FILE *f = path != NULL ? fopen(path, "re") : NULL;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%lld %lld", &offsets[0], &offsets[1]) < which + 1)
        offsets[which] = 0;
    (void)fclose(f);
    return offsets[which];
}

struct wall clock_wall(void)
{
    return (struct wall){fake.frozen ? fake.wall_us
                                     : read_us(CLOCK_REALTIME) + offset_from_file(0)};
}

struct mono clock_mono(void)
{
    return (struct mono){fake.frozen ? fake.mono_us
                                     : read_us(CLOCK_BOOTTIME) + offset_from_file(1)};
}

void clock_sleep_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    if (fake.frozen) {
        seam_clock_advance(ms * 1000);
        return;
    }
    while (nanosleep(&ts, &ts) != 0)
        continue;
}

bool clock_is_synchronised(void)
{
    return !fake.unsynchronised && getenv("SYNBAK_CLOCK_UNSYNCHRONISED") == NULL;
}

void seam_clock_set(int64_t wall_us)
{
    fake.frozen = true;
    fake.wall_us = wall_us;
}

void seam_clock_advance(int64_t us)
{
    fake.wall_us += us;
    fake.mono_us += us;
}

void seam_clock_unsynchronised(bool on)
{
    fake.unsynchronised = on;
}
