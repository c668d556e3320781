/* Streams into a repository and out again: whole, again, changed; every fault on the way. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/repository/stream_fixture.h"

TEST(streams_of_every_length_come_back)
{
    static const size_t lengths[] = {0, 1, 32767, 32768, 32769, 524288, 1048576, 1048577, 20000003};
    struct add_world *w = world_open(memory_store_new());

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        uint8_t *data = make_bytes(lengths[i], "ctz"[i % 3], i);
        struct added x;
        (void)run(w, data, lengths[i], -1, -1, &x);
        check_stream(w, &x, data, lengths[i]);
        added_deinit(&x);
        free(data);
    }
    world_close(w);
}

TEST(what_is_there_is_not_stored_again)
{
    enum { LEN = 12 << 20 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 'c', 1);
    struct added first, second;

    uint64_t put = run(w, data, LEN, -1, -1, &first);
    ASSERT(put > LEN && put < LEN + LEN / 20);
    ASSERT_EQ(run(w, data, LEN, -1, -1, &second), 0);
    ASSERT_EQ(second.new_bytes, 0);
    ASSERT_EQ(second.list_count, first.list_count);
    for (size_t i = 0; i < first.list_count; i++)
        ASSERT(chunk_id_equal(&first.list[i].id, &second.list[i].id));
    check_stream(w, &second, data, LEN);
    added_deinit(&first);
    added_deinit(&second);
    free(data);
    world_close(w);
}

/* The same bytes over and over within one run, also while their first chunk is still under way. */
TEST(what_repeats_within_a_run_is_stored_once)
{
    enum { PART = 3 << 20, TIMES = 8 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = mem_alloc(PART * TIMES), *part = make_bytes(PART, 'c', 1);
    struct added x, y;
    uint64_t put = 0;

    for (int i = 0; i < TIMES; i++)
        memcpy(data + (size_t)i * PART, part, PART);
    ASSERT_OK(world_begin(w), w->e);
    ASSERT_OK(add_stream(w, data, PART * TIMES, -1, -1, &x), w->e);
    ASSERT_OK(add_stream(w, data, PART * TIMES, -1, -1, &y), w->e);
    ASSERT_EQ(y.new_bytes, 0);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    world_open_index(w);
    ASSERT(put < PART + (1 << 20));
    check_stream(w, &x, data, PART * TIMES);
    check_stream(w, &y, data, PART * TIMES);
    added_deinit(&x);
    added_deinit(&y);
    free(data);
    free(part);
    world_close(w);
}

static int list_file(const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", test_dir(), name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    ASSERT(fd >= 0);
    return fd;
}

/* Eight days in a row: rows updated here and there, some appended. */
TEST(a_day_later_costs_little_more_than_what_changed)
{
    enum { FIRST = 12 << 20, DAY = 100000, DAYS = 8, UPDATES = 30 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_rows(FIRST + DAYS * DAY);
    size_t len = FIRST;
    struct added x;
    int previous = list_file("list-0");
    uint64_t first = run(w, data, len, -1, previous, &x), state = 7, most = 0, least = UINT64_MAX;

    added_deinit(&x);
    for (int day = 1; day <= DAYS; day++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "list-%d", day);
        int copy = list_file(name);
        for (int i = 0; i < UPDATES; i++)
            memcpy(data + next_chance(&state) % (len - 8), "updated!", 8);
        len += DAY;
        uint64_t put = run(w, data, len, previous, copy, &x);
        check_stream(w, &x, data, len);
        most = put > most ? put : most;
        least = put < least ? put : least;
        added_deinit(&x);
        (void)close(previous);
        previous = copy;
    }
    (void)close(previous);
    test_note("first %llu bytes, a day %llu to %llu for %d appended", (unsigned long long)first,
              (unsigned long long)least, (unsigned long long)most, DAY);
    ASSERT(most < 2 * DAY + 4 * PACK_ALIGN);
    free(data);
    world_close(w);
}

TEST(a_list_s_copy_is_the_list)
{
    enum { LEN = 60 << 20 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 'z', 1);
    int copy = list_file("copy");
    struct added x;

    for (size_t i = 0; i < LEN; i += 4096)
        data[i] = (uint8_t)(i * 2654435761U >> 24);
    (void)run(w, data, LEN, -1, copy, &x);
    struct content c = {.world = w, .bytes = BUF_INIT(256 << 20)};
    struct buf list = read_list(w, &x, append_content, &c);
    uint8_t *bytes = mem_alloc(list.len + 1);
    ASSERT_EQ(pread(copy, bytes, list.len + 1, 0), list.len);
    ASSERT(memcmp(bytes, list.data, list.len) == 0);
    (void)close(copy);
    free(bytes);
    buf_deinit(&list);
    buf_deinit(&c.bytes);
    added_deinit(&x);
    free(data);
    world_close(w);
}

/* Whatever lies in the place of the last list only costs or spares bytes. */
TEST(a_wrong_list_of_last_time_does_no_harm)
{
    enum { LEN = 4 << 20 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_rows(LEN);
    int lists[4] = {list_file("good"), list_file("empty"), list_file("chance"), list_file("cut")};
    struct added x;

    (void)run(w, data, LEN, -1, lists[0], &x);
    added_deinit(&x);
    uint8_t *chance = make_bytes(100000, 'c', 5), *bytes = mem_alloc(1 << 20);
    ASSERT_EQ(write(lists[2], chance, 100000), 100000);
    ssize_t n = pread(lists[0], bytes, 1 << 20, 0);
    ASSERT(n > 100);
    ASSERT_EQ(write(lists[3], bytes, (size_t)n - 50), n - 50);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        data[1000 + i]++;
        data[LEN / 2 + i]++;
        (void)run(w, data, LEN, lists[i], -1, &x);
        check_stream(w, &x, data, LEN);
        added_deinit(&x);
        (void)close(lists[i]);
    }
    free(bytes);
    free(chance);
    free(data);
    world_close(w);
}

TEST(a_chunk_on_its_own)
{
    struct add_world *w = world_open(memory_store_new());
    struct buf out = BUF_INIT(1 << 20);
    struct chunk_ref ref;
    uint64_t put;

    ASSERT_OK(world_begin(w), w->e);
    ASSERT_OK(adder_chunk(w->adder, CHUNK_SET, "{\"a\":1}", 7, &ref, &w->e), w->e);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    world_open_index(w);
    append_chunk(w, &ref, &out);
    ASSERT_STR((char *)out.data, "{\"a\":1}");
    buf_deinit(&out);
    world_close(w);
}

TEST(giving_up_leaves_nothing_behind_in_memory)
{
    enum { LEN = 30 << 20 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 'c', 1);
    struct added x;

    for (size_t len = 0; len <= LEN; len += LEN / 5) {
        ASSERT_OK(world_begin(w), w->e);
        ASSERT_OK(adder_stream_begin(w->adder, -1, -1, &w->e), w->e);
        ASSERT_OK(adder_write(w->adder, data, len, &w->e), w->e);
        adder_abort(w->adder);
        world_open_index(w);
    }
    (void)run(w, data, LEN, -1, -1, &x);
    check_stream(w, &x, data, LEN);
    added_deinit(&x);
    free(data);
    world_close(w);
}

/* A run in which any call may fail. True: it is there whole. */
static bool try_run(struct add_world *w, const uint8_t *data, size_t len, struct added *ret)
{
    uint64_t put;

    if (world_begin(w) < 0)
        return false;
    if (add_stream(w, data, len, -1, -1, ret) < 0) {
        adder_abort(w->adder);
        return false;
    }
    if (adder_finish(w->adder, &put, &w->e) == 0)
        return true;
    added_deinit(ret);
    return false;
}

TEST(every_call_of_the_store_fails_once)
{
    enum { LEN = 20 << 20 };
    uint8_t *data = make_bytes(LEN, 'c', 1);
    unsigned calls = 1, failed = 0;

    for (unsigned n = 0; n <= calls; n++) { /* 0: none */
        struct add_world *w = world_open(memory_store_new());
        struct memory_store_faults *f = memory_store_faults(w->store);
        struct added x;
        f->fail_call = n == 0 ? 0 : f->calls + n;
        unsigned before = f->calls;
        bool done = try_run(w, data, LEN, &x);
        calls = n == 0 ? f->calls - before : calls;
        failed += !done;
        ASSERT(n > 0 || done);
        ASSERT(done || w->replicas[0].failed);
        if (done)
            added_deinit(&x);
        w->replicas[0].failed = false;
        f->fail_call = 0;
        world_open_index(w); /* and again, upon whatever is there */
        (void)run(w, data, LEN, -1, -1, &x);
        check_stream(w, &x, data, LEN);
        added_deinit(&x);
        world_close(w);
    }
    test_note("%u of %u calls failed a run", failed, calls);
    ASSERT(failed > 5);
    free(data);
}

TEST(one_replica_of_three_fails_and_the_others_go_on)
{
    enum { LEN = 10 << 20 };
    uint8_t *data = make_bytes(LEN, 'c', 1);
    size_t dropped = 0;

    for (unsigned n = 1; n < 16; n++) {
        struct add_world *w = world_open(memory_store_new());
        struct added x;
        for (size_t i = 1; i < 3; i++)
            w->replicas[i].store = memory_store_new();
        w->replica_count = 3;
        struct memory_store_faults *f = memory_store_faults(w->replicas[n % 3].store);
        f->fail_call = f->calls + n;
        f->fail_ever_after = true;
        ASSERT(try_run(w, data, LEN, &x));
        f->fail_call = 0;
        f->fail_ever_after = false;
        for (size_t i = 0; i < 3; i++) {
            dropped += w->replicas[i].failed;
            ASSERT(!w->replicas[i].failed || i == n % 3);
            if (w->replicas[i].failed)
                continue;
            struct store *s = w->store;
            w->store = w->replicas[i].store;
            world_open_index(w);
            check_stream(w, &x, data, LEN);
            w->store = s;
        }
        for (size_t i = 1; i < 3; i++)
            store_close(w->replicas[i].store);
        added_deinit(&x);
        world_close(w);
    }
    test_note("%zu replicas dropped out of 15 runs", dropped);
    ASSERT(dropped > 5);
    free(data);
}
