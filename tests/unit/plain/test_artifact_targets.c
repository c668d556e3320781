/* Several destinations from one read: shared work, own ways to fail, and nothing left behind. */
#include <pthread.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/seam.h"
#include "tests/unit/plain/fixture.h"

enum { LEN = (3 << 20) + 777 };

static const struct secret other_key = {.text = (char[]){"another-key-of-enough-length"},
                                        .len = 28};
static const char prefix[] = "job/20260101_000000";

static struct artifact_target target_at(struct store *s, bool gzip, int level,
                                        const struct secret *key, uint64_t volume_bytes)
{
    return (struct artifact_target){.store = s,
                                    .set_prefix = prefix,
                                    .codec = {.gzip = gzip, .level = level, .key = key},
                                    .volume_bytes = volume_bytes};
}

static uint8_t *input(void)
{
    uint8_t *data = mem_alloc(LEN);

    fill_bytes(data, LEN, 'm', 3);
    return data;
}

static int write_all(const struct artifact_target *targets, size_t count, const uint8_t *data,
                     struct artifact_result *results, struct err *e)
{
    struct artifact_writer *w = NULL;

    if (artifact_create(&w, "src/x.out", targets, count, 3, e) < 0)
        return -1;
    for (size_t at = 0, n; at < LEN; at += n) {
        n = LEN - at < 100000 ? LEN - at : 100000;
        if (artifact_write(w, data + at, n, e) < 0) {
            artifact_abort(w);
            return -1;
        }
    }
    return artifact_finish(w, results, e);
}

static void expect_bytes(const struct artifact_target *t, const struct artifact_result *r,
                         const uint8_t *data)
{
    struct artifact_source src = source_of(t->store, prefix, r, t->codec);
    uint8_t *back = NULL;
    size_t len = 0;
    struct err e = {0};

    ASSERT(!r->failed);
    ASSERT_OK(artifact_verify(&src, NULL, NULL, &e), e);
    ASSERT_OK(read_artifact(&src, &back, &len, &e), e);
    ASSERT_EQ(len, LEN);
    ASSERT(memcmp(back, data, LEN) == 0);
    free(back);
}

TEST(every_mixture_of_forms)
{
    struct artifact_target t[6];
    struct artifact_result r[6] = {0};
    struct err e = {0};
    uint8_t *data = input();

    t[0] = target_at(memory_store_new(), true, 1, &test_key, 1 << 20);
    t[1] = target_at(memory_store_new(), true, 1, &test_key, 1 << 20); /* as the first */
    t[2] = target_at(memory_store_new(), true, 6, &test_key, 1 << 20);
    t[3] = target_at(memory_store_new(), false, 1, NULL, 1 << 16);
    t[4] = target_at(memory_store_new(), true, 1, &other_key, 1 << 30);
    t[5] = target_at(memory_store_new(), false, 9, NULL, 1 << 16); /* as the fourth */
    ASSERT_OK(write_all(t, ARRAY_LEN(t), data, r, &e), e);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        expect_bytes(&t[i], &r[i], data);
    /* the same form is the same bytes, salt and all; another is not */
    ASSERT(memcmp(r[0].volumes[0].sha256, r[1].volumes[0].sha256, STORE_DIGEST_LEN) == 0);
    ASSERT(memcmp(r[3].volumes[0].sha256, r[5].volumes[0].sha256, STORE_DIGEST_LEN) == 0);
    ASSERT(memcmp(r[0].volumes[0].sha256, r[4].volumes[0].sha256, STORE_DIGEST_LEN) != 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        artifact_result_deinit(&r[i]);
        store_close(t[i].store);
    }
    free(data);
}

static size_t count_objects(struct store *s)
{
    struct store_object *o = mem_alloc(100 * sizeof(*o));
    struct err e = {0};
    size_t n = 0;

    ASSERT_OK(store_list(s, "", false, "", o, 100, &n, &e), e);
    free(o);
    return n;
}

/* One of two fails at call N, for every N: the other is whole, and tells nothing of it. */
TEST(one_destination_fails_at_each_call)
{
    uint8_t *data = input();
    unsigned calls = 1;
    size_t failures = 0;

    for (unsigned n = 1; n <= calls; n++) {
        struct artifact_target t[2] = {target_at(memory_store_new(), true, 1, NULL, 1 << 20),
                                       target_at(memory_store_new(), true, 1, NULL, 1 << 20)};
        struct artifact_result r[2] = {0};
        struct err e = {0};
        struct memory_store_faults *faults = memory_store_faults(t[0].store);
        faults->fail_call = n;
        ASSERT_OK(write_all(t, 2, data, r, &e), e);
        calls = faults->calls > calls ? faults->calls : calls;
        expect_bytes(&t[1], &r[1], data);
        if (r[0].failed) {
            failures++;
            ASSERT_EQ(r[0].error.code, ERR_UNAVAILABLE);
            ASSERT_EQ(count_objects(t[0].store), 0); /* no volume without a manifest stays */
        }
        for (int i = 0; i < 2; i++) {
            artifact_result_deinit(&r[i]);
            store_close(t[i].store);
        }
    }
    ASSERT(failures >= 5);
    test_note("%u calls, %zu failures", calls, failures);
    free(data);
}

TEST(all_destinations_fail)
{
    uint8_t *data = input();

    for (int key = 0; key < 2; key++) {
        struct artifact_target t[2] = {
            target_at(memory_store_new(), true, 1, key ? &test_key : NULL, 1 << 20),
            target_at(memory_store_new(), false, 1, key ? &test_key : NULL, 1 << 20)};
        struct artifact_result r[2] = {0};
        struct err e = {0};
        for (int i = 0; i < 2; i++) {
            memory_store_faults(t[i].store)->fail_call = 4;
            memory_store_faults(t[i].store)->fail_ever_after = true;
        }
        ASSERT_ERR(write_all(t, 2, data, r, &e), e, ERR_UNAVAILABLE);
        for (int i = 0; i < 2; i++) {
            artifact_result_deinit(&r[i]);
            store_close(t[i].store);
        }
    }
    free(data);
}

TEST(abort_leaves_nothing)
{
    uint8_t *data = input();

    for (size_t len = 0; len <= LEN; len += LEN / 3) {
        struct artifact_target t = target_at(memory_store_new(), false, 1, &test_key, 1 << 20);
        struct artifact_writer *w = NULL;
        struct err e = {0};
        ASSERT_OK(artifact_create(&w, "src/x.out", &t, 1, 2, &e), e);
        ASSERT_OK(artifact_write(w, data, len, &e), e);
        artifact_abort(w);
        ASSERT_EQ(count_objects(t.store), 0);
        store_close(t.store);
    }
    artifact_abort(NULL);
    free(data);
}

TEST(the_wrong_key_is_told_at_once)
{
    struct store *s = memory_store_new();
    uint8_t *data = input(), byte;
    struct artifact_codec codec = {.gzip = true, .level = 1, .key = &test_key};
    struct artifact_result r = write_artifact(s, prefix, "src/x.out", codec, 1 << 20, data, LEN);
    struct artifact_source src = source_of(s, prefix, &r, codec);
    struct artifact_reader *reader = NULL;
    struct err e = {0};
    size_t n = 0;

    src.key = &other_key;
    ASSERT_OK(artifact_open(&reader, &src, &e), e);
    ASSERT_ERR(artifact_read(reader, &byte, 1, &n, &e), e, ERR_KEY);
    artifact_close(reader);
    artifact_result_deinit(&r);
    store_close(s);
    free(data);
}

/* --- a far one that hangs --- */

static void write_blocks(struct artifact_writer *w, const uint8_t *data, int times)
{
    struct err e = {0};

    for (int i = 0; i < times; i++)
        ASSERT_OK(artifact_write(w, data, LEN, &e), e);
}

static void hold(struct store *s, bool on)
{
    atomic_store(&memory_store_faults(s)->hold_puts, on);
}

/* It has held up the near one for half a minute: the read goes on without it. */
TEST(a_far_one_that_hangs_is_dropped)
{
    struct artifact_target t[2];
    struct artifact_result r[2] = {0};
    struct artifact_writer *w = NULL;
    struct err e = {0};
    uint8_t *data = input();

    for (int encrypted = 0; encrypted < 2; encrypted++) {
        const struct secret *key = encrypted ? &test_key : NULL;
        t[0] = target_at(memory_store_new(), true, 1, key, 1 << 20);
        t[1] = target_at(memory_store_new(), true, 1, key, 1 << 20);
        t[1].may_lag = true;
        seam_clock_set(0);
        hold(t[1].store, true);
        ASSERT_OK(artifact_create(&w, "src/x.out", t, 2, 3, &e), e);
        write_blocks(w, data, 8); /* comes back while it still hangs */
        ASSERT(clock_mono().us >= 30 * 1000000LL);
        ASSERT(clock_mono().us < 40 * 1000000LL);
        hold(t[1].store, false);
        ASSERT_OK(artifact_finish(w, r, &e), e);
        ASSERT(!r[0].failed && r[1].failed);
        ASSERT_EQ(r[1].error.code, ERR_LATE);
        ASSERT_CONTAINS(r[1].error.text, "memory: it was too slow");
        struct artifact_source src = source_of(t[0].store, prefix, &r[0], t[0].codec);
        ASSERT_OK(artifact_verify(&src, NULL, NULL, &e), e);
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
            artifact_result_deinit(&r[i]);
            store_close(t[i].store);
        }
        seam_clock_advance(-clock_mono().us);
    }
    free(data);
}

static void *release_later(void *store)
{
    (void)usleep(100000);
    hold(store, false);
    return NULL;
}

/* Nobody else is there whom it could hold up: it only slows the read. */
TEST(a_far_one_alone_is_waited_for)
{
    struct artifact_target t = target_at(memory_store_new(), true, 1, NULL, 1 << 20);
    struct artifact_result r = {0};
    struct artifact_writer *w = NULL;
    struct err e = {0};
    uint8_t *data = input();
    pthread_t thread;

    t.may_lag = true;
    seam_clock_set(0);
    hold(t.store, true);
    ASSERT_OK(artifact_create(&w, "src/x.out", &t, 1, 3, &e), e);
    ASSERT(pthread_create(&thread, NULL, release_later, t.store) == 0);
    write_blocks(w, data, 8);
    ASSERT_OK(artifact_finish(w, &r, &e), e);
    ASSERT(!r.failed);
    struct artifact_source src = source_of(t.store, prefix, &r, t.codec);
    ASSERT_OK(artifact_verify(&src, NULL, NULL, &e), e);
    (void)pthread_join(thread, NULL);
    artifact_result_deinit(&r);
    store_close(t.store);
    free(data);
}
