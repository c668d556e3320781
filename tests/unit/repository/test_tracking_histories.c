/* Random histories against a model that knows the content of every file: what tracking calls the
 * same has the content of last time, whatever was done between and during the runs, and what was left
 * alone is not read again. And a million files. */
#include <sys/resource.h>

#include "tests/unit/repository/track_help.h"

enum { NAMES = 12, STEPS = 60 };

struct world {
    uint32_t random;
    int64_t now; /* seconds; the clock that stamps files has no finer ones */
    uint64_t serial;
    bool there[NAMES];
    struct track_file files[NAMES];
    int64_t touched[NAMES]; /* when it was last changed, in truth */
    int64_t started;        /* of the run that counts */
    uint64_t racy;          /* changes that no time told of */
};

static uint32_t pick(struct world *w, uint32_t below)
{
    w->random = w->random * 1664525u + 1013904223u;
    return (w->random >> 8) % below;
}

static void stamp(struct world *w, int i)
{
    struct track_file *f = &w->files[i];

    f->mtime_s = f->ctime_s = TRACK_BASE_S + w->now;
    w->touched[i] = w->now;
}

/* One thing that somebody does to the tree. Sizes and inodes come back often, so that only times tell. */
static void meddle(struct world *w)
{
    int i = (int)pick(w, NAMES), k = (int)pick(w, NAMES);
    struct track_file *f = &w->files[i], before = *f;

    switch (pick(w, 6)) {
    case 0: /* made, or made anew in its place */
        w->there[i] = true;
        f->inode = 100 + pick(w, 3);
        f->size = 10 + pick(w, 2);
        f->content = ++w->serial;
        stamp(w, i);
        break;
    case 1:
    case 2: /* written */
        if (w->there[i]) {
            f->content = ++w->serial;
            stamp(w, i);
        }
        break;
    case 3:
        w->there[i] = false;
        break;
    case 4: /* renamed over another: keeps its mtime */
        if (w->there[i] && i != k) {
            char path[sizeof(f->path)];
            memcpy(path, w->files[k].path, sizeof(path));
            w->files[k] = *f;
            memcpy(w->files[k].path, path, sizeof(path));
            w->files[k].ctime_s = TRACK_BASE_S + w->now;
            w->touched[k] = w->now;
            w->there[k] = true;
            w->there[i] = false;
        }
        break;
    default: /* written, and its mtime set back */
        if (w->there[i]) {
            int64_t mtime_s = f->mtime_s;
            f->content = ++w->serial;
            stamp(w, i);
            f->mtime_s = mtime_s;
        }
    }
    w->racy += w->there[i] && f->content != before.content && f->mtime_s == before.mtime_s &&
               f->ctime_s == before.ctime_s && f->size == before.size && f->inode == before.inode;
}

static void meddle_a_while(struct world *w)
{
    for (uint32_t n = pick(w, 5); n > 0; n--) {
        meddle(w);
        w->now += pick(w, 2) * pick(w, 4000);
    }
}

/* A run takes no time at all, or some, and others go on meanwhile. */
static void run(struct world *w, struct track *t)
{
    struct track_file told[NAMES];
    size_t count = 0;
    int64_t started = w->now;

    track_clock(w->now);
    struct tracking *tr = track_begin(t);
    for (int i = 0; i < NAMES; i++) {
        uint64_t content;
        if (!w->there[i])
            continue;
        told[count] = w->files[i];
        if (track_same(tr, t, &w->files[i], &content)) {
            if (content != w->files[i].content)
                test_fail(__FILE__, __LINE__, "%s is told to be what it was, and is not",
                          w->files[i].path);
        } else if (t->number > 0 && w->touched[i] < w->started - 2) {
            test_fail(__FILE__, __LINE__, "%s was left alone and is read again", w->files[i].path);
        }
        count++;
        for (uint32_t n = pick(w, 3); n > 0; n--) {
            meddle(w);
            w->now += pick(w, 4) == 0;
        }
    }
    bool counts = pick(w, 4) > 0;
    track_end(t, tr, told, count, counts);
    if (counts)
        w->started = started;
}

/* "Left alone" is known only since the file was in the run that counts; what was not there then has
 * been touched since. */
static uint64_t history(uint32_t seed)
{
    struct track t = track_new();
    struct world w = {.random = seed, .now = 1000};

    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(w.files[i].path, sizeof(w.files[i].path), "%c", 'a' + i);
        w.files[i].type = 'f';
    }
    for (int i = 0; i < STEPS; i++) {
        meddle_a_while(&w);
        run(&w, &t);
        w.now += pick(&w, 2) * pick(&w, 5000);
    }
    _cleanup_free_ char *aside = mem_printf("%s/%u", test_dir(), seed);
    ASSERT(rmdir(t.root) == 0 && rename(t.dir, aside) == 0);
    track_deinit(&t);
    return w.racy;
}

TEST(random_histories)
{
    uint32_t histories = test_long() ? 100 : 5;
    uint64_t racy = 0;

    for (uint32_t seed = 1; seed <= histories; seed++)
        racy += history(seed);
    ASSERT(racy > 0);
    test_note("%u histories of %d runs, %llu changes that no time told of", histories, STEPS,
              (unsigned long long)racy);
}

/* --- many files --- */

static struct track_file file_of(uint32_t i)
{
    struct track_file f = {.type = 'f',
                           .size = 1 + i % 1000,
                           .inode = i,
                           .mtime_s = TRACK_BASE_S - 5000,
                           .ctime_s = TRACK_BASE_S - 5000,
                           .content = i};

    (void)snprintf(f.path, sizeof(f.path), "%03u/%04u/photograph-%u.jpeg", i / 10000,
                   i % 10000 / 10, i % 10);
    return f;
}

static void put_many(int fd, uint32_t count)
{
    struct buf out = BUF_INIT(1 << 20);
    uint64_t bytes = 0, entries = 0;
    struct err e = {0};

    for (uint32_t i = 0; i < count; i++, entries++) {
        struct track_file f = file_of(i), folder = {.type = 'd'};
        for (int depth = i % 10000 == 0 ? 0 : 1; i % 10 == 0 && depth < 2; depth++, entries++) {
            (void)snprintf(folder.path, sizeof(folder.path), depth == 0 ? "%.3s" : "%.8s", f.path);
            track_put(&out, &folder);
        }
        track_put(&out, &f);
        bytes += f.size;
        if (out.len > 1 << 19 || i == count - 1) {
            if (i == count - 1)
                ASSERT_OK(list_put_end(&out, entries + 1, bytes, &e), e);
            ASSERT(write(fd, out.data, out.len) == (ssize_t)out.len);
            buf_clear(&out);
        }
    }
    buf_deinit(&out);
}

static long peak_kib(void)
{
    struct rusage usage;

    ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

TEST(many_files_take_no_more_memory_than_few)
{
    uint32_t count = test_long() ? 1000000 : 50000;
    struct track t = track_new();
    struct err e = {0};
    int64_t number;
    long before = peak_kib();

    for (int i = 0; i < 2; i++) {
        uint64_t content;
        track_clock(i * 3600);
        struct tracking *tr = track_begin(&t);
        for (uint32_t k = 0; i > 0 && k < count; k++) {
            struct track_file f = file_of(k);
            f.inode += k % 7 == 0; /* some have changed */
            ASSERT_EQ(track_same(tr, &t, &f, &content), k % 7 != 0);
            ASSERT(k % 7 == 0 || content == k);
        }
        put_many(tracking_copy(tr), count);
        ASSERT_OK(tracking_end(tr, true, &e), e);
        ASSERT_OK(tracking_finish(tr, &number, &e), e);
        tracking_free(tr);
        t.number = number;
    }
    test_note("%u files, %ld KiB more at the peak", count, peak_kib() - before);
#ifndef __SANITIZE_ADDRESS__
    ASSERT(peak_kib() - before < 8 << 10);
#endif
    track_deinit(&t);
}
