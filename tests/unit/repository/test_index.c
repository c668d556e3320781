/* An index against a model: what it finds, what it counts, what damage makes of it. */
#include "lib/repository/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct chunk_id id_of(uint64_t n)
{
    struct chunk_id id;
    uint64_t state = n * 0x9e3779b97f4a7c15U + 1;

    for (size_t i = 0; i < sizeof(id.bytes); i += 8) {
        uint64_t word = next_random(&state);
        memcpy(id.bytes + i, &word, 8);
    }
    return id;
}

static struct keys *new_keys(void)
{
    struct keys *k;
    struct err e;

    ASSERT_OK(keys_create(&k, &e), e);
    return k;
}

/* A pack that never was: the index believes what it is told. */
struct false_pack {
    struct pack_built built;
    struct chunk_entry *entries;
    uint32_t *offsets;
};

static struct pack_name pack_of(uint64_t n)
{
    struct pack_name name;
    struct chunk_id id = id_of(n + ((uint64_t)1 << 60));

    memcpy(name.bytes, id.bytes, sizeof(name.bytes));
    return name;
}

/* Chunks numbered from..from+count; delta: of chunk 0, which must not be among them. */
static void false_pack_init(struct false_pack *p, uint64_t number, uint64_t from, size_t count,
                            bool delta)
{
    p->entries = mem_alloc(count * sizeof(*p->entries));
    p->offsets = mem_alloc(count * sizeof(*p->offsets));
    uint32_t offset = OBJECT_HEADER_LEN;
    for (size_t i = 0; i < count; i++) {
        p->entries[i] = (struct chunk_entry){.id = id_of(from + i),
                                             .stored = 10 + (uint32_t)((from + i) % 50),
                                             .length = 100 + (uint32_t)((from + i) % 1000),
                                             .codec = delta ? CHUNK_DELTA : CHUNK_ZSTD,
                                             .kind = CHUNK_DATA};
        if (delta)
            p->entries[i].base = id_of(0);
        p->offsets[i] = offset;
        offset += p->entries[i].stored + SEAL_TAG_LEN;
    }
    p->built = (struct pack_built){.name = pack_of(number),
                                   .len = PACK_MAX,
                                   .entries = p->entries,
                                   .offsets = p->offsets,
                                   .count = count};
}

static void false_pack_deinit(struct false_pack *p)
{
    free(p->entries);
    free(p->offsets);
}

static void add_pack(struct index_writer *w, struct index *ix, uint64_t number, uint64_t from,
                     size_t count, bool delta)
{
    struct false_pack p;
    struct err e;

    false_pack_init(&p, number, from, count, delta);
    ASSERT_OK(index_writer_add(w, ix, &p.built, &e), e);
    false_pack_deinit(&p);
}

static void flush(struct index_writer *w, struct store *s)
{
    const char *name;
    const uint8_t *data;
    size_t len;
    struct err e;

    ASSERT_OK(index_writer_flush(w, &name, &data, &len, &e), e);
    ASSERT_OK(store_put_bytes(s, name, data, len, STORE_FAIL_IF_EXISTS, &e), e);
}

static struct index *open_index(struct store *s, const struct keys *k, const char *dir)
{
    struct index *ix;
    struct err e;

    ASSERT_OK(index_open(s, k, dir, false, &ix, NULL, &e), e);
    return ix;
}

static void assert_found(struct index *ix, uint64_t n, uint64_t pack)
{
    struct chunk_id id = id_of(n);
    struct pack_name name = pack_of(pack);
    struct index_entry x;
    struct err e = {0};

    ASSERT_EQ(index_find(ix, &id, &x, &e), 0);
    ASSERT(chunk_id_equal(&x.chunk.id, &id));
    ASSERT(memcmp(&x.pack, &name, sizeof(name)) == 0);
    ASSERT_EQ(x.chunk.stored, 10 + n % 50);
    ASSERT_EQ(x.chunk.length, 100 + n % 1000);
    ASSERT_EQ(x.pack_len, PACK_MAX);
}

static void assert_missing(struct index *ix, uint64_t n)
{
    struct chunk_id id = id_of(n);
    struct index_entry x;
    struct err e;

    ASSERT_EQ(index_find(ix, &id, &x, &e), 1);
}

TEST(what_is_added_is_found)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    const char *dirs[] = {test_dir(), NULL};

    for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
        struct index *ix = open_index(s, k, dirs[d]);
        struct index_writer *w = index_writer_new(k, dirs[d]);
        uint64_t from = d * 1000000;
        const char *name;
        const uint8_t *data;
        size_t len;
        struct err e;

        assert_missing(ix, from + 5);
        add_pack(w, ix, d * 10 + 1, from, 700, false);
        assert_found(ix, from + 5, d * 10 + 1); /* at once */
        flush(w, s);
        assert_found(ix, from + 5, d * 10 + 1);
        add_pack(w, ix, d * 10 + 2, from + 700, 700, true);
        flush(w, s);
        ASSERT_EQ(index_writer_flush(w, &name, &data, &len, &e), 1);
        index_writer_free(w);
        for (uint64_t n = 0; n < 1400; n++)
            assert_found(ix, from + n, d * 10 + (n < 700 ? 1 : 2));
        assert_missing(ix, from + 1400);
        index_close(ix);
    }
    for (size_t d = 0; d < ARRAY_LEN(dirs); d++)
        for (int again = 0; again < 2; again++) {
            struct index *ix = open_index(s, k, dirs[d]);
            for (uint64_t n = 0; n < 1400; n++) {
                assert_found(ix, n, n < 700 ? 1 : 2);
                assert_found(ix, 1000000 + n, n < 700 ? 11 : 12);
                assert_missing(ix, 500000 + n);
            }
            if (dirs[d] != NULL)
                ASSERT_EQ(index_count(ix), 2800);
            index_close(ix);
        }
    keys_free(k);
    store_close(s);
}

/* --- the model: which packs hold a chunk, as what --- */
enum { CHUNKS = 3000, PACKS = 60 };
struct model {
    bool holds[PACKS][CHUNKS]; /* of the packs that an index names */
    bool delta[PACKS];
    bool excluded[PACKS];
    size_t packs;
};

static void compare_chunk(struct index *ix, const struct model *m, uint64_t n)
{
    struct chunk_id id = id_of(n);
    struct index_entry x;
    struct err e = {0};
    bool whole = false, delta = false;

    for (size_t p = 0; p < m->packs; p++)
        if (m->holds[p][n] && !m->excluded[p])
            *(m->delta[p] ? &delta : &whole) = true;
    int rc = index_find(ix, &id, &x, &e);
    ASSERT_EQ(rc, whole || delta ? 0 : 1);
    if (rc != 0)
        return;
    ASSERT_EQ(x.chunk.codec == CHUNK_DELTA, !whole);
    bool right = false;
    for (size_t p = 0; p < m->packs; p++) {
        struct pack_name name = pack_of(p);
        right |= memcmp(&name, &x.pack, sizeof(name)) == 0 && m->holds[p][n] && !m->excluded[p];
    }
    ASSERT(right);
}

struct seen {
    const struct model *m;
    uint64_t count, last_ordinal;
    struct chunk_id last;
    struct index *ix;
    bool check_ordinals;
};

static int see(void *arg, const struct index_entry *x, uint64_t ordinal, struct err *e)
{
    struct seen *s = arg;
    uint64_t first;

    if (s->count > 0) {
        ASSERT(memcmp(s->last.bytes, x->chunk.id.bytes, 32) <= 0);
        ASSERT(ordinal > s->last_ordinal);
    }
    if (s->check_ordinals) {
        ASSERT_OK(index_ordinal(s->ix, &x->chunk.id, &first, e), *e);
        ASSERT(first <= ordinal);
        if (s->count == 0 || !chunk_id_equal(&s->last, &x->chunk.id))
            ASSERT(first == ordinal || s->m != NULL);
    }
    s->last = x->chunk.id;
    s->last_ordinal = ordinal;
    s->count++;
    return 0;
}

static int count_pack(void *arg, const struct index_pack *p, struct err *e)
{
    (void)p;
    (void)e;
    ++*(size_t *)arg;
    return 0;
}

static void compare(struct index *ix, const struct model *m, bool one_segment)
{
    struct seen seen = {.m = m, .ix = ix, .check_ordinals = one_segment};
    uint64_t entries = 0;
    size_t packs = 0, told = 0;
    struct err e;

    for (uint64_t n = m->packs % 5; n < CHUNKS; n += m->packs == PACKS ? 1 : 5)
        compare_chunk(ix, m, n);
    for (size_t p = 0; p < m->packs; p++) {
        bool any = false;
        for (size_t n = 0; n < CHUNKS && !m->excluded[p]; n++) {
            entries += m->holds[p][n];
            any |= m->holds[p][n];
        }
        packs += any;
    }
    ASSERT_OK(index_each(ix, see, &seen, &e), e);
    ASSERT_EQ(seen.count, entries);
    ASSERT_OK(index_each_pack(ix, count_pack, &told, &e), e);
    ASSERT_EQ(told, packs);
}

static void add_to_model(struct model *m, struct index_writer *w, struct index *ix,
                         uint64_t *random)
{
    size_t count = 1 + next_random(random) % 400, p = m->packs++;
    uint64_t from = 1 + next_random(random) % (CHUNKS - count - 1);

    m->delta[p] = next_random(random) % 3 == 0;
    add_pack(w, ix, p, from, count, m->delta[p]);
    for (size_t i = 0; i < count; i++)
        m->holds[p][from + i] = true;
}

static void merge_in_model(struct model *m, struct index *ix, struct store *s, uint64_t *random)
{
    struct pack_name without[4];
    size_t count = 0;
    struct err e;

    if (m->packs > 0 && next_random(random) % 2 == 0) {
        size_t p = next_random(random) % m->packs;
        without[count++] = pack_of(p);
        memset(m->holds[p], 0, sizeof(m->holds[p]));
    }
    ASSERT_OK(index_merge(ix, s, without, count, &e), e);
}

static void model_run(uint64_t seed, const char *dir)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct model *m = mem_alloc(sizeof(*m));
    uint64_t random = seed;
    struct index *ix = open_index(s, k, dir);
    struct index_writer *w = index_writer_new(k, dir);
    bool merged = false;
    char object[80];
    struct err e;

    while (m->packs < PACKS) {
        switch (next_random(&random) % 8) {
        case 0: {
            size_t p = next_random(&random) % PACKS;
            struct pack_name name = pack_of(p);
            m->excluded[p] = true;
            index_exclude(ix, &name, 1);
            break;
        }
        case 1:
            merge_in_model(m, ix, s, &random);
            merged = true;
            break;
        case 2:
            ASSERT(index_merge_tier(ix, s, object, &e) >= 0);
            merged = false;
            break;
        case 3:
            index_writer_free(w);
            index_close(ix);
            ix = open_index(s, k, dir);
            w = index_writer_new(k, dir);
            memset(m->excluded, 0, sizeof(m->excluded));
            break;
        default:
            add_to_model(m, w, ix, &random);
            for (uint64_t n = 0; n < CHUNKS; n += 97)
                compare_chunk(ix, m, n);
            flush(w, s);
            merged = false;
        }
        compare(ix, m, merged);
    }
    index_writer_free(w);
    index_close(ix);
    keys_free(k);
    free(m);
    store_close(s);
}

TEST(model)
{
    size_t runs = test_long() ? 60 : 3;

    for (uint64_t seed = 1; seed <= runs; seed++) {
        _cleanup_free_ char *dir = mem_printf("%s/%d", test_dir(), (int)seed);
        model_run(seed * 7919, seed % 2 == 0 ? NULL : dir);
    }
    test_note("runs: %zu of %d packs", runs, PACKS);
}

/* One segment of a few chunks. Its object's name in ret. */
static void small_segment(struct store *s, const struct keys *k, char ret[80])
{
    struct index_writer *w = index_writer_new(k, NULL);
    const char *name;
    const uint8_t *data;
    size_t len;
    struct err e;

    add_pack(w, NULL, 1, 1, 20, false);
    add_pack(w, NULL, 2, 21, 5, true);
    ASSERT_OK(index_writer_flush(w, &name, &data, &len, &e), e);
    ASSERT_OK(store_put_bytes(s, name, data, len, STORE_FAIL_IF_EXISTS, &e), e);
    (void)snprintf(ret, 80, "%s", name);
    index_writer_free(w);
}

/* Everything is found as it was written, or the damage is told. */
static bool right_or_told(struct store *s, const struct keys *k, const char *dir)
{
    struct index *ix;
    struct err e = {0};
    bool told = false;

    if (index_open(s, k, dir, false, &ix, NULL, &e) < 0) {
        ASSERT(e.code == ERR_DAMAGED || e.code == ERR_KEY); /* another generation's */
        return true;
    }
    for (uint64_t n = 1; n <= 25 && !told; n++) {
        struct chunk_id id = id_of(n);
        struct index_entry x;
        int rc = index_find(ix, &id, &x, &e);
        ASSERT(rc <= 0);
        if (rc == 0)
            assert_found(ix, n, n <= 20 ? 1 : 2);
        else
            ASSERT_EQ(e.code, ERR_DAMAGED);
        told = rc < 0;
    }
    index_close(ix);
    return told;
}

TEST(every_byte_of_a_segment_flipped)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct store_object o;
    char name[80];
    size_t tried = 0;
    struct err e;

    small_segment(s, k, name);
    ASSERT_OK(store_stat(s, name, &o, &e), e);
    for (size_t at = 0; at < o.size; at += test_long() || at < 300 || at + 2000 > o.size ? 1 : 13) {
        memory_store_damage(s, name, at);
        ASSERT(right_or_told(s, k, NULL));
        if (at % 7 == 0) {
            _cleanup_free_ char *dir = mem_printf("%s/%zu", test_dir(), at);
            ASSERT(right_or_told(s, k, dir));
        }
        memory_store_damage(s, name, at); /* back */
        tried++;
    }
    ASSERT(!right_or_told(s, k, NULL));
    test_note("flips: %zu", tried);
    keys_free(k);
    store_close(s);
}

TEST(truncated_segment)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct buf whole = BUF_INIT(1 << 20);
    char name[80];
    size_t tried = 0;
    struct err e;

    small_segment(s, k, name);
    ASSERT_OK(store_get_bytes(s, name, &whole, &e), e);
    for (size_t len = 0; len < whole.len; len += len < 200 || whole.len - len < 1500 ? 1 : 97) {
        ASSERT_OK(store_put_bytes(s, name, whole.data, len, STORE_REPLACE, &e), e);
        ASSERT(right_or_told(s, k, NULL));
        tried++;
    }
    test_note("lengths: %zu", tried);
    buf_deinit(&whole);
    keys_free(k);
    store_close(s);
}

static char *cache_file(const char *dir)
{
    _cleanup_free_ char *folder = mem_printf("%s/index", dir);
    DIR *d = opendir(folder);
    struct dirent *entry;
    char *path = NULL;

    ASSERT(d != NULL);
    while ((entry = readdir(d)) != NULL)
        if (strlen(entry->d_name) == 64)
            path = mem_printf("%s/%s", folder, entry->d_name);
    (void)closedir(d);
    return path;
}

TEST(cache_is_made_again_whatever_is_wrong_with_it)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    const char *dir = test_dir();
    char name[80];
    struct stat st;
    size_t tried = 0;
    uint8_t byte;

    small_segment(s, k, name);
    ASSERT(!right_or_told(s, k, dir));
    _cleanup_free_ char *path = cache_file(dir);
    ASSERT(path != NULL && stat(path, &st) == 0);
    ASSERT_EQ(st.st_mode & 07777, 0600);
    for (off_t at = 0; at < st.st_size; at += at < 200 || at > st.st_size - 500 ? 1 : 41) {
        int fd = open(path, O_RDWR);
        ASSERT(fd >= 0 && pread(fd, &byte, 1, at) == 1);
        byte ^= 0x10;
        ASSERT(pwrite(fd, &byte, 1, at) == 1);
        (void)close(fd);
        ASSERT(!right_or_told(s, k, dir));
        ASSERT(!right_or_told(s, k, dir));
        tried++;
    }
    for (off_t len = 0; len < st.st_size; len += 1111) {
        ASSERT_EQ(truncate(path, len), 0);
        ASSERT(!right_or_told(s, k, dir));
        ASSERT(!right_or_told(s, k, dir));
        tried++;
    }
    test_note("damages: %zu", tried);
    keys_free(k);
    store_close(s);
}

/* A full disk, or any call that fails: pages are read from the store instead, or the failure is told. */
TEST(no_room_for_the_cache)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    char name[80];
    uint64_t calls;
    struct index *ix;
    struct err e;

    small_segment(s, k, name);
    _cleanup_free_ char *whole = mem_printf("%s/whole", test_dir());
    seam_reset();
    ASSERT(!right_or_told(s, k, whole));
    calls = seam_count();
    for (uint64_t n = 1; n <= calls; n++)
        for (int once = 0; once < 2; once++) {
            _cleanup_free_ char *dir = mem_printf("%s/%d-%d", test_dir(), (int)n, once);
            if (once)
                seam_fail_once(n, EIO);
            else
                seam_fail_from(n, ENOSPC);
            ASSERT_OK(index_open(s, k, dir, false, &ix, NULL, &e), e);
            for (uint64_t i = 1; i <= 25; i++)
                assert_found(ix, i, i <= 20 ? 1 : 2);
            index_close(ix);
            seam_reset();
            ASSERT(!right_or_told(s, k, dir));
        }
    test_note("calls that failed: %d", (int)calls * 2);
    seam_reset();
    keys_free(k);
    store_close(s);
}

/* An old segment under the name of a newer one is not believed. */
TEST(segment_swapped_with_another)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct buf other = BUF_INIT(1 << 20);
    char name[80], second[80];
    struct index *ix;
    struct err e;

    small_segment(s, k, name);
    small_segment(s, k, second);
    ASSERT_OK(store_get_bytes(s, second, &other, &e), e);
    ASSERT_OK(store_put_bytes(s, name, other.data, other.len, STORE_REPLACE, &e), e);
    ASSERT_ERR(index_open(s, k, test_dir(), false, &ix, NULL, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, name);
    buf_deinit(&other);
    keys_free(k);
    store_close(s);
}

TEST(merged_replaces_what_it_was_made_of)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    const struct pack_name *names;
    struct store_object objects[16];
    size_t count, listed;
    char name[80];
    struct err e;

    struct index_writer *w = index_writer_new(k, test_dir());
    for (uint64_t i = 0; i < 9; i++) {
        add_pack(w, NULL, i, 1 + i * 100, 100, false);
        flush(w, s);
    }
    index_writer_free(w);
    struct index *ix = open_index(s, k, test_dir());
    ASSERT(index_wants_merge(ix));
    ASSERT_OK(index_merge_tier(ix, s, name, &e), e);
    ASSERT_OK(store_stat(s, name, objects, &e), e);
    ASSERT(!index_wants_merge(ix));
    ASSERT_EQ(index_merge_tier(ix, s, name, &e), 1);
    ASSERT_EQ(index_count(ix), 900);
    index_superseded(ix, &names, &count);
    ASSERT_EQ(count, 9);
    index_close(ix);
    for (int cached = 0; cached < 2; cached++) {
        ix = open_index(s, k, cached ? test_dir() : NULL);
        index_superseded(ix, &names, &count);
        ASSERT_EQ(count, 9);
        ASSERT_EQ(index_count(ix), cached ? 900 : 3 * 327); /* not more than pages can hold */
        for (uint64_t n = 1; n <= 900; n++)
            assert_found(ix, n, (n - 1) / 100);
        index_close(ix);
    }
    /* a second merge names what is still there, so that nothing comes back when the first goes */
    ix = open_index(s, k, test_dir());
    w = index_writer_new(k, test_dir());
    add_pack(w, ix, 100, 5000, 10, false);
    flush(w, s);
    struct pack_name without = pack_of(3);
    ASSERT_OK(index_merge(ix, s, &without, 1, &e), e);
    index_writer_free(w);
    index_superseded(ix, &names, &count);
    ASSERT_EQ(count, 11);
    index_close(ix);
    ASSERT_OK(store_list(s, "index/", false, "", objects, 16, &listed, &e), e);
    ASSERT_EQ(listed, 12);
    ix = open_index(s, k, test_dir());
    ASSERT_EQ(index_count(ix), 810);
    assert_missing(ix, 301);
    assert_found(ix, 5003, 100);
    index_close(ix);
    keys_free(k);
    store_close(s);
}

/* What is made of parts that were merged themselves replaces their parts as well: else those would count
 * again once the first merges are deleted. */
TEST(merges_of_merges)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct index *ix = open_index(s, k, NULL);
    struct index_writer *w = index_writer_new(k, NULL);
    char merged[9][80];
    size_t merges = 0;
    struct err e;

    for (uint64_t i = 0; i < 64; i++) {
        add_pack(w, ix, i, 1 + i * 100, 100, false);
        flush(w, s);
        while (index_wants_merge(ix)) {
            ASSERT(merges < ARRAY_LEN(merged));
            ASSERT_OK(index_merge_tier(ix, s, merged[merges++], &e), e);
        }
    }
    ASSERT_EQ(merges, 9);
    index_writer_free(w);
    index_close(ix);
    for (size_t i = 0; i + 1 < merges; i++)
        ASSERT_OK(store_delete(s, merged[i], &e), e);
    ix = open_index(s, k, test_dir());
    ASSERT_EQ(index_count(ix), 6400);
    for (uint64_t n = 1; n <= 6400; n++)
        assert_found(ix, n, (n - 1) / 100);
    index_close(ix);
    keys_free(k);
    store_close(s);
}

/* --- packs that are there --- */
static void put_pack(struct store *s, const struct keys *k, struct index_writer *w, uint64_t from,
                     size_t count, char ret_name[80])
{
    struct pack_builder *b;
    struct pack_built built;
    uint32_t offset;
    struct err e;

    ASSERT_OK(pack_builder_new(k, OBJECT_DATA, &b, &e), e);
    for (size_t i = 0; i < count; i++) {
        struct chunk_entry x = {.id = id_of(from + i),
                                .stored = 10 + (uint32_t)((from + i) % 50),
                                .length = 100 + (uint32_t)((from + i) % 1000),
                                .codec = CHUNK_ZSTD,
                                .kind = CHUNK_DATA};
        ASSERT_OK(pack_builder_add(b, &x,
                                   "some bytes that nobody will ever decode, but look at them",
                                   &offset, &e),
                  e);
    }
    ASSERT_OK(pack_builder_finish(b, &built, &e), e);
    pack_object_name(&built.name, ret_name);
    ASSERT_OK(store_put_bytes(s, ret_name, built.data, built.len, STORE_FAIL_IF_EXISTS, &e), e);
    if (w != NULL)
        ASSERT_OK(index_writer_add(w, NULL, &built, &e), e);
    pack_builder_free(b);
}

static void assert_all_found(struct index *ix, uint64_t from, size_t count)
{
    struct err e = {0};

    for (uint64_t n = from; n < from + count; n++) {
        struct chunk_id id = id_of(n);
        struct index_entry x;
        ASSERT_EQ(index_find(ix, &id, &x, &e), 0);
        ASSERT_EQ(x.chunk.stored, 10 + n % 50);
    }
}

TEST(index_is_made_again_from_packs)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct index_writer *w = index_writer_new(k, NULL);
    char packs[6][80], segment[80];
    struct store_object objects[8];
    struct index *ix;
    size_t count;
    struct err e;

    for (size_t i = 0; i < 5; i++) {
        put_pack(s, k, w, 1 + i * 2000, 2000, packs[i]);
        if (i == 2)
            flush(w, s);
    }
    flush(w, s);
    put_pack(s, k, NULL, 10001, 10, packs[5]); /* never named: its writer died */
    index_writer_free(w);
    ASSERT_OK(store_list(s, "index/", false, "", objects, 8, &count, &e), e);
    ASSERT_EQ(count, 2);
    (void)snprintf(segment, sizeof(segment), "%s", objects[0].name);

    memory_store_damage(s, segment, 200); /* a page, a table, a header */
    ASSERT_OK(index_open(s, k, NULL, true, &ix, NULL, &e), e);
    index_close(ix);
    memory_store_damage(s, segment, 50);
    ASSERT_ERR(index_open(s, k, test_dir(), false, &ix, NULL, &e), e, ERR_DAMAGED);
    for (int far = 1; far <= 4; far += 3) {
        memory_store_set_parallel(s, far);
        ASSERT_OK(index_open(s, k, test_dir(), true, &ix, NULL, &e), e);
        ASSERT_EQ(index_problems(ix)->count, 1);
        ASSERT_CONTAINS(index_problems(ix)->items[0], segment);
        assert_all_found(ix, 1, 10010);
        index_close(ix);
    }
    for (size_t i = 0; i < count; i++)
        ASSERT_OK(store_delete(s, objects[i].name, &e), e);
    memory_store_damage(s, packs[1], 100); /* a chunk: its directory can be read */
    memory_store_damage(s, packs[2], 60);  /* the key */
    ASSERT_OK(index_open(s, k, NULL, true, &ix, NULL, &e), e);
    ASSERT_EQ(index_problems(ix)->count, 1);
    ASSERT_CONTAINS(index_problems(ix)->items[0], packs[2]);
    assert_all_found(ix, 1, 4000);
    assert_missing(ix, 4001);
    assert_all_found(ix, 6001, 4010);
    ASSERT_OK(index_merge(ix, s, NULL, 0, &e), e); /* and is whole again */
    index_close(ix);
    ix = open_index(s, k, NULL);
    assert_all_found(ix, 1, 4000);
    assert_missing(ix, 4001);
    assert_all_found(ix, 6001, 4010);
    index_close(ix);
    keys_free(k);
    store_close(s);
}

TEST(segments_that_are_damaged_are_replaced_by_a_merge)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys();
    struct index_writer *w = index_writer_new(k, NULL);
    struct store_object objects[8];
    char pack[80];
    struct index *ix;
    size_t count;
    struct err e;

    put_pack(s, k, w, 1, 100, pack);
    flush(w, s);
    index_writer_free(w);
    ASSERT_OK(store_list(s, "index/", false, "", objects, 8, &count, &e), e);
    memory_store_damage(s, objects[0].name, 20);
    ASSERT_OK(index_open(s, k, NULL, true, &ix, NULL, &e), e);
    ASSERT_OK(index_merge(ix, s, NULL, 0, &e), e);
    index_close(ix);
    ix = open_index(s, k, test_dir()); /* the damaged one is still there and does not matter */
    assert_all_found(ix, 1, 100);
    index_close(ix);
    keys_free(k);
    store_close(s);
}

TEST(who_may_only_write_knows_what_the_cache_knows)
{
    struct store *s = memory_store_new();
    struct keys *k = new_keys(), *small;
    struct buf bundle = BUF_INIT(1 << 20);
    _cleanup_free_ char *dir = mem_printf("%s/w", test_dir());
    size_t unknown;
    struct index *ix;
    struct err e;

    ASSERT_OK(keys_to_bundle(k, true, &bundle, &e), e);
    ASSERT_OK(keys_from_bundle(bundle.data, bundle.len, &small, &e), e);
    struct index_writer *w = index_writer_new(k, NULL);
    add_pack(w, NULL, 1, 1, 100, false);
    flush(w, s);
    index_writer_free(w);
    w = index_writer_new(small, dir);
    add_pack(w, NULL, 2, 1001, 100, false);
    flush(w, s);
    index_writer_free(w);
    ASSERT_OK(index_open(s, small, dir, false, &ix, &unknown, &e), e);
    ASSERT_EQ(unknown, 1);
    assert_missing(ix, 1);
    assert_found(ix, 1001, 2);
    index_close(ix);
    /* a page of the cache is wrong: what it held is stored again, and nothing fails */
    _cleanup_free_ char *path = cache_file(dir);
    int fd = open(path, O_RDWR);
    ASSERT(fd >= 0 && pwrite(fd, "\xff\xff", 2, 4096 + 100) == 2);
    (void)close(fd);
    ASSERT_OK(index_open(s, small, dir, false, &ix, &unknown, &e), e);
    assert_missing(ix, 1001);
    index_close(ix);
    ASSERT_OK(index_open(s, small, dir, false, &ix, &unknown, &e), e);
    ASSERT_EQ(unknown, 2);
    index_close(ix);
    ix = open_index(s, k, NULL); /* who may read sees both */
    assert_found(ix, 1, 1);
    assert_found(ix, 1001, 2);
    index_close(ix);
    buf_deinit(&bundle);
    keys_free(small);
    keys_free(k);
    store_close(s);
}

static int64_t resident_peak(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss * 1024;
}

static int64_t resident_now(void)
{
    long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    ASSERT(f != NULL && fscanf(f, "%ld %ld", &total, &resident) == 2);
    (void)fclose(f);
    return (int64_t)resident * 4096;
}

/* Ten million chunks (200,000 in the short form): what an open index takes, what a miss costs. */
TEST(ten_million)
{
    _cleanup_free_ char *objects = mem_printf("%s/objects", test_dir());
    _cleanup_free_ char *dir = mem_printf("%s/cache", test_dir());
    uint64_t chunks = test_long() ? 10000000 : 200000;
    struct keys *k = new_keys();
    struct index *ix;
    struct store *s;
    char name[80];
    struct err e;

    ASSERT_OK(store_open_directory(objects, true, &s, &e), e);
    int64_t before = resident_peak();
    ix = open_index(s, k, dir);
    struct index_writer *w = index_writer_new(k, dir);
    for (uint64_t n = 0; n < chunks; n += 1000) {
        add_pack(w, ix, n / 1000, n, 1000, false);
        if (index_writer_is_full(w))
            flush(w, s);
        if (index_wants_merge(ix))
            ASSERT_OK(index_merge_tier(ix, s, name, &e), e);
    }
    flush(w, s);
    index_writer_free(w);
    int64_t writing = resident_peak() - before;
    ASSERT_OK(index_merge(ix, s, NULL, 0, &e), e);
    int64_t merging = resident_peak() - before;
    index_close(ix);
    (void)malloc_trim(0);
    int64_t empty = resident_now();
    ix = open_index(s, k, dir);
    for (uint64_t n = 0; n < chunks; n += 97)
        assert_found(ix, n, n / 1000);
    for (uint64_t n = 0; n < chunks; n++)
        assert_missing(ix, chunks + n);
    ASSERT_EQ(index_count(ix), chunks);
    int64_t open = resident_now() - empty;
    index_close(ix);
    test_note("chunks: %llu; MiB: %.1f open, at most %.1f while writing, %.1f while all are merged",
              (unsigned long long)chunks, (double)open / 1048576, (double)writing / 1048576,
              (double)merging / 1048576);
#if !defined(__SANITIZE_ADDRESS__)
    ASSERT(open < (int64_t)32 << 20);
    ASSERT(merging < (int64_t)48 << 20);
#endif
    keys_free(k);
    store_close(s);
}
