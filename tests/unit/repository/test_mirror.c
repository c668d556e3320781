/* Replicas: one that lacks much, little, or nothing; broken off anywhere; mended from each other. */
#include "lib/repository/mirror.h"

#include "lib/repository/check.h"
#include "tests/unit/repository/set_fixture.h"

static void add_noise(struct set_world *w, size_t len, uint64_t seed)
{
    uint8_t *data = noise(len, seed);

    add_set(w, data, len, -1, -1);
    free(data);
}

static int bring(struct set_world *w, struct store *to, struct mirror_result *ret)
{
    struct mirror_spec spec = {.from = w->repository, .to = to};

    return mirror_bring(&spec, ret, &w->e);
}

/* The sets at a store that are whole there, as a reader who knows only this store sees it. -1: it is not
 * what invariants promise. */
static int64_t whole_sets(struct store *s)
{
    struct repository *r = open_with(s, KEY);
    struct check_result found = {0};
    struct index *ix;
    struct err e = {0};

    ASSERT_OK(index_open(s, r->keys, NULL, false, &ix, NULL, &e), e);
    struct check_spec spec = {.repository = r, .index = ix, .threads = 1};
    ASSERT_OK(check_structure(&spec, &found, &e), e);
    ASSERT_OK(check_data(&spec, NULL, &found, &e), e);
    int64_t sets = found.damage_count == 0 ? (int64_t)found.sets : -1;
    check_result_deinit(&found);
    index_close(ix);
    repository_close(r);
    return sets;
}

TEST(replica_gets_what_it_lacks)
{
    struct set_world w;
    struct store *to = memory_store_new();
    struct mirror_result r;

    set_world_init(&w);
    add_noise(&w, 300000, 1);
    add_noise(&w, 300000, 2);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT(r.objects > 6 && r.bytes > 600000);
    ASSERT_EQ(whole_sets(to), 2);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_EQ(r.objects, 0);
    add_noise(&w, 300000, 3);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT(r.bytes < 900000);
    ASSERT_EQ(whole_sets(to), 3);
    store_close(to);
    set_world_deinit(&w);
}

/* More records than a group of the log. */
TEST(long_logs)
{
    struct set_world w;
    struct store *to = memory_store_new();
    struct mirror_result r;

    set_world_init(&w);
    for (uint64_t i = 0; i < 40; i++)
        add_noise(&w, 2000, i % 5 + 1);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_EQ(whole_sets(to), 40);
    for (uint64_t i = 0; i < 40; i++)
        add_noise(&w, 2000, i % 5 + 1);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_EQ(whole_sets(to), 80);
    store_close(to);
    set_world_deinit(&w);
}

/* After each call that fails the replica shows whole sets only, and the next time all is brought. */
TEST(broken_off_anywhere)
{
    struct set_world w;
    unsigned calls = 0;

    set_world_init(&w);
    add_noise(&w, 100000, 1);
    add_noise(&w, 100000, 2);
    for (unsigned n = 1;; n += test_long() ? 1 : 6) {
        struct store *to = memory_store_new();
        struct mirror_result r;
        memory_store_faults(to)->fail_call = n;
        int rc = bring(&w, to, &r);
        bool reached = memory_store_faults(to)->calls >= n;
        memory_store_faults(to)->fail_call = 0;
        if (!reached) {
            store_close(to);
            break;
        }
        calls++;
        char id[33];
        if (rc < 0 && repository_probe(to, id, &w.e) == 0)
            ASSERT(whole_sets(to) >= 0);
        ASSERT_EQ(bring(&w, to, &r), 0);
        ASSERT_EQ(whole_sets(to), 2);
        store_close(to);
    }
    test_note("calls that failed: %u", calls);
    set_world_deinit(&w);
}

TEST(who_is_ahead_and_who_is_another)
{
    struct set_world w, other;
    struct store *to = memory_store_new();
    struct mirror_result r;

    set_world_init(&w);
    add_noise(&w, 10000, 1);
    ASSERT_EQ(bring(&w, to, &r), 0);
    struct repository *mine = w.repository;
    struct store *here = w.store;
    w.repository = open_with(to, KEY); /* goes on at the replica alone */
    w.store = to;
    add_noise(&w, 10000, 2);
    repository_close(w.repository);
    w.repository = mine;
    w.store = here;
    ASSERT_EQ(bring(&w, to, &r), 1);
    add_noise(&w, 10000, 3); /* and now here as well: nobody can tell which counts */
    ASSERT_ERR(bring(&w, to, &r), w.e, ERR_TAMPERED);
    set_world_init(&other);
    ASSERT_ERR(bring(&w, other.store, &r), w.e, ERR_FOREIGN);
    set_world_deinit(&other);
    store_close(to);
    set_world_deinit(&w);
}

TEST(what_is_damaged_does_not_spread_and_is_mended)
{
    struct set_world w;
    struct store *to = memory_store_new(), *whole = memory_store_new();
    struct mirror_result r;

    set_world_init(&w);
    add_noise(&w, 100000, 1);
    ASSERT_EQ(bring(&w, whole, &r), 0);
    struct strlist packs = objects_below(w.store, "packs/"),
                   segments = objects_below(w.store, "index/");
    memory_store_damage(w.store, packs.items[0], 5000);
    ASSERT_ERR(bring(&w, to, &r), w.e, ERR_DAMAGED);
    ASSERT_CONTAINS(w.e.text, packs.items[0]);

    struct store *const others[] = {to, whole};
    ASSERT_OK(mirror_repair(w.store, others, 2, packs.items[0], &w.e), w.e);
    memory_store_damage(w.store, segments.items[0], 100);
    ASSERT_OK(mirror_repair(w.store, others, 2, segments.items[0], &w.e), w.e);
    ASSERT_OK(store_delete(w.store, packs.items[1], &w.e), w.e);
    ASSERT_OK(mirror_repair(w.store, others, 2, packs.items[1], &w.e), w.e);
    ASSERT_EQ(whole_sets(w.store), 1);

    memory_store_damage(whole, packs.items[0], 5000);
    memory_store_damage(w.store, packs.items[0], 5000);
    ASSERT_ERR(mirror_repair(w.store, others + 1, 1, packs.items[0], &w.e), w.e, ERR_NOT_FOUND);
    memory_store_damage(w.store, packs.items[0], 5000);
    ASSERT_EQ(whole_sets(w.store), 1); /* it was left as it was */
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_EQ(whole_sets(to), 1);
    strlist_deinit(&packs);
    strlist_deinit(&segments);
    store_close(to);
    store_close(whole);
    set_world_deinit(&w);
}

TEST(slots_that_were_removed_go)
{
    struct set_world w;
    struct store *to = memory_store_new();
    struct secret second = secret_of("another key of this test, long enough");
    struct mirror_result r;
    char slot[33];

    set_world_init(&w);
    ASSERT_OK(repository_add_slot(w.repository, &us, SLOT_OPERATION, "second", &second, slot, &w.e),
              w.e);
    ASSERT_EQ(bring(&w, to, &r), 0);
    _cleanup_free_ char *name = mem_printf("keys/%s.json", slot);
    struct store_object o;
    ASSERT_OK(store_stat(to, name, &o, &w.e), w.e);
    ASSERT_OK(repository_remove_slot(w.repository, &us, slot, &w.e), w.e);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_ERR(store_stat(to, name, &o, &w.e), w.e, ERR_NOT_FOUND);
    ASSERT_EQ(whole_sets(to), 0);
    secret_deinit(&second);
    store_close(to);
    set_world_deinit(&w);
}

TEST(what_is_on_trash_stays_away)
{
    struct set_world w;
    struct store *to = memory_store_new();
    struct repository_trash item = {.since = clock_wall()};
    struct store_object o;
    struct mirror_result r;
    char name[80];

    set_world_init(&w);
    add_noise(&w, 10000, 1);
    seal_sha256("nothing", 7, item.pack.bytes);
    pack_object_name(&item.pack, name);
    ASSERT_OK(store_put_bytes(w.store, name, "nothing", 7, STORE_FAIL_IF_EXISTS, &w.e), w.e);
    ASSERT_OK(repository_put_trash(w.repository, &us, &item, 1, &w.e), w.e);
    ASSERT_EQ(bring(&w, to, &r), 0);
    ASSERT_ERR(store_stat(to, name, &o, &w.e), w.e, ERR_NOT_FOUND);
    ASSERT_EQ(whole_sets(to), 1);
    struct repository *there = open_with(to, KEY); /* the list itself came */
    _cleanup_free_ struct repository_trash *items = NULL;
    size_t count;
    ASSERT_OK(repository_trash(there, &items, &count, &w.e), w.e);
    ASSERT_EQ(count, 1);
    repository_close(there);
    store_close(to);
    set_world_deinit(&w);
}
