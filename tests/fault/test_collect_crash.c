/* Collecting in a directory, broken off at every call and every loss of power: every set that is kept
 * restores bit for bit, and done again it comes to its end. */
#include <errno.h>

#include "tests/lib/campaign.h"
#include "tests/unit/repository/collect_fixture.h"

#define REMOVED "20261121_000000"
#define KEPT    "20261121_010000"
#define PARTLY  "20261121_020000"

static struct err e;
static int64_t days; /* of the pass that is broken off */
static size_t last_deleted, last_repacked;

static struct content kept(void)
{
    return content_of(100, 8);
}

static struct content partly(void)
{
    struct content x = content_of(200, 24);

    for (uint32_t i = 0; i < 20; i++)
        x.seed[i] = 5 + i;
    return x;
}

static int collect_in(const char *dir)
{
    const struct collect_set gone = {"job", REMOVED};
    struct keys *k = fixed_keys();
    struct view v = {0};
    struct collect_result x = {0};
    int rc = store_open_directory(dir, false, &v.store, &e);

    v.r.store = v.store;
    v.r.keys = k;
    if (rc == 0)
        rc = log_open(v.store, k, LOG_PRUNER, NULL, NULL, &v.r.pruner, &e);
    if (rc == 0)
        rc = log_open(v.store, k, LOG_WRITER, NULL, NULL, &v.r.writer, &e);
    struct collect_spec spec = spec_of(&v);
    spec.remove = &gone;
    spec.remove_count = 1;
    if (rc == 0)
        rc = collect(&spec, &x, &e);
    if (rc == 0 && x.problems.count > 0)
        test_fail(__FILE__, __LINE__, "%s", x.problems.items[0]);
    last_deleted = x.deleted;
    last_repacked = x.repacked;
    collect_result_deinit(&x);
    log_close(v.r.pruner);
    log_close(v.r.writer);
    if (v.store != NULL)
        store_close(v.store);
    keys_free(k);
    return rc;
}

static void prepare(const char *dir)
{
    const struct content a = content_of(1, 60), b = kept(), c = partly();
    struct keys *k = fixed_keys();
    struct store *s;
    struct view v;

    seam_clock_set(start_us);
    ASSERT_OK(store_open_directory(dir, false, &s, &e), e);
    view_begin(&v, s, k);
    backup(&v, &a, REMOVED);
    backup(&v, &b, KEPT);
    backup(&v, &c, PARTLY);
    view_close(&v);
    store_close(s);
    keys_free(k);
    if (days > 0)
        ASSERT_OK(collect_in(dir), e);
    pass_days(days);
}

static void work(const char *dir)
{
    if (collect_in(dir) < 0)
        return;
    ASSERT(days > 0 ? last_deleted > 0 : last_repacked > 0); /* it is the pass that is meant */
    campaign_done(1);
}

static void expect_both(const char *dir)
{
    const struct content b = kept(), c = partly();
    struct keys *k = fixed_keys();
    struct store *s;

    ASSERT_OK(store_open_directory(dir, false, &s, &e), e);
    expect_set(s, k, KEPT, &b);
    expect_set(s, k, PARTLY, &c);
    store_close(s);
    keys_free(k);
}

static void check(const char *dir, unsigned done)
{
    (void)done;
    expect_both(dir);
    for (int i = 0; i < 2; i++) {
        ASSERT_OK(collect_in(dir), e);
        pass_days(8);
    }
    expect_both(dir);
    seam_clock_set(start_us + days * DAY * 1000000);
}

static const struct campaign pass = {.prepare = prepare, .work = work, .check = check};

/* Each run copies no little; what goes wrong at a store call is tried in every run of
 * test_collect_faults. */
static bool too_long(void)
{
    if (!test_long())
        test_note("only under --long");
    return !test_long();
}

TEST(killed_while_it_deletes)
{
    days = 8;
    if (!too_long())
        campaign_kill(&pass);
}

TEST(killed_while_it_moves)
{
    if (!too_long())
        campaign_kill(&pass);
}

TEST(calls_fail)
{
    if (too_long())
        return;
    campaign_fail(&pass, EIO);
    days = 8;
    campaign_fail(&pass, ENOSPC);
}

TEST(power_loss)
{
    if (too_long())
        return;
    campaign_cut_power(&pass, 1);
    days = 8;
    campaign_cut_power(&pass, 1);
}
