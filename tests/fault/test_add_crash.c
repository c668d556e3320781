/* The writing pipeline, broken off at every point: what was acknowledged is known and comes back, and
 * the next run goes through. */
#include <errno.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "tests/lib/campaign.h"
#include "tests/unit/repository/stream_fixture.h"

enum { FIRST = 1, SECOND, LEN = 600000, MORE = 20000 };

/* The second day, with its deltas, only under --long. */
static unsigned days(void)
{
    return test_long() ? SECOND : FIRST;
}

static void prepare(const char *dir)
{
    _cleanup_free_ char *path = mem_printf("%s/keys", dir);
    struct buf bundle = BUF_INIT(65536);
    struct keys *k = make_keys();
    struct err e;

    ASSERT_OK(keys_to_bundle(k, false, &bundle, &e), e);
    FILE *f = fopen(path, "wb");
    ASSERT(f != NULL && fwrite(bundle.data, 1, bundle.len, f) == bundle.len && fclose(f) == 0);
    buf_deinit(&bundle);
    keys_free(k);
}

/* NULL: not even the folder could be made. */
static struct store *open_there(const char *dir, struct keys **ret)
{
    _cleanup_free_ char *path = mem_printf("%s/repository", dir);
    struct buf bundle = BUF_INIT(65536);
    struct store *s = NULL;
    struct err e;
    int fd;

    ASSERT_OK(fs_open_dir(dir, &fd, &e), e);
    ASSERT_OK(fs_read_file(fd, "keys", &bundle, &e), e);
    ASSERT_OK(keys_from_bundle(bundle.data, bundle.len, ret, &e), e);
    buf_deinit(&bundle);
    fs_closep(&fd);
    return store_open_directory(path, true, &s, &e) == 0 ? s : NULL;
}

/* Rows; on the second day some are changed and some new. */
static uint8_t *day_of(unsigned day, size_t *ret_len)
{
    uint8_t *data = make_rows(LEN + MORE);

    *ret_len = day == FIRST ? LEN : LEN + MORE;
    for (size_t at = 1000; day == SECOND && at < LEN; at += LEN / 7)
        memcpy(data + at, "updated!", 8);
    return data;
}

/* 0: the run is done; its chunks are all there, unless it failed. */
static int run_day(struct add_world *w, unsigned day, int previous, int copy, struct added *ret,
                   uint64_t *ret_put)
{
    size_t len;
    uint8_t *data = day_of(day, &len);
    int rc = world_begin(w);

    if (rc == 0 && (rc = add_stream(w, data, len, previous, copy, ret)) < 0)
        adder_abort(w->adder);
    else if (rc == 0 && (rc = adder_finish(w->adder, ret_put, &w->e)) < 0)
        added_deinit(ret);
    free(data);
    return rc;
}

static int list_of(const char *dir, const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);
    FILE *f = fopen(path, "w+b"); /* beside the seam: what is lost of it costs bytes only */

    ASSERT(f != NULL);
    int fd = dup(fileno(f));
    (void)fclose(f);
    return fd;
}

static void work(const char *dir)
{
    _cleanup_free_ char *cache = mem_printf("%s/cache", dir);
    struct keys *keys = NULL;
    struct store *s = open_there(dir, &keys);
    struct added x = {0};
    uint64_t put;

    if (s == NULL) {
        keys_free(keys);
        return;
    }
    struct add_world *w = world_open_with(s, keys, cache);
    int list = list_of(dir, "list");
    for (unsigned day = FIRST; day <= days(); day++) {
        if (run_day(w, day, day == FIRST ? -1 : list, day == FIRST ? list : -1, &x, &put) < 0)
            break;
        added_deinit(&x);
        campaign_done(day);
    }
    (void)close(list);
    world_close(w);
}

static void check_day(struct add_world *w, unsigned day, bool known)
{
    struct added x = {0};
    uint64_t put;
    size_t len;

    ASSERT_OK(run_day(w, day, -1, -1, &x, &put), w->e);
    ASSERT(!known || put == 0);
    world_open_index(w);
    uint8_t *data = day_of(day, &len);
    check_stream(w, &x, data, len);
    added_deinit(&x);
    free(data);
}

static void check(const char *dir, unsigned done)
{
    _cleanup_free_ char *cache = mem_printf("%s/cache", dir);
    struct keys *keys = NULL;
    struct store *s = open_there(dir, &keys);

    ASSERT(s != NULL);
    struct add_world *w = world_open_with(s, keys, cache);
    for (unsigned day = FIRST; day <= days(); day++)
        check_day(w, day, done >= day);
    w->repository.cache_dir = NULL; /* and without what is remembered here */
    world_open_index(w);
    for (unsigned day = FIRST; day <= days(); day++)
        check_day(w, day, true);
    world_close(w);
}

static const struct campaign adding = {.prepare = prepare, .work = work, .check = check};

TEST(killed)
{
    campaign_kill(&adding);
}

/* Twice as many runs as calls; the short form has every call of the store in test_add. */
static bool too_long(void)
{
    if (!test_long())
        test_note("only under --long");
    return !test_long();
}

TEST(calls_fail)
{
    if (!too_long())
        campaign_fail(&adding, EIO);
}

TEST(the_disk_is_full)
{
    campaign_fill(&adding, test_long() ? 8192 : 65536, 1 << 20);
}

TEST(power_loss)
{
    if (!too_long())
        campaign_cut_power(&adding, 0);
}
