/* Collecting: what goes, when, and what never does. */
#include "tests/unit/repository/collect_fixture.h"

static struct err e;

static struct collect_result run_collect(struct view *v, const struct collect_spec *spec)
{
    struct collect_result x;

    (void)v;
    ASSERT_OK(collect(spec, &x, &e), e);
    return x;
}

static struct collect_result collect_without(struct view *v, const char *id)
{
    struct collect_spec spec = spec_of(v);
    const struct collect_set gone = {"job", id};

    spec.remove = &gone;
    spec.remove_count = id != NULL;
    return run_collect(v, &spec);
}

static void done(struct collect_result x)
{
    collect_result_deinit(&x);
}

static void expect_no_problem(const struct collect_result *x)
{
    if (x->problems.count > 0)
        test_fail(__FILE__, __LINE__, "%s", x->problems.items[0]);
}

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

TEST(what_no_set_needs_goes_after_the_trash_period)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 20), b = content_of(100, 20);

    backup(&f.v, &a, "20261121_000000");
    size_t alone = count_objects(f.s, "packs/");
    backup(&f.v, &b, "20261121_010000");
    size_t both = count_objects(f.s, "packs/");
    struct collect_result x = collect_without(&f.v, "20261121_000000");
    expect_no_problem(&x);
    ASSERT(x.removed == 1 && x.sets == 1 && x.deleted == 0 && x.on_trash == alone);
    ASSERT_EQ(count_objects(f.s, "packs/"), both);
    done(x);
    pass_days(6);
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted == 0 && x.on_trash == alone);
    done(x);
    size_t records = log_count(f.v.r.pruner);
    x = collect_without(&f.v, NULL); /* nothing to say: no record */
    ASSERT_EQ(log_count(f.v.r.pruner), records);
    done(x);
    pass_days(1);
    x = collect_without(&f.v, NULL);
    expect_no_problem(&x);
    ASSERT(x.deleted == alone && x.on_trash == 0 && x.freed_bytes > 0);
    ASSERT(x.segments_deleted > 0); /* those that the first merge replaced */
    done(x);
    ASSERT_EQ(count_objects(f.s, "packs/"), both - alone);
    expect_set(f.s, f.k, "20261121_010000", &b);
    pass_days(8);
    done(collect_without(&f.v, NULL));
    pass_days(8);
    done(collect_without(&f.v, NULL));
    ASSERT_EQ(count_objects(f.s, "index/"), 1);
    ASSERT(count_objects(f.s, "trash/") <= 2);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

TEST(what_is_needed_again_comes_off_the_list)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 20);
    struct run early;

    backup(&f.v, &a, "20261121_000000");
    /* it began before, and counts on what is there; somebody pruned without knowing of it */
    ASSERT_OK(run_begin(&f.v, &early, NULL), f.v.e);
    struct collect_result x = collect_without(&f.v, "20261121_000000");
    ASSERT(x.on_trash > 0);
    done(x);
    ASSERT_OK(run_end(&f.v, &early, &a, "20261121_020000"), f.v.e);
    pass_days(8);
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted == 0);
    done(x);
    expect_set(f.s, f.k, "20261121_020000", &a);
    end(&f);
}

TEST(a_run_under_way_keeps_what_it_may_count_on)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 20);
    struct run early;

    backup(&f.v, &a, "20261121_000000");
    ASSERT_OK(run_begin(&f.v, &early, NULL), f.v.e);
    struct wall began = clock_wall();
    pass_days(1);
    done(collect_without(&f.v, "20261121_000000"));
    pass_days(30);
    struct collect_spec spec = spec_of(&f.v);
    spec.oldest_run = began;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT(x.deleted == 0 && x.on_trash > 0);
    done(x);
    ASSERT_OK(run_end(&f.v, &early, &a, "20261222_020000"), f.v.e);
    spec.oldest_run = (struct wall){0};
    done(run_collect(&f.v, &spec));
    expect_set(f.s, f.k, "20261222_020000", &a);
    end(&f);
}

/* What replaced it is lost: then it counts again, whatever the list says. */
TEST(a_segment_that_counts_again_stays)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct store_object first, all[8];
    size_t count;

    backup(&f.v, &a, "20261121_000000");
    ASSERT_OK(store_list(f.s, "index/", false, "", &first, 1, &count, &e), e);
    ASSERT_EQ(count, 1);
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_010000"));
    ASSERT_OK(store_list(f.s, "index/", false, "", all, ARRAY_LEN(all), &count, &e), e);
    ASSERT_EQ(count, 3); /* both, and the one that they became */
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, first.name) != 0)
            ASSERT_OK(store_delete(f.s, all[i].name, &e), e);
    pass_days(9);
    struct collect_result x = collect_without(&f.v, NULL);
    ASSERT(x.deleted > 0 && x.segments_deleted == 0);
    done(x);
    ASSERT_EQ(count_objects(f.s, "index/"), 1);
    expect_set(f.s, f.k, "20261121_000000", &a);
    end(&f);
}

/* The list may reach the store, and lists of the store its readers, some time after the moment that it names. */
TEST(a_run_that_began_soon_after_the_list_keeps_what_is_on_it)
{
    for (int hours = 12; hours <= 36; hours += 24) {
        struct fixture f = begin();
        const struct content a = content_of(1, 10), b = content_of(100, 10);

        backup(&f.v, &a, "20261121_000000");
        backup(&f.v, &b, "20261121_010000");
        done(collect_without(&f.v, "20261121_000000"));
        seam_clock_advance(hours * INT64_C(3600000000));
        struct collect_spec spec = spec_of(&f.v);
        spec.oldest_run = clock_wall();
        pass_days(9);
        spec.now = clock_wall();
        struct collect_result x = run_collect(&f.v, &spec);
        ASSERT_EQ(x.deleted > 0, hours > 24);
        done(x);
        expect_set(f.s, f.k, "20261121_010000", &b);
        end(&f);
    }
}

TEST(live_chunks_move_out_of_packs_that_are_mostly_dead)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 60);
    struct content b = content_of(500, 24);

    for (size_t i = 0; i < 20; i++)
        b.seed[i] = 12 + (uint32_t)i; /* a third of a, in a row */
    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    struct collect_result x = collect_without(&f.v, "20261121_000000");
    expect_no_problem(&x);
    ASSERT(x.repacked >= 1 && x.moved_bytes > 0 && x.moved_bytes < 50 * BLOCK);
    done(x);
    expect_set(f.s, f.k, "20261121_010000", &b);
    pass_days(8);
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted >= 1 && x.repacked == 0);
    done(x);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

/* What was moved lies twice until the old pack goes, and a restore that began long after it was put on the list does not
 * keep it. Which of the two an index names first is chance. */
TEST(a_reader_does_not_count_on_what_is_on_trash)
{
    for (int chance = 0; chance < 6; chance++) {
        struct fixture f = begin();
        const struct content a = content_of(1, 60), b = content_of(12, 20);
        struct index *ix;
        struct view reader;

        backup(&f.v, &a, "20261121_000000");
        backup(&f.v, &b, "20261121_010000");
        struct collect_result x = collect_without(&f.v, "20261121_000000");
        ASSERT(x.repacked >= 1);
        done(x);
        pass_days(4);
        view_open(&reader, f.s, f.k);
        ASSERT_OK(index_open(f.s, f.k, NULL, false, &ix, NULL, &e), e);
        repository_avoid_trash(&reader.r, ix);
        struct collect_spec spec = spec_of(&f.v);
        spec.oldest_run = clock_wall();
        pass_days(4);
        spec.now = clock_wall();
        x = run_collect(&f.v, &spec);
        ASSERT(x.deleted >= 1);
        done(x);
        expect_content(&reader, ix, "20261121_010000", &b);
        index_close(ix);
        view_close(&reader);
        end(&f);
    }
}

TEST(a_delta_keeps_its_base)
{
    struct fixture f = begin();
    struct content x = content_of(1, 12);
    char id[32];

    for (int i = 0; i < 6; i++) {
        for (size_t k = 0; k < x.count; k++)
            x.patch[k] = (uint32_t)i;
        (void)snprintf(id, sizeof(id), "20261121_0%d0000", i);
        backup(&f.v, &x, id);
    }
    for (int i = 0; i < 5; i++) {
        (void)snprintf(id, sizeof(id), "20261121_0%d0000", i);
        struct collect_result r = collect_without(&f.v, id);
        expect_no_problem(&r);
        done(r);
        expect_set(f.s, f.k, "20261121_050000", &x);
        pass_days(8);
        done(collect_without(&f.v, NULL));
        expect_set(f.s, f.k, "20261121_050000", &x);
    }
    end(&f);
}

static size_t put_orphan(struct fixture *f)
{
    struct run x;
    struct content c = content_of(900, 4);
    struct chunk_ref manifest;
    size_t before = count_objects(f->s, "packs/");
    struct store_object page[64];
    size_t count;

    /* packs without their segment: a run that was broken off before its end */
    size_t segments = count_objects(f->s, "index/");
    ASSERT_OK(run_begin(&f->v, &x, NULL), f->v.e);
    int previous = f->v.previous;
    f->v.previous = -1;
    ASSERT_OK(run_add(&f->v, &x, &c, &manifest), f->v.e);
    f->v.previous = previous;
    index_close(x.index);
    (void)close(x.copy);
    ASSERT_OK(store_list(f->s, "index/", false, "", page, 64, &count, &e), e);
    ASSERT_EQ(count, segments + 1);
    for (size_t i = 0; i < count; i++)
        if (page[i].modified.us == clock_wall().us)
            ASSERT_OK(store_delete(f->s, page[i].name, &e), e);
    return count_objects(f->s, "packs/") - before;
}

TEST(orphans_go_by_way_of_the_trash)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10);

    backup(&f.v, &a, "20261121_000000");
    pass_days(1);
    size_t orphans = put_orphan(&f), all = count_objects(f.s, "packs/");
    struct collect_result x = collect_without(&f.v, NULL);
    ASSERT(orphans > 0 && x.orphans == 0 && x.on_trash == 0); /* too young */
    done(x);
    struct wall before = clock_wall();
    pass_days(2);
    struct collect_spec spec = spec_of(&f.v);
    spec.oldest_run = (struct wall){before.us - 1}; /* perhaps that run's */
    x = run_collect(&f.v, &spec);
    ASSERT_EQ(x.orphans, 0);
    done(x);
    x = collect_without(&f.v, NULL);
    ASSERT(x.orphans == orphans && x.on_trash == orphans && x.deleted == 0);
    done(x);
    pass_days(7);
    x = collect_without(&f.v, NULL);
    ASSERT_EQ(x.deleted, orphans);
    done(x);
    ASSERT_EQ(count_objects(f.s, "packs/"), all - orphans);
    expect_set(f.s, f.k, "20261121_000000", &a);
    end(&f);
}

TEST(pinned_and_read_sets_stay)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10), c = content_of(200, 10);
    const struct collect_set gone[] = {
        {"job", "20261121_000000"}, {"job", "20261121_010000"}, {"job", "20261121_020000"}};

    backup(&f.v, &a, gone[0].id);
    backup(&f.v, &b, gone[1].id);
    backup(&f.v, &c, gone[2].id);
    ASSERT_OK(log_append(f.v.r.writer, &us, "pin",
                         json_pack("{s:s s:s s:s s:n}", "job", "job", "id", gone[0].id, "reason",
                                   "audit", "until"),
                         NULL, &e),
              e);
    struct collect_spec spec = spec_of(&f.v);
    spec.remove = gone;
    spec.remove_count = 2;
    spec.reading = &gone[1];
    spec.reading_count = 1;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT(x.removed == 0 && x.refused.count == 2 && x.on_trash == 0);
    ASSERT_STR(x.refused.items[0], "job/20261121_000000: it is pinned");
    ASSERT_STR(x.refused.items[1], "job/20261121_010000: it is being read");
    done(x);
    /* a restore that began before the set was removed */
    spec.remove = &gone[2];
    spec.remove_count = 1;
    done(run_collect(&f.v, &spec));
    spec.reading = &gone[2];
    spec.remove_count = 0;
    pass_days(30);
    spec.now = clock_wall();
    x = run_collect(&f.v, &spec);
    ASSERT(x.deleted == 0 && x.on_trash == 0);
    done(x);
    end(&f);
}

static void take_over(void *arg, const char *phase, uint64_t at, uint64_t total)
{
    struct fixture *f = arg;
    struct view other;

    (void)total;
    if (strcmp(phase, "delete") != 0 || at != 1)
        return;
    view_open(&other, f->s, f->k);
    ASSERT_OK(log_take(other.r.pruner, &them, &e), e);
    view_close(&other);
}

TEST(a_pruner_that_is_no_longer_one_deletes_nothing_more)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);

    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_000000"));
    pass_days(8);
    size_t packs = count_objects(f.s, "packs/");
    struct collect_spec spec = spec_of(&f.v);
    struct collect_result x;
    spec.progress = take_over;
    spec.arg = &f;
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_FOREIGN);
    ASSERT_EQ(x.deleted, 1);
    done(x);
    ASSERT_EQ(count_objects(f.s, "packs/"), packs - 1);
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_FOREIGN);
    done(x);
    ASSERT_EQ(count_objects(f.s, "packs/"), packs - 1);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

TEST(nothing_goes_while_a_set_cannot_be_read)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct store_object page[64];
    size_t count;

    backup(&f.v, &a, "20261121_000000");
    ASSERT_OK(store_list(f.s, "packs/", false, "", page, 64, &count, &e), e);
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_010000"));
    pass_days(8);
    size_t packs = count_objects(f.s, "packs/");
    for (size_t i = 0; i < count; i++) /* lists and data of the first set */
        memory_store_damage(f.s, page[i].name, 200);
    struct collect_spec spec = spec_of(&f.v);
    struct collect_result x;
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "job/20261121_000000");
    ASSERT_CONTAINS(e.text, "synbakctl verify");
    ASSERT_EQ(x.deleted, 0);
    done(x);
    ASSERT_EQ(count_objects(f.s, "packs/"), packs);
    x = collect_without(&f.v, "20261121_000000"); /* given up */
    ASSERT(x.deleted > 0 && x.sets == 0);
    done(x);
    end(&f);
}

TEST(a_lost_trash_list_begins_anew)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct store_object page[8];
    size_t count;

    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_000000"));
    ASSERT_OK(store_list(f.s, "trash/", false, "", page, 8, &count, &e), e);
    ASSERT_EQ(count, 1);
    memory_store_damage(f.s, page[0].name, 40);
    struct repository_trash *trash;
    ASSERT_ERR(repository_trash(&f.v.r, &trash, &count, &e), e, ERR_DAMAGED);
    ASSERT_CONTAINS(e.text, "synbakctl prune");
    pass_days(8);
    struct collect_result x = collect_without(&f.v, NULL);
    ASSERT(x.deleted == 0 && x.on_trash > 0 && x.problems.count == 1);
    ASSERT_CONTAINS(x.problems.items[0], "begun anew");
    done(x);
    pass_days(7);
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted > 0 && x.problems.count == 0);
    done(x);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

TEST(no_more_than_allowed_at_once)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);

    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_000000"));
    pass_days(8);
    struct collect_spec spec = spec_of(&f.v);
    spec.delete_max = 1;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT_EQ(x.deleted, 1);
    done(x);
    x = run_collect(&f.v, &spec);
    ASSERT_EQ(x.deleted, 1);
    done(x);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

TEST(locked_objects_are_tried_again)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);

    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, "20261121_000000"));
    pass_days(8);
    memory_store_faults(f.s)->refuse_delete = true;
    struct collect_result x = collect_without(&f.v, NULL);
    ASSERT(x.deleted == 0 && x.problems.count > 0 && x.on_trash > 0);
    done(x);
    memory_store_faults(f.s)->refuse_delete = false;
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted > 0 && x.problems.count == 0 && x.on_trash == 0);
    done(x);
    expect_set(f.s, f.k, "20261121_010000", &b);
    end(&f);
}

struct latecomer {
    struct fixture *f;
    struct run *run;
    const struct content *content;
    bool came;
};

/* Once the sets that count are known. */
static void commit_late(void *arg, const char *phase, uint64_t at, uint64_t total)
{
    struct latecomer *x = arg;
    struct view v;

    (void)at;
    (void)total;
    if (strcmp(phase, "mark") != 0 || x->came)
        return;
    x->came = true;
    view_open(&v, x->f->s, x->f->k);
    ASSERT_OK(run_end(&v, x->run, x->content, "20261130_000000"), v.e);
    view_close(&v);
}

TEST(a_set_that_comes_while_it_marks_counts_too)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    struct run early;

    backup(&f.v, &a, "20261121_000000");
    backup(&f.v, &b, "20261121_010000");
    ASSERT_OK(run_begin(&f.v, &early, NULL), f.v.e);
    done(collect_without(&f.v, "20261121_000000"));
    pass_days(8);
    struct latecomer late = {.f = &f, .run = &early, .content = &a};
    struct collect_spec spec = spec_of(&f.v); /* of the run, nobody told it */
    spec.progress = commit_late;
    spec.arg = &late;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT(late.came && x.deleted == 0 && x.problems.count == 1);
    ASSERT_CONTAINS(x.problems.items[0], "added meanwhile");
    done(x);
    expect_set(f.s, f.k, "20261130_000000", &a);
    x = collect_without(&f.v, NULL);
    ASSERT(x.on_trash == 0 && x.problems.count == 0);
    done(x);
    expect_set(f.s, f.k, "20261130_000000", &a);
    end(&f);
}

static size_t list_of_packs(struct store *s, struct store_object page[64])
{
    size_t count;

    ASSERT_OK(store_list(s, "packs/", false, "", page, 64, &count, &e), e);
    return count;
}

static bool is_among(const struct store_object *page, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(page[i].name, name) == 0)
            return true;
    return false;
}

/* The same chunks twice, since what was on trash counts as absent, and one of the two is lost: the other
 * is kept, even when it has to come off the trash. */
TEST(the_copy_that_is_there_is_kept)
{
    for (int lose_new = 0; lose_new < 2; lose_new++) {
        struct fixture f = begin();
        const struct content a = content_of(1, 10), b = content_of(100, 10);
        struct store_object first[64], both[64], all[64];

        backup(&f.v, &a, "20261121_000000");
        size_t first_count = list_of_packs(f.s, first);
        backup(&f.v, &b, "20261121_010000");
        size_t both_count = list_of_packs(f.s, both);
        done(collect_without(&f.v, "20261121_000000"));
        backup(&f.v, &a, "20261121_020000");
        size_t count = list_of_packs(f.s, all);
        ASSERT(count > both_count);
        for (size_t i = 0; i < count; i++)
            if (lose_new == 1 ? !is_among(both, both_count, all[i].name)
                              : is_among(first, first_count, all[i].name))
                ASSERT_OK(store_delete(f.s, all[i].name, &e), e);
        for (int i = 0; i < 3; i++) {
            struct collect_result x = collect_without(&f.v, NULL);
            ASSERT(x.missing == 0 && x.problems.count == 0);
            ASSERT_EQ(x.deleted > 0, i == 0); /* the names of what is lost */
            done(x);
            expect_set(f.s, f.k, "20261121_020000", &a);
            expect_set(f.s, f.k, "20261121_010000", &b);
            pass_days(8);
        }
        end(&f);
    }
}

TEST(write_only_keys_remove_nothing)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 4);
    struct buf bundle = BUF_INIT(1 << 16);
    struct collect_result x;
    struct keys *small;

    backup(&f.v, &a, "20261121_000000");
    ASSERT_OK(keys_to_bundle(f.k, true, &bundle, &e), e);
    ASSERT_OK(keys_from_bundle(bundle.data, bundle.len, &small, &e), e);
    f.v.r.keys = small;
    struct collect_spec spec = spec_of(&f.v);
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_KEY);
    done(x);
    keys_free(small);
    buf_wipe(&bundle);
    end(&f);
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

TEST(cancelled)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 4);
    const struct collect_set gone = {"job", "20261121_000000"};
    struct collect_result x;

    backup(&f.v, &a, gone.id);
    struct collect_spec spec = spec_of(&f.v);
    spec.remove = &gone;
    spec.remove_count = 1;
    spec.cancelled = always;
    ASSERT_ERR(collect(&spec, &x, &e), e, ERR_CANCELLED);
    ASSERT_EQ(x.removed, 0);
    done(x);
    expect_set(f.s, f.k, gone.id, &a);
    end(&f);
}

TEST(a_clock_in_doubt_makes_nothing_go)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10), b = content_of(100, 10);
    const struct collect_set gone = {"job", "20261121_000000"};

    backup(&f.v, &a, gone.id);
    backup(&f.v, &b, "20261121_010000");
    done(collect_without(&f.v, gone.id));
    pass_days(4000);
    struct collect_spec spec = spec_of(&f.v);
    spec.clock_in_doubt = true;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT(x.deleted == 0 && x.problems.count == 1);
    ASSERT_CONTAINS(x.problems.items[0], "clock");
    done(x);
    /* back again: what is put on the list now waits from the newest record on, not from the past */
    pass_days(-3996);
    x = collect_without(&f.v, "20261121_010000");
    ASSERT(x.deleted == 0 && x.removed == 1);
    done(x);
    pass_days(-3);
    done(collect_without(&f.v, NULL));
    pass_days(9);
    x = collect_without(&f.v, NULL);
    ASSERT(x.deleted > 0);
    done(x);
    end(&f);
}

TEST(removing_alone_leaves_the_rest_for_another_time)
{
    struct fixture f = begin();
    const struct content a = content_of(1, 10);
    const struct collect_set gone = {"job", "20261121_000000"};

    backup(&f.v, &a, gone.id);
    size_t objects = count_objects(f.s, "");
    struct collect_spec spec = spec_of(&f.v);
    spec.remove = &gone;
    spec.remove_count = 1;
    spec.remove_only = true;
    struct collect_result x = run_collect(&f.v, &spec);
    ASSERT(x.removed == 1 && x.on_trash == 0);
    done(x);
    ASSERT_EQ(count_objects(f.s, ""), objects + 1); /* the record */
    x = collect_without(&f.v, NULL);
    ASSERT(x.removed == 0 && x.on_trash > 0);
    done(x);
    end(&f);
}
