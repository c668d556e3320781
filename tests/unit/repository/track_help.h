/* track_help.h — runs of a source without a repository: a model of a tree, and its list as a run
 * would write it. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/repository/tracking.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

enum { TRACK_BASE_S = 1700000000 }; /* the clock of the tests */

struct track_file {
    char path[64];
    char type; /* f d l */
    uint64_t size, inode;
    int64_t mtime_s, ctime_s; /* of whole seconds */
    uint64_t content;         /* a number that stands for it: the first byte of its chunk's id */
};

static inline void track_clock(int64_t seconds)
{
    seam_clock_set((TRACK_BASE_S + seconds) * 1000000);
}

static inline struct chunk_ref track_ref(uint64_t content, uint32_t length)
{
    struct chunk_ref r = {.length = length};

    memcpy(r.id.bytes, &content, sizeof(content));
    return r;
}

static inline struct stat track_stat(const struct track_file *f, uint64_t device)
{
    return (struct stat){
        .st_mode = f->type == 'd'   ? S_IFDIR | 0755
                   : f->type == 'l' ? S_IFLNK | 0777
                                    : S_IFREG | 0644,
        .st_size = (off_t)f->size,
        .st_ino = f->inode,
        .st_dev = device,
        .st_nlink = 1,
        .st_mtim = {.tv_sec = f->mtime_s, .tv_nsec = 5},
        .st_ctim = {.tv_sec = f->ctime_s, .tv_nsec = 6},
    };
}

static inline void track_put(struct buf *out, const struct track_file *f)
{
    struct chunk_ref ref = track_ref(f->content, (uint32_t)f->size);
    struct err e = {0};
    const struct list_entry x = {
        .path = f->path,
        .type = f->type,
        .mode = f->type == 'd' ? 0755 : 0644,
        .user = "",
        .group = "",
        .link = f->type == 'l' ? "target" : "",
        .size = f->size,
        .mtime_s = f->mtime_s,
        .mtime_ns = 5,
        .ctime_s = f->ctime_s,
        .ctime_ns = 6,
        .inode = f->inode,
        .refs = &ref,
        .ref_count = f->size > 0 ? 1 : 0,
    };

    ASSERT_OK(list_put_entry(out, &x, &e), e);
}

/* The list of a tree, files in the order of walks, into fd. Fails as its writes do. */
static inline int track_write(int fd, const struct track_file *files, size_t count)
{
    struct buf out = BUF_INIT(1u << 30);
    uint64_t bytes = 0;
    struct err e = {0};

    for (size_t i = 0; i < count; i++) {
        track_put(&out, &files[i]);
        bytes += files[i].size;
    }
    ASSERT_OK(list_put_end(&out, count, bytes, &e), e);
    int rc = fs_write_all(fd, out.data, out.len, &e);
    buf_deinit(&out);
    return rc;
}

struct track { /* one source's folder and what counts there */
    char *dir, *root;
    int64_t number;
    const char *repository, *host;
    bool attributes;
    uint64_t device; /* of the root */
};

static inline struct track track_new(void)
{
    struct track t = {.dir = mem_printf("%s/tracking", test_dir()),
                      .root = mem_printf("%s/root", test_dir()),
                      .repository = "0123456789abcdef0123456789abcdef",
                      .host = "host",
                      .attributes = true};
    struct stat st;

    ASSERT(mkdir(t.root, 0755) == 0 && stat(t.root, &st) == 0);
    t.device = st.st_dev;
    return t;
}

static inline void track_deinit(struct track *t)
{
    free(t->dir);
    free(t->root);
}

static inline struct tracking *track_open(const struct track *t)
{
    _cleanup_free_ char *id = mem_printf("set-%lld", (long long)t->number + 1);
    const struct tracking_spec spec = {
        .dir = t->dir, .number = t->number, .repository = t->repository, .host = t->host, .id = id};
    struct tracking *ret;
    struct err e = {0};

    ASSERT_OK(tracking_open(&spec, &ret, &e), e);
    return ret;
}

static inline struct tracking *track_begin(const struct track *t)
{
    struct tracking *ret = track_open(t);
    struct err e = {0};

    ASSERT_OK(tracking_begin_tree(ret, "tree", t->root, t->attributes, &e), e);
    return ret;
}

/* Is this file as it was last time? Then its content is what it was. */
static inline bool track_same(struct tracking *tr, const struct track *t,
                              const struct track_file *f, uint64_t *ret_content)
{
    const struct stat st = track_stat(f, t->device);
    const struct list_entry *x;
    struct err e = {0};
    bool same = false;
    int rc = tracking_find(tr, f->path, &st, &x, &same, &e);

    ASSERT(rc >= 0);
    if (rc == 1 || !same)
        return false;
    *ret_content = 0;
    if (x->ref_count > 0)
        memcpy(ret_content, x->refs[0].id.bytes, sizeof(*ret_content));
    return true;
}

/* End the run: its list, and, if it is to count, its number. */
static inline void track_end(struct track *t, struct tracking *tr, const struct track_file *files,
                             size_t count, bool counts)
{
    struct err e = {0};
    int64_t number;

    ASSERT(track_write(tracking_copy(tr), files, count) == 0);
    ASSERT_OK(tracking_end(tr, true, &e), e);
    ASSERT_OK(tracking_finish(tr, &number, &e), e);
    ASSERT_EQ(number, t->number + 1);
    tracking_free(tr);
    if (counts)
        t->number = number;
}

/* A whole run; returns how many of the files were as they were. */
static inline size_t track_run(struct track *t, const struct track_file *files, size_t count)
{
    struct tracking *tr = track_begin(t);
    uint64_t content;
    size_t same = 0;

    for (size_t i = 0; i < count; i++)
        same += files[i].type != 'l' && track_same(tr, t, &files[i], &content);
    track_end(t, tr, files, count, true);
    return same;
}
