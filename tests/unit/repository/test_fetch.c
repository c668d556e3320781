/* What was added comes back: streams and trees, near and far; damage is told and never believed. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/repository/fetch.h"
#include "tests/unit/repository/fetch_help.h"

static void add_stream(struct add_world *w, const uint8_t *data, size_t len, int previous, int copy,
                       struct added *ret)
{
    ASSERT_OK(adder_stream_begin(w->adder, previous, copy, &w->e), w->e);
    ASSERT_OK(adder_write(w->adder, data, len, &w->e), w->e);
    ASSERT_OK(adder_end(w->adder, ret, &w->e), w->e);
}

static void run(struct add_world *w, const uint8_t *data, size_t len, int previous, int copy,
                struct added *ret)
{
    uint64_t put;

    ASSERT_OK(world_begin(w), w->e);
    add_stream(w, data, len, previous, copy, ret);
    ASSERT_OK(adder_finish(w->adder, &put, &w->e), w->e);
    world_open_index(w);
}

/* Everything that the artifact holds, or the error in w->e. */
static int fetch(struct add_world *w, const struct added *x, bool tree, const struct strlist *only,
                 int threads, struct buf *out)
{
    struct fetch_artifact *a;
    struct fetcher *f;
    size_t len;
    int rc;

    ASSERT_OK(fetcher_open(&f, &w->repository, w->index, threads, &w->e), w->e);
    rc = fetch_artifact_open(f, x->list, x->list_count, tree, only, &a, &w->e);
    if (rc == 0) {
        uint8_t *piece = mem_alloc(100003);
        while ((rc = fetch_artifact_read(a, piece, 100003, &len, &w->e)) == 0 && len > 0)
            ASSERT_OK(buf_append(out, piece, len, &w->e), w->e);
        free(piece);
        fetch_artifact_close(a);
    }
    fetcher_close(f);
    return rc;
}

static void check_stream(struct add_world *w, const struct added *x, const uint8_t *data,
                         size_t len, int threads)
{
    struct buf out = BUF_INIT(256 << 20);

    ASSERT_OK(fetch(w, x, false, NULL, threads, &out), w->e);
    ASSERT_EQ(out.len, len);
    ASSERT(len == 0 || memcmp(out.data, data, len) == 0);
    buf_deinit(&out);
}

TEST(streams_of_every_length_come_back)
{
    static const size_t lengths[] = {0, 1, 32767, 524288, 1048577, 20000003};
    struct add_world *w = world_open(memory_store_new());

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        uint8_t *data = make_bytes(lengths[i], "ctz"[i % 3], i);
        struct added x;
        run(w, data, lengths[i], -1, -1, &x);
        for (int far = 1; far <= 8; far += 7) {
            memory_store_set_parallel(w->store, far);
            check_stream(w, &x, data, lengths[i], 1);
            check_stream(w, &x, data, lengths[i], 3);
        }
        added_deinit(&x);
        free(data);
    }
    world_close(w);
}

static int list_file(const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", test_dir(), name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    ASSERT(fd >= 0);
    return fd;
}

static int count_deltas(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    (void)ordinal;
    (void)e;
    *(size_t *)arg += x->chunk.codec == CHUNK_DELTA;
    return 0;
}

/* Text of which a little changes from day to day: most of what is new is a delta. */
TEST(days_of_a_dump_come_back)
{
    enum { LEN = 6 << 20, DAYS = 4 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 't', 5);
    uint8_t *kept[DAYS];
    struct added days[DAYS];
    uint64_t random = 3;
    size_t deltas = 0;
    int previous = -1;

    for (int day = 0; day < DAYS; day++) {
        _cleanup_free_ char *name = mem_printf("list%d", day);
        int copy = list_file(name);
        run(w, data, LEN, previous, copy, &days[day]);
        kept[day] = mem_copy(data, LEN);
        for (int i = 0; i < 40; i++)
            data[next_chance(&random) % LEN] ^= 1;
        if (previous >= 0)
            (void)close(previous);
        previous = copy;
        ASSERT_EQ(lseek(previous, 0, SEEK_SET), 0);
    }
    for (int day = 0; day < DAYS; day++) {
        check_stream(w, &days[day], kept[day], LEN, 2);
        added_deinit(&days[day]);
        free(kept[day]);
    }
    ASSERT_OK(index_each(w->index, count_deltas, &deltas, &w->e), w->e);
    test_note("deltas: %zu", deltas);
    ASSERT(deltas > 0);
    (void)close(previous);
    free(data);
    world_close(w);
}

/* --- trees --- */
TEST(tree_is_the_same_tar_stream)
{
    size_t trees = test_long() ? 20 : 2;

    for (uint64_t seed = 1; seed <= trees; seed++) {
        _cleanup_free_ char *root = mem_printf("%s/tree%d", test_dir(), (int)seed);
        struct add_world *w = world_open(memory_store_new());
        struct added x;
        make_tree(root, seed);
        struct buf expected = tar_of(root);
        add_tree(w, root, &x);
        for (int far = 1; far <= 8; far += 7) {
            struct buf out = BUF_INIT(256 << 20);
            memory_store_set_parallel(w->store, far);
            ASSERT_OK(fetch(w, &x, true, NULL, 2, &out), w->e);
            ASSERT_EQ(out.len, expected.len);
            ASSERT(memcmp(out.data, expected.data, out.len) == 0);
            buf_deinit(&out);
        }
        buf_deinit(&expected);
        added_deinit(&x);
        world_close(w);
    }
}

TEST(only_some_paths)
{
    _cleanup_free_ char *root = mem_printf("%s/tree", test_dir());
    struct add_world *w = world_open(memory_store_new());
    struct strlist only = {0}, names = {0};
    struct buf out = BUF_INIT(256 << 20);
    struct added x;

    make_tree(root, 1);
    _cleanup_free_ char *first = mem_printf("%s/a/b/file10", root);
    struct stat st;
    ASSERT_EQ(stat(first, &st), 0);
    add_tree(w, root, &x);

    strlist_add(&only, "a/none");
    strlist_add(&only, "a-");
    ASSERT_OK(fetch(w, &x, true, &only, 2, &out), w->e);
    names_of(&out, &names);
    ASSERT_EQ(names.count, 3);
    ASSERT_STR(names.items[0], "a/none:0");
    ASSERT_STR(names.items[1], "a-:0");
    ASSERT_STR(names.items[2], "a-/\xff\xfe:10");
    strlist_deinit(&only);
    strlist_deinit(&names);
    buf_clear(&out);

    strlist_add(&only, "c-link"); /* its file is not wanted: it becomes the file */
    strlist_add(&only, "d-link");
    ASSERT_OK(fetch(w, &x, true, &only, 2, &out), w->e);
    names_of(&out, &names);
    ASSERT_EQ(names.count, 2);
    _cleanup_free_ char *file = mem_printf("c-link:%lld", (long long)st.st_size);
    ASSERT_STR(names.items[0], file);
    ASSERT_STR(names.items[1], "d-link=c-link:0");
    strlist_deinit(&only);
    strlist_deinit(&names);
    buf_clear(&out);

    strlist_add(&only, "a/nobody");
    ASSERT_ERR(fetch(w, &x, true, &only, 2, &out), w->e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(w->e.text, "a/nobody");
    strlist_deinit(&only);
    buf_deinit(&out);
    added_deinit(&x);
    world_close(w);
}

TEST(every_stored_byte_changed)
{
    enum { LEN = 150000 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 't', 5);
    struct store_object objects[8];
    size_t count, tried = 0, told = 0;
    struct added x;

    run(w, data, LEN, -1, -1, &x);
    ASSERT_OK(store_list(w->store, "packs/", false, "", objects, 8, &count, &w->e), w->e);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < objects[i].size; at += test_long() || at < 200 ? 1 : 53) {
            struct buf out = BUF_INIT(1 << 20);
            memory_store_damage(w->store, objects[i].name, at);
            int rc = fetch(w, &x, false, NULL, 1, &out);
            ASSERT(out.len <= LEN && memcmp(out.data == NULL ? (uint8_t *)"" : out.data, data,
                                            out.len) == 0); /* what came was right */
            if (rc < 0)
                ASSERT(w->e.code == ERR_DAMAGED || w->e.code == ERR_KEY);
            else
                ASSERT_EQ(out.len, LEN);
            told += rc < 0;
            tried++;
            memory_store_damage(w->store, objects[i].name, at);
            buf_deinit(&out);
        }
    test_note("flips: %zu, told %zu; the others hit what a restore does not read", tried, told);
    ASSERT(told > tried / 4);
    added_deinit(&x);
    free(data);
    world_close(w);
}

TEST(what_is_missing_is_named)
{
    enum { LEN = 150000 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(LEN, 'c', 5);
    struct buf out = BUF_INIT(1 << 20);
    struct store_object objects[8];
    size_t count;
    struct added x;
    char hex[65];

    run(w, data, LEN, -1, -1, &x);
    ASSERT_OK(store_list(w->store, "packs/", false, "", objects, 8, &count, &w->e), w->e);
    ASSERT_EQ(count, 2); /* of data, and of lists */
    for (size_t i = 0; i < count; i++) {
        struct buf whole = BUF_INIT(16 << 20);
        ASSERT_OK(store_get_bytes(w->store, objects[i].name, &whole, &w->e), w->e);
        ASSERT_OK(store_delete(w->store, objects[i].name, &w->e), w->e);
        ASSERT_ERR(fetch(w, &x, false, NULL, 2, &out), w->e, ERR_DAMAGED);
        ASSERT_CONTAINS(w->e.text, objects[i].name);
        ASSERT_CONTAINS(w->e.text, "chunk ");
        ASSERT_OK(store_put_bytes(w->store, objects[i].name, whole.data, whole.len / 2,
                                  STORE_FAIL_IF_EXISTS, &w->e),
                  w->e);
        ASSERT_OK(
            store_put_bytes(w->store, objects[i].name, whole.data, whole.len, STORE_REPLACE, &w->e),
            w->e);
        buf_deinit(&whole);
    }
    buf_clear(&out);
    ASSERT_OK(fetch(w, &x, false, NULL, 2, &out), w->e);
    x.list[0].id.bytes[0] ^= 1;
    chunk_id_hex(&x.list[0].id, hex);
    ASSERT_ERR(fetch(w, &x, false, NULL, 2, &out), w->e, ERR_NOT_FOUND);
    ASSERT_CONTAINS(w->e.text, hex);
    buf_deinit(&out);
    added_deinit(&x);
    free(data);
    world_close(w);
}

struct reader {
    struct fetcher *f;
    const struct added *x;
    int rc;
    struct err e;
};

static void *read_chunks(void *arg)
{
    struct reader *r = arg;

    for (int i = 0; i < 20 && r->rc == 0; i++)
        for (size_t j = 0; j < r->x->list_count && r->rc == 0; j++) {
            uint8_t *out = mem_alloc(r->x->list[j].length);
            r->rc = fetcher_chunk(r->f, &r->x->list[j], CHUNK_LIST, out, &r->e);
            free(out);
        }
    return NULL;
}

TEST(chunks_by_several_threads)
{
    enum { THREADS = 4 };
    struct add_world *w = world_open(memory_store_new());
    uint8_t *data = make_bytes(30 << 20, 'c', 5);
    struct reader readers[THREADS] = {0};
    pthread_t threads[THREADS];
    struct fetcher *f;
    struct added x;

    run(w, data, 30 << 20, -1, -1, &x);
    ASSERT_OK(fetcher_open(&f, &w->repository, w->index, 2, &w->e), w->e);
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.f = f, .x = &x};
        ASSERT_EQ(pthread_create(&threads[i], NULL, read_chunks, &readers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        ASSERT_OK(readers[i].rc, readers[i].e);
    }
    fetcher_close(f);
    added_deinit(&x);
    free(data);
    world_close(w);
}
