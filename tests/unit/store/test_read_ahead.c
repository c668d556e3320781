#include <pthread.h>

#include "lib/base/mem.h"
#include "lib/store/ops.h"
#include "lib/store/read_ahead.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

/* A store that is far away: byte i of its one object is i * 7, it has SIZE bytes, and it counts how
 * many gets are under way. */
enum { SIZE = 100000, LEN = 1000 };

struct far_store {
    struct store base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int under_way, most, wait_for, gets;
    uint64_t fail_at;
    bool halves; /* gives half of what is asked for */
};

static int far_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                   size_t *ret_len, struct err *e)
{
    struct far_store *f = (struct far_store *)s;
    uint8_t *out = data;

    (void)name;
    (void)pthread_mutex_lock(&f->lock);
    f->gets++;
    f->under_way++;
    f->most = f->under_way > f->most ? f->under_way : f->most;
    (void)pthread_cond_broadcast(&f->changed);
    while (f->most < f->wait_for) /* that so many are under way at once is the point */
        (void)pthread_cond_wait(&f->changed, &f->lock);
    f->under_way--;
    (void)pthread_mutex_unlock(&f->lock);
    *ret_len = 0;
    if (f->fail_at != 0 && offset >= f->fail_at)
        return err_set(e, ERR_UNAVAILABLE, "no answer at %llu", (unsigned long long)offset);
    len = f->halves && len > 1 ? len / 2 : len;
    while (*ret_len < len && offset + *ret_len < SIZE) {
        out[*ret_len] = (uint8_t)((offset + *ret_len) * 7);
        (*ret_len)++;
    }
    return 0;
}

static struct store_ops far_ops = {.get = far_get};

static void far_init(struct far_store *f, int parallel)
{
    *f = (struct far_store){.base = {&far_ops, (char *)"far"}};
    far_ops.get_parallel = parallel;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
}

struct want {
    uint64_t offset, end;
    size_t asked;
};

static int next_range(void *arg, struct store_range *ret)
{
    struct want *w = arg;

    if (w->offset >= w->end)
        return 1;
    *ret = (struct store_range){mem_strdup("object"), w->offset, LEN};
    w->offset += LEN;
    w->asked++;
    return 0;
}

static uint64_t read_all(struct read_ahead *r, int *ret_rc, struct err *e)
{
    const uint8_t *data;
    uint64_t at = 0;
    size_t len;

    while ((*ret_rc = read_ahead_next(r, &data, &len, e)) == 0) {
        for (size_t i = 0; i < len; i++)
            ASSERT_EQ(data[i], (uint8_t)((at + i) * 7));
        at += len;
    }
    return at;
}

static void whole(int parallel, bool halves)
{
    struct far_store f;
    struct want w = {0, SIZE, 0};
    struct err e;
    int rc;

    far_init(&f, parallel);
    f.wait_for = parallel;
    f.halves = halves;
    struct read_ahead *r = read_ahead_new(&f.base, LEN, next_range, &w);
    ASSERT_EQ(read_all(r, &rc, &e), SIZE);
    ASSERT_EQ(rc, 1);
    ASSERT_EQ(f.most, parallel);
    read_ahead_free(r);
}

TEST(ranges_come_in_order)
{
    whole(4, false);
    whole(16, false);
}

TEST(a_near_store_is_read_by_the_caller)
{
    whole(1, false);
}

TEST(short_answers_are_completed)
{
    whole(3, true);
}

TEST(the_end_of_the_object_is_short)
{
    struct far_store f;
    struct want w = {SIZE - LEN - 10, SIZE + 5 * LEN, 0};
    const uint8_t *data;
    size_t len;
    struct err e;

    far_init(&f, 2);
    struct read_ahead *r = read_ahead_new(&f.base, LEN, next_range, &w);
    ASSERT_OK(read_ahead_next(r, &data, &len, &e), e);
    ASSERT_EQ(len, LEN);
    ASSERT_OK(read_ahead_next(r, &data, &len, &e), e);
    ASSERT_EQ(len, 10);
    ASSERT_OK(read_ahead_next(r, &data, &len, &e), e);
    ASSERT_EQ(len, 0);
    read_ahead_free(r);
}

TEST(an_error_comes_in_its_turn_and_stays)
{
    for (int parallel = 1; parallel < 6; parallel += 2) {
        struct far_store f;
        struct want w = {0, SIZE, 0};
        const uint8_t *data;
        size_t len;
        struct err e;
        int rc;

        far_init(&f, parallel);
        f.fail_at = 5 * LEN;
        struct read_ahead *r = read_ahead_new(&f.base, LEN, next_range, &w);
        ASSERT_EQ(read_all(r, &rc, &e), 5 * LEN);
        ASSERT_EQ(e.code, ERR_UNAVAILABLE);
        ASSERT_STR(e.text, "no answer at 5000");
        ASSERT_ERR(read_ahead_next(r, &data, &len, &e), e, ERR_UNAVAILABLE);
        read_ahead_free(r);
    }
}

TEST(only_so_far_ahead)
{
    struct far_store f;
    struct want w = {0, SIZE, 0};
    const uint8_t *data;
    size_t len;
    struct err e;

    far_init(&f, 4);
    struct read_ahead *r = read_ahead_new(&f.base, LEN, next_range, &w);
    ASSERT_OK(read_ahead_next(r, &data, &len, &e), e);
    ASSERT_EQ(w.asked, 4);
    ASSERT_OK(read_ahead_next(r, &data, &len, &e), e);
    ASSERT_EQ(w.asked, 5);
    read_ahead_free(r); /* with ranges that nobody took */
    read_ahead_free(NULL);
}

/* Memory: no more buffers than ranges under way. */
TEST(buffers_are_used_again)
{
    struct far_store f;
    struct want w = {0, SIZE, 0};
    const uint8_t *data, *seen[3] = {NULL, NULL, NULL};
    size_t len;
    struct err e;

    far_init(&f, 3);
    struct read_ahead *r = read_ahead_new(&f.base, LEN, next_range, &w);
    for (size_t i = 0; read_ahead_next(r, &data, &len, &e) == 0; i++) {
        ASSERT(i < 3 || data == seen[i % 3]);
        seen[i % 3] = data;
    }
    read_ahead_free(r);
}

TEST(nothing_to_read)
{
    struct store *s = memory_store_new();
    struct want w = {0, 0, 0};
    const uint8_t *data;
    size_t len;
    struct err e;

    struct read_ahead *r = read_ahead_new(s, LEN, next_range, &w);
    ASSERT_EQ(read_ahead_next(r, &data, &len, &e), 1);
    ASSERT_EQ(read_ahead_next(r, &data, &len, &e), 1);
    read_ahead_free(r);
    store_close(s);
}
