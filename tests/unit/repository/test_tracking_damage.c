/* Whatever happened to what is remembered: it is noticed, and nothing of it is believed. */
#include <errno.h>

#include "tests/lib/power_loss.h"
#include "tests/unit/repository/track_help.h"

static const struct track_file files[] = {
    {"", 'd', 0, 2, TRACK_BASE_S - 900, TRACK_BASE_S - 900, 0},
    {"a", 'f', 5, 11, TRACK_BASE_S - 900, TRACK_BASE_S - 800, 77},
    {"b", 'f', 1000, 13, TRACK_BASE_S - 950, TRACK_BASE_S - 900, 78},
};
enum { COUNT = ARRAY_LEN(files) };

static uint8_t *slurp(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *data = mem_alloc((size_t)st.st_size + 1);
    ASSERT(read(fd, data, (size_t)st.st_size) == st.st_size);
    close(fd);
    *ret_len = (size_t)st.st_size;
    return data;
}

static void spill(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ASSERT(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    close(fd);
}

static void expect_disbelief(const struct track *t)
{
    struct tracking *tr = track_begin(t);
    uint64_t content;

    ASSERT(tracking_doubt(tr) != NULL);
    ASSERT_EQ(tracking_previous(tr), -1);
    for (size_t i = 0; i < COUNT; i++)
        ASSERT(!track_same(tr, t, &files[i], &content));
    tracking_free(tr);
}

static size_t damage(const struct track *t, const char *path)
{
    size_t len, tried = 0;
    uint8_t *data = slurp(path, &len);

    for (size_t at = 0; at < len; at++, tried++) { /* torn */
        spill(path, data, at);
        expect_disbelief(t);
    }
    for (size_t at = 0; at < len; at++, tried++) { /* one bit */
        data[at] ^= (uint8_t)(1 << at % 8);
        spill(path, data, len);
        expect_disbelief(t);
        data[at] ^= (uint8_t)(1 << at % 8);
    }
    data[len] = 'x';
    spill(path, data, len + 1);
    expect_disbelief(t);
    ASSERT(unlink(path) == 0);
    expect_disbelief(t);
    spill(path, data, len);
    free(data);
    return tried + 2;
}

TEST(torn_and_flipped_at_every_byte)
{
    struct track t = track_new();

    track_clock(0);
    (void)track_run(&t, files, COUNT);
    track_clock(3600);
    ASSERT_EQ(track_run(&t, files, COUNT), COUNT);
    track_clock(7200);
    _cleanup_free_ char *list = mem_printf("%s/2/tree.list", t.dir);
    _cleanup_free_ char *head = mem_printf("%s/2/head", t.dir);
    size_t tried = damage(&t, list) + damage(&t, head);
    ASSERT_EQ(track_run(&t, files, COUNT), COUNT);
    test_note("%zu damages noticed", tried);
    track_deinit(&t);
}

struct seen {
    struct buf text;
};

static int on_transaction(void *arg, const struct tracking_summary *s, struct err *e)
{
    return buf_printf(&((struct seen *)arg)->text, e, "%lld %s%s\n", (long long)s->number, s->id,
                      s->compared ? "" : " not compared");
}

static int on_change(void *arg, const struct tracking_change *c, struct err *e)
{
    return buf_printf(&((struct seen *)arg)->text, e, "%c %c %s %llu\n", c->kind, c->type, c->path,
                      (unsigned long long)c->size);
}

static int on_lost(void *arg, int64_t number, struct err *e)
{
    return buf_printf(&((struct seen *)arg)->text, e, "%lld lost\n", (long long)number);
}

static void expect_changes(const struct track *t, int64_t from, int64_t to, const char *expected)
{
    struct seen seen = {BUF_INIT(1 << 20)};
    const struct tracking_reader r = {&seen, on_transaction, on_change, on_lost};
    struct err e = {0};

    ASSERT_OK(tracking_changes_read(t->dir, from, to, &r, &e), e);
    ASSERT_STR(seen.text.len == 0 ? "" : (const char *)seen.text.data, expected);
    buf_deinit(&seen.text);
}

TEST(what_changed_is_told)
{
    struct track_file now[] = {files[0], files[1], files[2], files[2]};
    struct track t = track_new();

    track_clock(0);
    (void)track_run(&t, files, COUNT);
    track_clock(3600);
    (void)track_run(&t, files, COUNT);
    now[0].mtime_s = TRACK_BASE_S + 3700; /* a folder's times are those of what is in it */
    now[1].ctime_s = TRACK_BASE_S + 3700;
    (void)snprintf(now[2].path, sizeof(now[2].path), "a-moved");
    (void)snprintf(now[3].path, sizeof(now[3].path), "c");
    now[3].type = 'l';
    now[3].size = 0;
    track_clock(7200);
    (void)track_run(&t, now, 4);
    track_clock(9000);
    (void)track_run(&t, now, 1);
    expect_changes(&t, 1, 4,
                   "1 set-1 not compared\n2 set-2\n3 set-3\nc f a 5\na f a-moved 1000\nr f b 1000\n"
                   "a l c 0\n4 set-4\nr f a 5\nr f a-moved 1000\nr l c 0\n");
    expect_changes(&t, 3, 3, "3 set-3\nc f a 5\na f a-moved 1000\nr f b 1000\na l c 0\n");
    expect_changes(&t, 5, 6, "5 lost\n6 lost\n");
    track_deinit(&t);
}

TEST(damaged_changes_are_lost_and_no_more)
{
    struct track t = track_new();
    size_t len;

    track_clock(0);
    (void)track_run(&t, files, COUNT);
    (void)track_run(&t, files, 2);
    _cleanup_free_ char *path = mem_printf("%s/2.changes", t.dir);
    uint8_t *data = slurp(path, &len);
    for (size_t at = 0; at < len; at++) {
        spill(path, data, at);
        expect_changes(&t, 2, 2, "2 lost\n");
        data[at] ^= 16;
        spill(path, data, len);
        expect_changes(&t, 2, 2, "2 lost\n");
        data[at] ^= 16;
    }
    spill(path, data, len);
    expect_changes(&t, 1, 2, "1 set-1 not compared\n2 set-2\nr f b 1000\n");
    _cleanup_free_ char *other = mem_printf("%s/1.changes", t.dir);
    spill(other, data, len); /* whole, but not of that number */
    expect_changes(&t, 1, 2, "1 lost\n2 set-2\nr f b 1000\n");
    test_note("%zu damages noticed", 2 * len + 1);
    free(data);
    track_deinit(&t);
}

TEST(changes_are_kept_for_a_year)
{
    struct track t = track_new();

    for (int i = 0; i < 4; i++) { /* their age is told by the files' own times */
        track_clock(i * 86400);
        (void)track_run(&t, files, COUNT);
        _cleanup_free_ char *path = mem_printf("%s/%d.changes", t.dir, i + 1);
        const struct timespec times[2] = {{.tv_sec = TRACK_BASE_S + i * 86400},
                                          {.tv_sec = TRACK_BASE_S + i * 86400}};
        ASSERT(utimensat(AT_FDCWD, path, times, 0) == 0);
    }
    track_clock(367 * 86400 + 43200);
    tracking_free(track_open(&t));
    expect_changes(&t, 1, 4, "1 lost\n2 lost\n3 set-3\n4 set-4\n");
    track_deinit(&t);
}

/* Every call that changes something fails in turn, then all from it on: the run is told of it, and
 * the next one finds what counts as it was. */
static int try_run(struct track *t)
{
    const struct tracking_spec spec = {.dir = t->dir,
                                       .number = t->number,
                                       .repository = t->repository,
                                       .host = t->host,
                                       .id = "x"};
    struct tracking *tr = NULL;
    struct err e = {0};
    int64_t number;
    int rc = tracking_open(&spec, &tr, &e);

    if (rc == 0)
        rc = tracking_begin_tree(tr, "tree", t->root, true, &e);
    if (rc == 0)
        rc = track_write(tracking_copy(tr), files, COUNT);
    if (rc == 0)
        rc = tracking_end(tr, true, &e);
    if (rc == 0)
        rc = tracking_finish(tr, &number, &e);
    tracking_free(tr);
    return rc;
}

TEST(every_call_fails)
{
    struct track t = track_new();
    uint64_t calls, told = 0;

    track_clock(0);
    (void)track_run(&t, files, COUNT);
    track_clock(3600);
    seam_reset();
    track_clock(3600);
    ASSERT_OK(try_run(&t), ((struct err){0}));
    calls = seam_count();
    ASSERT(calls > 5);
    for (int from = 0; from < 2; from++) {
        for (uint64_t n = 1; n <= calls + 2; n++) {
            seam_reset();
            track_clock(3600);
            if (from)
                seam_fail_from(n, ENOSPC);
            else
                seam_fail_once(n, EIO);
            told += try_run(&t) < 0;
            seam_reset();
            track_clock(3600);
            struct tracking *tr = track_begin(&t);
            uint64_t content;
            ASSERT(tracking_doubt(tr) == NULL);
            ASSERT(track_same(tr, &t, &files[1], &content));
            tracking_free(tr);
        }
    }
    test_note("%llu calls, %llu failures told", (unsigned long long)calls,
              (unsigned long long)told);
    track_deinit(&t);
}

/* The power goes away anywhere in two runs, of which the first is made to count as soon as it has
 * finished: what counts is whole, whatever became of the rest. */
TEST(power_loss_at_every_change)
{
    enum { POLICIES = POWER_LOSS_POLICIES + 3 };
    _cleanup_free_ char *log = mem_printf("%s/log", test_dir());
    _cleanup_free_ char *state = mem_printf("%s/state", test_dir());
    struct track t = track_new(), after;
    size_t tried = 0;
    struct err e;

    track_clock(0);
    (void)track_run(&t, files, COUNT);
    seam_log_start(log, t.dir);
    for (int run = 1; run <= 2; run++) {
        track_clock(run * 3600);
        (void)track_run(&t, files, COUNT);
        seam_log_mark(run == 1 ? "2 counts" : "3 counts");
    }
    seam_log_stop();
    struct power_loss *p = power_loss_load(log);
    for (size_t cut = 0; cut <= power_loss_cuts(p); cut++) {
        for (unsigned policy = 0; policy < POLICIES; policy++, tried++) {
            uint64_t content;
            power_loss_build(p, cut, policy, state);
            after = t;
            after.dir = state;
            after.number = power_loss_has_mark(p, cut, "3 counts")   ? 3
                           : power_loss_has_mark(p, cut, "2 counts") ? 2
                                                                     : 1;
            struct tracking *tr = track_begin(&after);
            if (tracking_doubt(tr) != NULL)
                test_fail(__FILE__, __LINE__, "cut %zu, policy %u, number %lld: %s", cut, policy,
                          (long long)after.number, tracking_doubt(tr));
            ASSERT(track_same(tr, &after, &files[1], &content));
            ASSERT_EQ(content, files[1].content);
            tracking_free(tr);
            ASSERT_OK(fs_remove_tree(AT_FDCWD, state, &e), e);
        }
    }
    test_note("%zu cuts, %zu states", power_loss_cuts(p) + 1, tried);
    power_loss_free(p);
    track_deinit(&t);
}
