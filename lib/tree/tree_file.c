/* Regular files. Small ones are read whole, then compared with a second fstat: what is emitted was
 * one state of the file. Large ones must be streamed behind a header that already promised a
 * length: what is missing is filled with zeros, and a file that changed comes once more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_walk.h"

enum { ATTEMPTS = 3, PIECE = 1 << 20, EXTENTS_MAX = 1 << 20 };

struct extents {
    struct tree_extent *items; /* owned */
    size_t count;
    bool sparse;
};

static void extents_deinit(struct extents *x)
{
    free(x->items);
}

static void extents_add(struct extents *x, int64_t offset, int64_t length)
{
    if ((x->count & (x->count - 1)) == 0) /* at every power of two */
        x->items = mem_resize_array(x->items, x->count == 0 ? 1 : x->count * 2, sizeof(*x->items));
    x->items[x->count++] = (struct tree_extent){offset, length};
}

/* Where the data lies. A file system that cannot tell has one run of data. */
static void extents_find(struct extents *x, int fd, const struct stat *st)
{
    int64_t at = 0;

    *x = (struct extents){0};
    if (st->st_blocks * 512 >= st->st_size)
        return;
    while (at < st->st_size && x->count < EXTENTS_MAX) {
        int64_t data = io_seek(fd, at, SEEK_DATA);
        if (data < 0 && errno != ENXIO)
            return;
        if (data < 0 || data >= st->st_size)
            break;
        int64_t hole = io_seek(fd, data, SEEK_HOLE);
        if (hole < 0 || x->count == EXTENTS_MAX - 1)
            hole = st->st_size; /* what follows counts as data: larger, never wrong */
        if (hole > st->st_size)
            hole = st->st_size;
        extents_add(x, data, hole - data);
        at = hole;
    }
    x->sparse = x->count != 1 || x->items[0].length < st->st_size;
    if (x->count == 0)
        extents_add(x, 0, 0); /* nothing but a hole */
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int tell_member(struct tree_walk *w, int fd, const struct stat *st, const struct extents *x,
                       bool again, struct err *e)
{
    const struct tree_member m = {
        .path = w->path,
        .st = *st,
        .again = again,
        .attrs = tree_walk_attrs(w, fd),
        .extents = x->sparse ? x->items : NULL,
        .extent_count = x->sparse ? x->count : 0,
    };

    if (!again)
        w->result->files++;
    return w->visitor->member(w->visitor->arg, &m, e);
}

static int tell_progress(struct tree_walk *w, size_t bytes, struct err *e)
{
    w->result->bytes += bytes;
    return w->visitor->progress(w->visitor->arg, w->path, w->result->bytes, e);
}

/* 0: the content is in the buffer, and *after says how the file was then. 1: it could not be read,
 * which has been reported. */
static int read_whole(struct tree_walk *w, int fd, const struct stat *st, struct stat *after,
                      struct err *e)
{
    struct err read_error = {0};
    size_t size = (size_t)st->st_size, got;

    if (fs_pread_full(fd, w->buffer, size, 0, &got, &read_error) < 0) {
        tree_walk_failed(w, "read", read_error.errnum);
        return 1;
    }
    memset(w->buffer + got, 0, size - got); /* never what another file left there */
    if (tell_progress(w, got, e) < 0)
        return -1;
    if (io_fstat(fd, after) != 0) {
        tree_walk_failed(w, "stat", errno);
        return 1;
    }
    if (!is_same_state(st, after))
        w->result->bytes -= got; /* it will be read again */
    return 0;
}

/* Feed `length` bytes from `offset`; zeros where the file gives none. *lost: errno, or -1 when it
 * was cut short. */
static int stream_run(struct tree_walk *w, int fd, int64_t offset, int64_t length, int *lost,
                      struct err *e)
{
    while (length > 0) {
        size_t want = length < PIECE ? (size_t)length : PIECE, got = 0;
        struct err read_error = {0};
        if (fd >= 0 && *lost == 0 &&
            fs_pread_full(fd, w->buffer, want, offset, &got, &read_error) < 0) {
            *lost = read_error.errnum;
            got = 0;
        }
        if (got < want) {
            if (fd >= 0 && *lost == 0)
                *lost = -1;
            memset(w->buffer + got, 0, want - got);
        }
        if (tell_progress(w, fd >= 0 ? want : 0, e) < 0 ||
            w->visitor->data(w->visitor->arg, w->buffer, want, e) < 0)
            return -1;
        offset += (int64_t)want;
        length -= (int64_t)want;
    }
    return 0;
}

static int stream_member(struct tree_walk *w, int fd, const struct stat *st, bool again, int *lost,
                         struct err *e)
{
    _cleanup_(extents_deinit) struct extents x = {0};
    int64_t at = 0;

    extents_find(&x, fd, st);
    if (tell_member(w, fd, st, &x, again, e) < 0)
        return -1;
    if (!x.sparse)
        return stream_run(w, fd, 0, st->st_size, lost, e);
    for (size_t i = 0; i < x.count; i++) {
        if (stream_run(w, -1, at, x.items[i].offset - at, lost, e) < 0 ||
            stream_run(w, fd, x.items[i].offset, x.items[i].length, lost, e) < 0)
            return -1;
        at = x.items[i].offset + x.items[i].length;
    }
    return stream_run(w, -1, at, st->st_size - at, lost, e);
}

/* One state of a file, and how it was afterwards. */
struct attempt {
    struct stat st, after;
    bool again; /* a state of it has been told */
    bool last;
};

enum { SETTLED, CHANGED }; /* what an attempt returns beside -1 */

static int attempt_large(struct tree_walk *w, int fd, struct attempt *a, struct err *e)
{
    int lost = 0;

    (void)io_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (stream_member(w, fd, &a->st, a->again, &lost, e) < 0)
        return -1;
    a->again = true;
    if (lost > 0) {
        tree_walk_problem(w, "part of it is zeros, it cannot be read: %s", strerror(lost));
        tree_walk_spoiled(w);
        return SETTLED;
    }
    if (io_fstat(fd, &a->after) != 0) {
        tree_walk_failed(w, "stat", errno);
        tree_walk_spoiled(w);
        return SETTLED;
    }
    return lost == 0 && is_same_state(&a->st, &a->after) ? SETTLED : CHANGED;
}

static int attempt_small(struct tree_walk *w, int fd, struct attempt *a, struct err *e)
{
    _cleanup_(extents_deinit) struct extents x = {0};

    extents_find(&x, fd, &a->st);
    int rc = read_whole(w, fd, &a->st, &a->after, e);
    if (rc != 0)
        return rc < 0 ? -1 : SETTLED;
    bool same = is_same_state(&a->st, &a->after);
    if (!same && !a->last)
        return CHANGED;
    if (tell_member(w, fd, &a->st, &x, a->again, e) < 0 ||
        (a->st.st_size > 0 &&
         w->visitor->data(w->visitor->arg, w->buffer, (size_t)a->st.st_size, e) < 0))
        return -1;
    return same ? SETTLED : CHANGED;
}

int tree_file_emit(struct tree_walk *w, int fd, const struct stat *st, struct err *e)
{
    struct attempt a = {.st = *st};

    for (int i = 0; i < ATTEMPTS; i++) {
        a.last = i == ATTEMPTS - 1;
        int rc = a.st.st_size <= TREE_WHOLE_MAX ? attempt_small(w, fd, &a, e)
                                                : attempt_large(w, fd, &a, e);
        if (rc != CHANGED)
            return rc;
        a.st = a.after;
    }
    tree_walk_problem(w, "it kept changing while it was read");
    tree_walk_spoiled(w);
    return 0;
}
