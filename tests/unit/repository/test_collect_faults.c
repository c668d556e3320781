/* Collecting, with every call failing and every answer lost: what is kept stays whole, and the work is done
 * when it is done again. Replicas. */
#include "tests/unit/repository/collect_fixture.h"

static struct err e;

#define KEPT    "20261121_010000"
#define PARTLY  "20261121_020000"
#define REMOVED "20261121_000000"

struct fixture {
    struct store *s;
    struct keys *k;
    struct content kept, partly;
};

static void copy_objects(struct store *from, struct store *to)
{
    enum { MOST = 4096 };
    struct store_object *page = mem_alloc(MOST * sizeof(*page));
    size_t count;

    ASSERT_OK(store_list(from, "", false, "", page, MOST, &count, &e), e);
    for (size_t i = 0; i < count; i++) {
        struct buf data = BUF_INIT(64 << 20);
        ASSERT_OK(store_get_bytes(from, page[i].name, &data, &e), e);
        ASSERT_OK(store_put_bytes(to, page[i].name, data.data, data.len, STORE_FAIL_IF_EXISTS, &e),
                  e);
        buf_deinit(&data);
    }
    free(page);
}

/* Day 0: three sets, a part of what one holds in common with one that stays. */
static struct fixture begin(void)
{
    struct fixture f = {.s = memory_store_new(), .k = fixed_keys()};
    const struct content a = content_of(1, 60);
    struct view v;

    seam_clock_set(start_us);
    f.kept = content_of(100, 8);
    f.partly = content_of(200, 24);
    for (uint32_t i = 0; i < 20; i++)
        f.partly.seed[i] = 5 + i; /* of a: a third, which has whole chunks wherever the cuts are */
    view_begin(&v, f.s, f.k);
    backup(&v, &a, REMOVED);
    backup(&v, &f.kept, KEPT);
    backup(&v, &f.partly, PARTLY);
    view_close(&v);
    return f;
}

static void end(struct fixture *f)
{
    keys_free(f->k);
    store_close(f->s);
}

static int collect_at(struct store *s, struct keys *k, struct collect_result *x)
{
    const struct collect_set gone = {"job", REMOVED};
    struct view v = {.store = s};
    int rc;

    *x = (struct collect_result){0};
    v.r.store = s;
    v.r.keys = k;
    rc = log_open(s, k, LOG_PRUNER, NULL, NULL, &v.r.pruner, &e);
    if (rc == 0)
        rc = log_open(s, k, LOG_WRITER, NULL, NULL, &v.r.writer, &e);
    struct collect_spec spec = spec_of(&v);
    spec.remove = &gone;
    spec.remove_count = 1;
    if (rc == 0)
        rc = collect(&spec, x, &e);
    log_close(v.r.pruner);
    log_close(v.r.writer);
    return rc;
}

static void expect_kept(const struct fixture *f, struct store *s)
{
    expect_set(s, f->k, KEPT, &f->kept);
    expect_set(s, f->k, PARTLY, &f->partly);
}

/* To the end, however often it was broken off before. */
static void expect_finished(const struct fixture *f, struct store *s)
{
    struct collect_result x;

    for (int i = 0; i < 3; i++) {
        ASSERT_OK(collect_at(s, f->k, &x), e);
        if (x.problems.count > 0)
            test_fail(__FILE__, __LINE__, "%s", x.problems.items[0]);
        collect_result_deinit(&x);
        expect_kept(f, s);
        pass_days(8);
    }
    ASSERT_OK(collect_at(s, f->k, &x), e);
    ASSERT(x.sets == 2 && x.on_trash == 0 && x.orphans == 0);
    ASSERT_EQ(x.packs, count_objects(s, "packs/"));
    collect_result_deinit(&x);
    expect_kept(f, s);
}

/* The pass on `day` with one thing going wrong at each place. Calls that were tried. */
static unsigned break_pass(const struct fixture *f, struct store *before, bool lose, bool ever,
                           unsigned step)
{
    unsigned at = 1, tried = 0;
    int64_t day = clock_wall().us;

    for (;; at += step, tried++) {
        struct store *s = memory_store_new();
        struct memory_store_faults *x = memory_store_faults(s);
        struct collect_result r;
        copy_objects(before, s);
        x->calls = x->changes = 0;
        *(lose ? &x->lose_answer : &x->fail_call) = at;
        x->fail_ever_after = ever;
        int rc = collect_at(s, f->k, &r);
        collect_result_deinit(&r);
        bool reached = lose ? x->changes >= at : x->calls >= at;
        x->lose_answer = x->fail_call = 0;
        expect_kept(f, s);
        if (rc == 0 && !reached) {
            store_close(s);
            break;
        }
        if (tried % 4 == 0 || test_long())
            expect_finished(f, s);
        seam_clock_set(day);
        store_close(s);
    }
    return tried;
}

/* Pass 1 moves and lists, pass 2 deletes. */
static struct store *second_day(const struct fixture *f)
{
    struct store *s = memory_store_new();
    struct collect_result x;

    copy_objects(f->s, s);
    ASSERT_OK(collect_at(s, f->k, &x), e);
    ASSERT(x.removed == 1 && x.on_trash > 0 && x.repacked > 0);
    collect_result_deinit(&x);
    pass_days(8);
    return s;
}

static void break_both(bool lose, bool ever)
{
    struct fixture f = begin();
    unsigned step = test_long() || lose ? 1 : 5, tried = 0;

    tried += break_pass(&f, f.s, lose, ever, step);
    struct store *s = second_day(&f);
    tried += break_pass(&f, s, lose, ever, step);
    test_note("%u places", tried);
    ASSERT(tried > 4);
    store_close(s);
    end(&f);
}

TEST(every_call_fails)
{
    break_both(false, false);
}

TEST(the_store_goes_away_at_every_call)
{
    break_both(false, true);
}

TEST(every_answer_is_lost)
{
    break_both(true, false);
}

/* A list that is one change behind may keep it from working, never make it delete what is needed. */
TEST(stale_lists)
{
    struct fixture f = begin();

    for (int i = 0; i < 8; i++) {
        struct collect_result x;
        memory_store_faults(f.s)->stale_lists = i % 2 == 0;
        (void)(collect_at(f.s, f.k, &x) == 0);
        collect_result_deinit(&x);
        memory_store_faults(f.s)->stale_lists = false;
        expect_kept(&f, f.s);
        if (i % 3 == 2)
            pass_days(8);
    }
    expect_finished(&f, f.s);
    end(&f);
}

/* --- replicas --- */
static struct collect_result collect_two(struct fixture *f, struct store *replica, const char *gone)
{
    const struct collect_set set = {"job", gone};
    struct collect_result x;
    struct view v;

    view_open(&v, f->s, f->k);
    struct collect_spec spec = spec_of(&v);
    spec.remove = &set;
    spec.remove_count = 1;
    spec.replicas = &replica;
    spec.replica_count = 1;
    ASSERT_OK(collect(&spec, &x, &e), e);
    view_close(&v);
    return x;
}

TEST(replicas_keep_up)
{
    struct fixture f = begin();
    struct store *replica = memory_store_new();
    struct collect_result x;

    copy_objects(f.s, replica);
    for (int i = 0; i < 4; i++) {
        x = collect_two(&f, replica, REMOVED);
        ASSERT_EQ(x.replicas_behind, 0);
        if (x.problems.count > 0)
            test_fail(__FILE__, __LINE__, "%s", x.problems.items[0]);
        collect_result_deinit(&x);
        expect_kept(&f, f.s);
        expect_kept(&f, replica);
        pass_days(8);
    }
    ASSERT_EQ(count_objects(f.s, "packs/"), count_objects(replica, "packs/"));
    ASSERT_EQ(count_objects(f.s, "log/"), count_objects(replica, "log/"));
    ASSERT_EQ(count_objects(f.s, "trash/"), count_objects(replica, "trash/"));
    store_close(replica);
    end(&f);
}

/* One that has all but the newest sets. */
static struct store *replica_without(struct fixture *f, const char *const *ids, size_t count)
{
    const struct content more = content_of(700, 5);
    struct store *replica = memory_store_new();
    struct view v;

    copy_objects(f->s, replica);
    view_open(&v, f->s, f->k);
    for (size_t i = 0; i < count; i++)
        backup(&v, &more, ids[i]);
    view_close(&v);
    return replica;
}
static const char *const two_sets[] = {"20261121_030000", "20261121_040000"};

TEST(a_replica_that_is_behind_is_left_alone)
{
    struct fixture f = begin();
    struct store *replica = replica_without(&f, two_sets, 2);
    size_t objects = count_objects(replica, "");

    for (int i = 0; i < 3; i++) {
        struct collect_result x = collect_two(&f, replica, REMOVED);
        ASSERT_EQ(x.replicas_behind, 1);
        ASSERT_CONTAINS(x.problems.items[0], "left alone");
        collect_result_deinit(&x);
        pass_days(8);
    }
    ASSERT(count_objects(replica, "packs/") > 0);
    ASSERT_EQ(count_objects(replica, ""), objects);
    expect_kept(&f, replica);
    expect_kept(&f, f.s);
    store_close(replica);
    end(&f);
}

/* One record behind: that of a set whose packs are not there must not come without them. */
TEST(a_replica_never_shows_a_set_that_it_lacks)
{
    struct fixture f = begin();
    struct store *replica = replica_without(&f, two_sets, 1);
    size_t objects = count_objects(replica, "");

    struct collect_result x = collect_two(&f, replica, REMOVED);
    ASSERT_EQ(x.replicas_behind, 1);
    ASSERT_CONTAINS(x.problems.items[0], "which a copy brings");
    collect_result_deinit(&x);
    ASSERT_EQ(count_objects(replica, ""), objects);
    store_close(replica);
    end(&f);
}

/* It has all sets and missed what was pruned meanwhile. */
TEST(a_replica_that_missed_a_prune_is_brought_in_line)
{
    struct fixture f = begin();
    struct store *replica = memory_store_new(), *gone = memory_store_new();
    struct view v;

    ASSERT_OK(store_put_bytes(f.s, "repository.json", "{}", 2, STORE_REPLACE, &e), e);
    copy_objects(f.s, replica);
    for (int i = 0; i < 2; i++) { /* one that is none costs nothing */
        struct collect_result x = collect_two(&f, i == 0 ? gone : replica, REMOVED);
        ASSERT_EQ(x.replicas_behind, i == 0 ? 1 : 0);
        collect_result_deinit(&x);
        pass_days(1);
    }
    ASSERT_EQ(count_objects(gone, ""), 0);
    view_open(&v, f.s, f.k);
    ASSERT_EQ(log_compare(v.r.pruner, replica, &e), 0);
    ASSERT_EQ(log_compare(v.r.pruner, gone, &e), 1);
    view_close(&v);
    ASSERT_EQ(count_objects(f.s, "trash/"), count_objects(replica, "trash/"));
    expect_kept(&f, f.s);
    expect_kept(&f, replica);
    store_close(gone);
    store_close(replica);
    end(&f);
}

/* A replica that stops answering in the middle costs the first nothing, and loses nothing itself. */
TEST(a_replica_goes_away_at_every_call)
{
    struct fixture f = begin();
    unsigned tried = 0;
    int64_t day = clock_wall().us;

    for (unsigned at = 1;; at += test_long() ? 1 : 3, tried++) {
        struct fixture g = {.s = memory_store_new(), .k = f.k, .kept = f.kept, .partly = f.partly};
        struct store *replica = memory_store_new();
        struct memory_store_faults *x = memory_store_faults(replica);
        copy_objects(f.s, g.s);
        copy_objects(f.s, replica);
        x->calls = 0;
        x->fail_call = at;
        x->fail_ever_after = true;
        for (int i = 0; i < 2; i++) {
            struct collect_result r = collect_two(&g, replica, REMOVED);
            collect_result_deinit(&r);
            pass_days(8);
        }
        bool reached = x->calls >= at;
        x->fail_call = 0;
        expect_kept(&g, g.s);
        expect_kept(&g, replica);
        seam_clock_set(day);
        store_close(replica);
        store_close(g.s);
        if (!reached)
            break;
    }
    test_note("%u places", tried);
    end(&f);
}

static bool is_trash(const char *object, const struct repository_trash *trash, size_t count)
{
    struct pack_name name;

    for (size_t i = 0; i < count && pack_name_parse(object, &name, NULL) == 0; i++)
        if (!trash[i].segment && memcmp(&trash[i].pack, &name, sizeof(name)) == 0)
            return true;
    return false;
}

/* As a replica is filled: what is on trash stays away. */
static void copy_missing(struct store *from, struct store *to, const struct repository_trash *trash,
                         size_t trash_count)
{
    enum { MOST = 4096 };
    struct store_object *page = mem_alloc(MOST * sizeof(*page)), there;
    size_t count;

    ASSERT_OK(store_list(from, "", false, "", page, MOST, &count, &e), e);
    for (size_t i = 0; i < count; i++) {
        struct buf data = BUF_INIT(64 << 20);
        if (store_stat(to, page[i].name, &there, &e) == 0 ||
            is_trash(page[i].name, trash, trash_count))
            continue;
        ASSERT_OK(store_get_bytes(from, page[i].name, &data, &e), e);
        ASSERT_OK(store_put_bytes(to, page[i].name, data.data, data.len, STORE_REPLACE, &e), e);
        buf_deinit(&data);
    }
    free(page);
}

/* A replica that was filled while a pack was on trash gets it when it is needed again. */
TEST(what_leaves_the_trash_is_everywhere)
{
    struct fixture f = begin();
    struct store *replica = memory_store_new();
    const struct content a = content_of(1, 60);
    struct collect_result x;
    struct view v;
    struct run early;

    view_open(&v, f.s, f.k);
    ASSERT_OK(run_begin(&v, &early, NULL), v.e);
    copy_objects(f.s, replica);
    x = collect_two(&f, replica, REMOVED);
    collect_result_deinit(&x);
    ASSERT_OK(log_refresh(v.r.pruner, &e), e);
    struct repository_trash *trash;
    size_t count;
    ASSERT_OK(repository_trash(&v.r, &trash, &count, &e), e);
    for (size_t i = 0; i < count; i++) {
        char name[80];
        pack_object_name(&trash[i].pack, name);
        if (!trash[i].segment)
            ASSERT_OK(store_delete(replica, name, &e), e);
    }
    ASSERT_OK(run_end(&v, &early, &a, "20261121_050000"), v.e);
    copy_missing(f.s, replica, trash, count);
    free(trash);
    for (int i = 0; i < 2; i++) {
        x = collect_two(&f, replica, REMOVED);
        ASSERT(x.replicas_behind == 0);
        collect_result_deinit(&x);
        expect_set(f.s, f.k, "20261121_050000", &a);
        expect_set(replica, f.k, "20261121_050000", &a);
        expect_kept(&f, replica);
        pass_days(8);
    }
    view_close(&v);
    store_close(replica);
    end(&f);
}
