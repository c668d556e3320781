/* What keeps collecting from going wrong when the index, a pack, the clock or the role is not what it was. */
#include "tests/unit/repository/collect_fixture.h"

static struct err e;

#define FIRST  "20261121_000000"
#define SECOND "20261121_010000"

struct fixture {
    struct store *s;
    struct keys *k;
    struct view v;
};

static struct fixture begin(void)
{
    struct fixture f = {.s = memory_store_new(), .k = fixed_keys()};

    seam_clock_set(start_us);
    view_begin(&f.v, f.s, f.k);
    return f;
}

static void end(struct fixture *f)
{
    view_close(&f->v);
    keys_free(f->k);
    store_close(f->s);
}

static struct collect_result collect_without(struct fixture *f, const char *id)
{
    struct collect_spec spec = spec_of(&f->v);
    const struct collect_set gone = {"job", id};
    struct collect_result x;

    spec.remove = &gone;
    spec.remove_count = id != NULL;
    ASSERT_OK(collect(&spec, &x, &e), e);
    return x;
}

static size_t list(struct fixture *f, const char *prefix, struct store_object ret[64])
{
    size_t count;

    ASSERT_OK(store_list(f->s, prefix, false, "", ret, 64, &count, &e), e);
    return count;
}

static bool is_among(const struct store_object *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i].name, name) == 0)
            return true;
    return false;
}

/* An index segment is lost: its packs look like what a broken off run left. */
TEST(packs_that_no_segment_names_stay_while_a_set_needs_one)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct store_object before[64], after[64];

    backup(&f.v, &a, FIRST);
    size_t count = list(&f, "index/", before);
    backup(&f.v, &b, SECOND);
    const size_t all = list(&f, "index/", after);
    for (size_t i = 0; i < all; i++)
        if (!is_among(before, count, after[i].name))
            ASSERT_OK(store_delete(f.s, after[i].name, &e), e);
    for (int i = 0; i < 3; i++) {
        pass_days(8);
        struct collect_result x = collect_without(&f, NULL);
        ASSERT(x.on_trash == 0 && x.orphans == 0 && x.deleted == 0);
        ASSERT_CONTAINS(x.problems.items[0], "which no index segment knows");
        collect_result_deinit(&x);
    }
    expect_set(f.s, f.k, SECOND, &b);
    end(&f);
}

/* The clock of the pruner is set back: what is put on the list waits no shorter for that. */
TEST(a_clock_that_went_back_shortens_no_wait)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct repository_trash *trash;
    size_t count;

    backup(&f.v, &a, FIRST);
    backup(&f.v, &b, SECOND);
    struct collect_spec spec = spec_of(&f.v);
    const struct collect_set gone = {"job", FIRST};
    struct collect_result x;
    pass_days(20);
    spec.remove = &gone;
    spec.remove_count = 1;
    spec.remove_only = true; /* a record of that day */
    ASSERT_OK(collect(&spec, &x, &e), e);
    collect_result_deinit(&x);
    const int64_t then = clock_wall().us;
    pass_days(-20);
    x = collect_without(&f, NULL);
    ASSERT(x.on_trash > 0);
    collect_result_deinit(&x);
    ASSERT_OK(repository_trash(&f.v.r, &trash, &count, &e), e);
    ASSERT(count > 0);
    for (size_t i = 0; i < count; i++)
        ASSERT(trash[i].since.us >= then / 1000000 * 1000000);
    free(trash);
    pass_days(8); /* of which nothing is left by the other clock */
    x = collect_without(&f, NULL);
    ASSERT_EQ(x.deleted, 0);
    collect_result_deinit(&x);
    expect_set(f.s, f.k, SECOND, &b);
    end(&f);
}

/* The same chunks twice, and one of the two packs is cut off: that is as good as gone. */
TEST(a_pack_that_is_cut_off_is_not_the_copy_that_is_kept)
{
    for (int cut_new = 0; cut_new < 2; cut_new++) {
        struct fixture f = begin();
        const struct content a = content_of(1, 10);
        struct store_object first[64], all[64];

        backup(&f.v, &a, FIRST);
        const size_t first_count = list(&f, "packs/", first);
        struct collect_result x = collect_without(&f, FIRST);
        ASSERT_EQ(x.on_trash, first_count);
        collect_result_deinit(&x);
        backup(&f.v, &a, SECOND);
        const size_t count = list(&f, "packs/", all);
        ASSERT(count > first_count);
        for (size_t i = 0; i < count; i++)
            if (is_among(first, first_count, all[i].name) == (cut_new == 0)) {
                ASSERT_OK(store_put_bytes(f.s, all[i].name, "SYNBAKP1", 8, STORE_REPLACE, &e), e);
            }
        for (int i = 0; i < 3; i++) {
            x = collect_without(&f, NULL);
            ASSERT_EQ(x.missing, 0);
            collect_result_deinit(&x);
            pass_days(8);
        }
        size_t whole = list(&f, "packs/", all), kept = 0;
        for (size_t i = 0; i < whole; i++)
            kept += all[i].size > 8 && is_among(first, first_count, all[i].name) == (cut_new == 1);
        ASSERT(kept > 0); /* the whole ones */
        end(&f);
    }
}

static void take_over(void *arg, const char *phase, uint64_t at, uint64_t total)
{
    struct fixture *f = arg;
    struct view other;

    (void)total;
    if (strcmp(phase, "move") != 0 || at != 0)
        return;
    view_open(&other, f->s, f->k);
    ASSERT_OK(log_take(other.r.pruner, &them, &e), e);
    view_close(&other);
}

TEST(a_pruner_that_is_no_longer_one_moves_nothing)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 60), b = content_of(12, 20);
    const struct collect_set gone = {"job", FIRST};
    struct collect_result x;

    backup(&f.v, &a, FIRST);
    backup(&f.v, &b, SECOND);
    const size_t packs = count_objects(f.s, "packs/");
    struct collect_spec spec = spec_of(&f.v);
    spec.remove = &gone;
    spec.remove_count = 1;
    spec.progress = take_over;
    spec.arg = &f;
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_FOREIGN);
    collect_result_deinit(&x);
    ASSERT_EQ(count_objects(f.s, "packs/"), packs);
    expect_set(f.s, f.k, SECOND, &b);
    end(&f);
}
