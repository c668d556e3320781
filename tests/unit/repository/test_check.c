/* What a check finds: nothing where nothing is wrong, and every byte that is. */
#include "lib/repository/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/repository/set_fixture.h"

static struct check_result check_all(struct set_world *w, bool data)
{
    struct check_result r = {0};
    struct check_spec spec = {
        .repository = w->repository, .index = set_index(w, true), .threads = 2};

    ASSERT_OK(data ? check_data(&spec, NULL, &r, &w->e) : check_structure(&spec, &r, &w->e), w->e);
    index_close(spec.index);
    return r;
}

static size_t found(struct set_world *w, bool data)
{
    struct check_result r = check_all(w, data);
    size_t count = r.damage_count;

    check_result_deinit(&r);
    return count;
}

static void add_noise(struct set_world *w, size_t len, uint64_t seed)
{
    uint8_t *data = noise(len, seed);

    add_set(w, data, len, -1, -1);
    free(data);
}

TEST(nothing_is_wrong)
{
    struct set_world w;

    set_world_init(&w);
    add_noise(&w, 3 << 20, 1);
    add_noise(&w, 3 << 20, 2);
    add_noise(&w, 3 << 20, 2); /* the same again: its list is looked at once */
    struct check_result r = check_all(&w, false);
    ASSERT_EQ(r.damage_count, 0);
    ASSERT_EQ(r.sets, 3);
    ASSERT_EQ(r.lists, 2);
    check_result_deinit(&r);
    r = check_all(&w, true);
    ASSERT_EQ(r.damage_count, 0);
    ASSERT(r.bytes > 6 << 20);
    ASSERT(r.chunks > 12);
    check_result_deinit(&r);
    set_world_deinit(&w);
}

/* Every byte of every pack: data notices all of them and names the pack. */
TEST(every_byte_of_packs)
{
    struct set_world w;
    size_t tried = 0;

    set_world_init(&w);
    add_noise(&w, 60000, 1);
    struct strlist packs = objects_below(w.store, "packs/");
    ASSERT_EQ(packs.count, 2);
    for (size_t i = 0; i < packs.count; i++) {
        struct store_object o;
        ASSERT_OK(store_stat(w.store, packs.items[i], &o, &w.e), w.e);
        for (size_t at = 0; at < o.size; at += test_long() || at < 100 ? 1 : 331) {
            memory_store_damage(w.store, packs.items[i], at);
            struct check_result r = check_all(&w, true);
            ASSERT(r.damage_count >= 1);
            ASSERT_STR(r.damages[0].object, packs.items[i]);
            ASSERT_CONTAINS(r.damages[0].text, packs.items[i]);
            check_result_deinit(&r);
            memory_store_damage(w.store, packs.items[i], at);
            tried++;
        }
    }
    ASSERT_EQ(found(&w, true), 0);
    test_note("flips: %zu", tried);
    strlist_deinit(&packs);
    set_world_deinit(&w);
}

/* Of one length, with as many chunks that the index knows: only the digest tells that they are not in their places. */
TEST(packs_that_changed_places)
{
    struct set_world w;
    size_t tried = 0;

    set_world_init(&w);
    add_noise(&w, 20000, 1);
    add_noise(&w, 20000, 2);
    struct strlist packs = objects_below(w.store, "packs/");
    for (size_t i = 0; i < packs.count; i++)
        for (size_t k = i + 1; k < packs.count; k++, tried++) {
            const char *one = packs.items[i], *other = packs.items[k];
            struct buf a = BUF_INIT(16 << 20), b = BUF_INIT(16 << 20);
            ASSERT_OK(store_get_bytes(w.store, one, &a, &w.e), w.e);
            ASSERT_OK(store_get_bytes(w.store, other, &b, &w.e), w.e);
            ASSERT_OK(store_put_bytes(w.store, one, b.data, b.len, STORE_REPLACE, &w.e), w.e);
            ASSERT_OK(store_put_bytes(w.store, other, a.data, a.len, STORE_REPLACE, &w.e), w.e);
            ASSERT_EQ(found(&w, true), 2);
            ASSERT_OK(store_put_bytes(w.store, one, a.data, a.len, STORE_REPLACE, &w.e), w.e);
            ASSERT_OK(store_put_bytes(w.store, other, b.data, b.len, STORE_REPLACE, &w.e), w.e);
            buf_deinit(&a);
            buf_deinit(&b);
        }
    ASSERT(tried > 2);
    ASSERT_EQ(found(&w, true), 0);
    strlist_deinit(&packs);
    set_world_deinit(&w);
}

TEST(what_is_missing_or_short)
{
    struct set_world w;

    set_world_init(&w);
    add_noise(&w, 3 << 20, 1);
    struct strlist packs = objects_below(w.store, "packs/");
    for (size_t i = 0; i < packs.count; i++) {
        struct buf whole = BUF_INIT(16 << 20);
        ASSERT_OK(store_get_bytes(w.store, packs.items[i], &whole, &w.e), w.e);
        for (int cut = 0; cut < 2; cut++) {
            ASSERT_OK(cut ? store_put_bytes(w.store, packs.items[i], whole.data, whole.len - 65536,
                                            STORE_REPLACE, &w.e)
                          : store_delete(w.store, packs.items[i], &w.e),
                      w.e);
            for (int data = 0; data < 2; data++) {
                struct check_result r = check_all(&w, data);
                ASSERT(r.damage_count >= 1);
                ASSERT_STR(r.damages[0].object, packs.items[i]);
                ASSERT_EQ(r.damages[0].missing, !cut);
                ASSERT(r.damages[0].chunk_count > 0);
                check_result_deinit(&r);
            }
        }
        ASSERT_OK(
            store_put_bytes(w.store, packs.items[i], whole.data, whole.len, STORE_REPLACE, &w.e),
            w.e);
        buf_deinit(&whole);
    }
    ASSERT_EQ(found(&w, false), 0);
    struct strlist segments = objects_below(w.store, "index/");
    for (size_t i = 0; i < segments.count; i++) { /* rebuilt, so nothing is lost; but it is said */
        memory_store_damage(w.store, segments.items[i], 120);
        struct check_result r = check_all(&w, false);
        ASSERT_EQ(r.damage_count, 1);
        ASSERT_CONTAINS(r.damages[0].text, segments.items[i]);
        check_result_deinit(&r);
        memory_store_damage(w.store, segments.items[i], 120);
    }
    strlist_deinit(&packs);
    strlist_deinit(&segments);
    set_world_deinit(&w);
}

/* Between the look at the index and the look at the packs, everything was moved. */
TEST(a_prune_meanwhile_is_no_damage)
{
    struct set_world w;
    struct check_result r = {0};
    struct pack_name name;

    set_world_init(&w);
    add_noise(&w, 200000, 1);
    struct strlist packs = objects_below(w.store, "packs/");
    struct check_spec spec = {
        .repository = w.repository, .index = set_index(&w, true), .threads = 1};
    struct index *pruner = set_index(&w, false);
    for (size_t i = 0; i < packs.count; i++) {
        ASSERT_OK(pack_name_parse(packs.items[i], &name, &w.e), w.e);
        ASSERT_OK(index_merge(pruner, w.store, &name, 1, &w.e), w.e);
        ASSERT_OK(store_delete(w.store, packs.items[i], &w.e), w.e);
    }
    index_close(pruner);
    ASSERT_OK(check_data(&spec, NULL, &r, &w.e), w.e);
    ASSERT_EQ(r.damage_count, 0);
    index_close(spec.index);
    check_result_deinit(&r);
    strlist_deinit(&packs);
    set_world_deinit(&w);
}

struct touched {
    struct strlist all;
};

static int note_touched(void *arg, const struct check_touched *t, struct err *e)
{
    (void)e;
    strlist_addf(&((struct touched *)arg)->all, "%s/%s:%s", t->job, t->id,
                 t->source == NULL ? "" : t->source);
    return 0;
}

static int list_file(const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", test_dir(), name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    ASSERT(fd >= 0);
    return fd;
}

/* A base is lost: so is every day whose deltas hang on it, and no set besides. */
TEST(damage_names_the_sets_it_touches)
{
    enum { LEN = 2 << 20 };
    struct set_world w;
    uint8_t *data = noise(LEN, 1);
    struct touched t = {0};
    const char *large = NULL;

    set_world_init(&w);
    for (size_t i = 0; i < LEN; i++)
        data[i] = (uint8_t) "etaoin shrdlu"[data[i] % 13];
    int first = list_file("first"), second = list_file("second");
    add_set(&w, data, LEN, -1, first);
    struct strlist packs = objects_below(w.store, "packs/");
    for (size_t i = 1000; i < LEN; i += 20000)
        data[i] ^= 1; /* in every chunk: all become deltas, none is shared */
    add_set(&w, data, LEN, first, second);
    add_noise(&w, 1 << 20, 3);
    for (size_t i = 0; i < packs.count; i++) {
        struct store_object o;
        ASSERT_OK(store_stat(w.store, packs.items[i], &o, &w.e), w.e);
        if (o.size > 512 << 10) { /* the data of the first day */
            large = packs.items[i];
            memory_store_damage(w.store, large, o.size / 4);
        }
    }
    struct check_result r = {0};
    struct check_spec spec = {
        .repository = w.repository, .index = set_index(&w, true), .threads = 2};
    ASSERT_OK(check_data(&spec, NULL, &r, &w.e), w.e);
    ASSERT_EQ(r.damage_count >= 1, true);
    ASSERT(r.damages[0].chunk_count >= 1);
    ASSERT_OK(check_touched(&spec, &r, note_touched, &t, &w.e), w.e);
    ASSERT_EQ(t.all.count, 2);
    ASSERT_STR(t.all.items[0], "synapse/20261120_000001:database");
    ASSERT_STR(t.all.items[1], "synapse/20261120_000002:database");
    check_result_deinit(&r);
    strlist_deinit(&t.all);
    /* the pack is gone, and the others are not read: the deltas are known by the index alone */
    ASSERT_OK(store_delete(w.store, large, &w.e), w.e);
    ASSERT_OK(check_structure(&spec, &r, &w.e), w.e);
    ASSERT_EQ(r.damage_count, 1);
    ASSERT_OK(check_touched(&spec, &r, note_touched, &t, &w.e), w.e);
    ASSERT_EQ(t.all.count, 2);
    ASSERT_STR(t.all.items[1], "synapse/20261120_000002:database");
    index_close(spec.index);
    check_result_deinit(&r);
    strlist_deinit(&t.all);
    strlist_deinit(&packs);
    (void)close(first);
    (void)close(second);
    free(data);
    set_world_deinit(&w);
}

TEST(a_set_that_needs_what_is_nowhere)
{
    struct set_world w;

    set_world_init(&w);
    add_noise(&w, 1 << 20, 1);
    struct strlist before = objects_below(w.store, "packs/");
    struct strlist segments = objects_below(w.store, "index/");
    add_noise(&w, 1 << 20, 2);
    /* segment and packs are gone together: only the set still speaks of them */
    for (size_t i = 0; i < before.count; i++)
        ASSERT_OK(store_delete(w.store, before.items[i], &w.e), w.e);
    for (size_t i = 0; i < segments.count; i++)
        ASSERT_OK(store_delete(w.store, segments.items[i], &w.e), w.e);
    struct check_result r = check_all(&w, false);
    ASSERT_EQ(r.damage_count, 1);
    ASSERT_STR(r.damages[0].object, "synapse/20261120_000001");
    check_result_deinit(&r);
    strlist_deinit(&before);
    strlist_deinit(&segments);
    set_world_deinit(&w);
}

/* Parts of the names that touch each other: each pack in one of them, wherever they are cut. */
TEST(ranges_read_each_pack_once)
{
    static const uint64_t cuts[] = {
        0, 1, 1 << 20, UINT64_C(1) << 30, UINT64_C(3) << 30, CHECK_RANGE_END - 1, CHECK_RANGE_END};
    struct set_world w;
    uint64_t packs = 0, most = 0;

    set_world_init(&w);
    for (uint64_t i = 1; i <= 8; i++)
        add_noise(&w, 200000, i);
    struct strlist names = objects_below(w.store, "packs/");
    struct check_spec spec = {
        .repository = w.repository, .index = set_index(&w, true), .threads = 2};
    for (size_t i = 0; i + 1 < ARRAY_LEN(cuts); i++) {
        struct check_result r = {0};
        const struct check_range range = {cuts[i], cuts[i + 1]};
        ASSERT_OK(check_data(&spec, &range, &r, &w.e), w.e);
        ASSERT_EQ(r.damage_count, 0);
        packs += r.packs;
        most = r.packs > most ? r.packs : most;
        check_result_deinit(&r);
    }
    ASSERT_EQ(packs, names.count);
    ASSERT(most < names.count);
    index_close(spec.index);
    strlist_deinit(&names);
    set_world_deinit(&w);
}

static int stop(void *arg, uint64_t bytes, uint64_t total, struct err *e)
{
    (void)arg;
    (void)bytes;
    (void)total;
    return err_set(e, ERR_CANCELLED, "enough");
}

TEST(ends_when_it_is_told_to_and_when_the_store_is_away)
{
    struct set_world w;
    struct check_result r = {0};

    set_world_init(&w);
    add_noise(&w, 1 << 20, 1);
    struct check_spec spec = {
        .repository = w.repository, .index = set_index(&w, true), .threads = 2, .progress = stop};
    ASSERT_ERR(check_data(&spec, NULL, &r, &w.e), w.e, ERR_CANCELLED);
    ASSERT_ERR(check_structure(&spec, &r, &w.e), w.e, ERR_CANCELLED);
    check_result_deinit(&r);
    spec.progress = NULL;
    memory_store_faults(w.store)->fail_call = memory_store_faults(w.store)->calls + 1;
    memory_store_faults(w.store)->fail_ever_after = true;
    ASSERT_ERR(check_data(&spec, NULL, &r, &w.e), w.e, ERR_UNAVAILABLE);
    ASSERT_ERR(check_structure(&spec, &r, &w.e), w.e, ERR_UNAVAILABLE);
    ASSERT_EQ(r.damage_count, 0);
    check_result_deinit(&r);
    memory_store_faults(w.store)->fail_ever_after = false;
    memory_store_faults(w.store)->fail_call = 0;
    index_close(spec.index);
    set_world_deinit(&w);
}
