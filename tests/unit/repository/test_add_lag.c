/* A far replica that hangs or is slow, while others are not. */
#include <pthread.h>
#include <unistd.h>

#include "tests/lib/seam.h"
#include "tests/unit/repository/add_fixture.h"
#include "tests/unit/repository/stream_fixture.h"

enum { LEN = 100 << 20, HALF_A_MINUTE_US = 30 * 1000000 };

static void hold(struct store *s, bool on)
{
    atomic_store(&memory_store_faults(s)->hold_puts, on);
}

static struct add_world *two_replicas(void)
{
    struct add_world *w = world_open(memory_store_new());

    w->replicas[1] = (struct adder_replica){.store = memory_store_new(), .may_lag = true};
    w->replica_count = 2;
    seam_clock_set(0);
    return w;
}

static void close_two(struct add_world *w)
{
    store_close(w->replicas[1].store);
    world_close(w);
    seam_clock_advance(-clock_mono().us);
}

static uint8_t *noise(void)
{
    return make_bytes(LEN, 'c', 1);
}

TEST(a_far_replica_that_hangs_is_dropped)
{
    struct add_world *w = two_replicas();
    uint8_t *data = noise();
    struct added x;
    uint64_t put;

    hold(w->replicas[1].store, true); /* and never lets go */
    ASSERT_OK(world_begin(w), w->e);
    ASSERT_OK(add_stream(w, data, LEN, -1, -1, &x), w->e);
    ASSERT(clock_mono().us >= HALF_A_MINUTE_US);
    ASSERT(clock_mono().us < HALF_A_MINUTE_US * 4 / 3);
    ASSERT(w->replicas[1].failed && !w->replicas[0].failed);
    ASSERT_EQ(w->replicas[1].error.code, ERR_LATE);
    ASSERT_CONTAINS(w->replicas[1].error.text, "memory: it was too slow");
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    world_open_index(w);
    check_stream(w, &x, data, LEN);
    added_deinit(&x);
    free(data);
    close_two(w);
}

static void *release_later(void *store)
{
    (void)usleep(300000);
    hold(store, false);
    return NULL;
}

/* Nobody else has what it lacks: it only slows the read. */
static void waits_for(struct add_world *w, struct store *s)
{
    uint8_t *data = noise();
    pthread_t thread;
    struct added x;
    uint64_t put;

    hold(s, true);
    ASSERT_OK(world_begin(w), w->e);
    ASSERT_EQ(pthread_create(&thread, NULL, release_later, s), 0);
    ASSERT_OK(add_stream(w, data, LEN, -1, -1, &x), w->e);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    for (size_t i = 0; i < w->replica_count; i++)
        ASSERT(!w->replicas[i].failed);
    world_open_index(w);
    check_stream(w, &x, data, LEN);
    added_deinit(&x);
    free(data);
}

TEST(a_far_replica_alone_is_waited_for)
{
    struct add_world *w = world_open(memory_store_new());

    seam_clock_set(0);
    w->replicas[0].may_lag = true;
    waits_for(w, w->store);
    world_close(w);
    seam_clock_advance(-clock_mono().us);
}

TEST(a_near_replica_is_waited_for)
{
    struct add_world *w = two_replicas();

    waits_for(w, w->store);
    close_two(w);
}

static bool yes(void *arg)
{
    (void)arg;
    return true;
}

/* It is the only replica; a destination of another format has what it lacks. */
TEST(it_is_dropped_when_its_copy_comes_from_another_format)
{
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = noise();
    struct added x;

    seam_clock_set(0);
    w->replicas[0].may_lag = true;
    hold(w->store, true);
    ASSERT_OK(world_begin(w), w->e);
    adder_set_elsewhere(w->adder, yes, NULL);
    ASSERT_ERR(add_stream(w, data, LEN, -1, -1, &x), w->e, ERR_LATE);
    adder_abort(w->adder);
    ASSERT(w->replicas[0].failed);
    free(data);
    world_close(w);
    seam_clock_advance(-clock_mono().us);
}

/* Each pack takes four seconds there: it is never still, and nobody gets on. */
static void *let_through(void *store)
{
    struct memory_store_faults *f = memory_store_faults(store);

    for (;;) {
        hold(store, true);
        for (int64_t begin = clock_mono().us; clock_mono().us - begin < 4 * 1000000;)
            if (usleep(1000) != 0 || f->fail_call == UINT32_MAX)
                return NULL;
        hold(store, false);
        (void)usleep(2000);
    }
}

TEST(a_far_replica_that_is_slow_is_dropped)
{
    struct add_world *w = two_replicas();
    struct store *far = w->replicas[1].store;
    uint8_t *data = noise();
    pthread_t thread;
    struct added x = {0};
    uint64_t put;

    hold(far, true);
    ASSERT_EQ(pthread_create(&thread, NULL, let_through, far), 0);
    ASSERT_OK(world_begin(w), w->e);
    for (int i = 0; i < 8 && !w->replicas[1].failed; i++) {
        added_deinit(&x);
        ASSERT_OK(add_stream(w, data, LEN, -1, -1, &x), w->e);
        memset(data, i, LEN / 1000);
        for (size_t at = 0; at < LEN; at += 4096)
            data[at] ^= (uint8_t)(i + 1);
    }
    ASSERT(w->replicas[1].failed);
    ASSERT_EQ(w->replicas[1].error.code, ERR_LATE);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    memory_store_faults(far)->fail_call = UINT32_MAX;
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    added_deinit(&x);
    free(data);
    close_two(w);
}
