/* tracking_read.c — transactions told to whoever asks what changed. A file is checked from end to end
 * before anything of it is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/repository/tracking_changes.h"
#include "lib/repository/tracking_head.h"
#include "lib/repository/tracking_parts.h"

enum { PIECE = 64 << 10 };

struct source { /* a file, read forwards; every fault is that it is damaged */
    int fd;
    int64_t at; /* of what comes behind piece[len] */
    size_t used, len;
    uint8_t piece[PIECE + LIST_PATH_MAX];
};

/* The next `len` bytes, borrowed until the next call. */
static const void *get(struct source *s, size_t len)
{
    size_t got = 0;

    if (s->len - s->used < len) {
        memmove(s->piece, s->piece + s->used, s->len - s->used);
        s->len -= s->used;
        s->used = 0;
        if (fs_pread_full(s->fd, s->piece + s->len, sizeof(s->piece) - s->len, s->at, &got, NULL) <
            0)
            return NULL;
        s->at += (int64_t)got;
        s->len += got;
    }
    if (s->len - s->used < len)
        return NULL;
    s->used += len;
    return s->piece + s->used - len;
}

static bool read_header(struct source *s, int64_t number, struct tracking_summary *ret)
{
    _cleanup_json_ json_t *json = NULL;
    const void *magic = get(s, 8), *p;
    const char *id;
    uint32_t len;

    if (magic == NULL || memcmp(magic, TRACKING_CHANGES_MAGIC, 8) != 0 ||
        (p = get(s, sizeof(len))) == NULL)
        return false;
    memcpy(&len, p, sizeof(len));
    len = le32toh(len);
    if (len > TRACKING_HEADER_MAX || (p = get(s, len)) == NULL ||
        json_read(p, len, &json, NULL) < 0 || json_get_string(json, "id", &id, NULL) < 0 ||
        strlen(id) >= sizeof(ret->id) ||
        json_get_i64(json, "number", number, number, &ret->number, NULL) < 0 ||
        json_get_i64(json, "started", INT64_MIN, INT64_MAX, &ret->started.us, NULL) < 0 ||
        json_get_bool(json, "compared", &ret->compared, NULL) < 0)
        return false;
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    return true;
}

/* 0: a change, its path in `path`; 1: the end; -1: damaged. */
static int read_change(struct source *s, struct tracking_change *ret, char path[LIST_PATH_MAX + 1])
{
    const uint8_t *kind = get(s, 1);
    struct tracking_record r;
    const void *p;

    if (kind == NULL || *kind == 0)
        return kind == NULL ? -1 : 1;
    r.kind = *kind;
    if ((p = get(s, sizeof(r) - 1)) == NULL)
        return -1;
    memcpy((uint8_t *)&r + 1, p, sizeof(r) - 1);
    size_t len = le32toh(r.path_len);
    if (len > LIST_PATH_MAX || (p = get(s, len)) == NULL)
        return -1;
    memcpy(path, p, len);
    path[len] = '\0';
    *ret = (struct tracking_change){
        .kind = (enum tracking_kind)r.kind,
        .type = (char)r.type,
        .path = path,
        .size = le64toh(r.size),
        .inode = le64toh(r.inode),
        .mtime_s = (int64_t)le64toh((uint64_t)r.mtime_s),
        .mtime_ns = le32toh(r.mtime_ns),
        .ctime_s = (int64_t)le64toh((uint64_t)r.ctime_s),
        .ctime_ns = le32toh(r.ctime_ns),
    };
    return 0;
}

static bool is_as_written(int fd)
{
    uint8_t told[SEAL_HASH_LEN], found[SEAL_HASH_LEN];
    struct stat st;
    size_t got;

    return io_fstat(fd, &st) == 0 && st.st_size > SEAL_HASH_LEN &&
           fs_pread_full(fd, told, sizeof(told), st.st_size - SEAL_HASH_LEN, &got, NULL) == 0 &&
           got == sizeof(told) &&
           tracking_digest_file(fd, (uint64_t)st.st_size - SEAL_HASH_LEN, found, NULL) == 0 &&
           memcmp(told, found, sizeof(told)) == 0;
}

static int tell_changes(struct source *s, int64_t number, const struct tracking_reader *r,
                        struct err *e)
{
    _cleanup_free_ char *path = mem_alloc(LIST_PATH_MAX + 1);
    struct tracking_summary summary;
    struct tracking_change change;
    int rc;

    if (!read_header(s, number, &summary))
        return r->lost(r->arg, number, e);
    if (r->transaction(r->arg, &summary, e) < 0)
        return -1;
    while ((rc = read_change(s, &change, path)) == 0)
        if (r->change(r->arg, &change, e) < 0)
            return -1;
    return rc == 1 ? 0 : r->lost(r->arg, number, e);
}

static int tell(int dirfd, int64_t number, const struct tracking_reader *r, struct err *e)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "%lld" TRACKING_CHANGES_SUFFIX, (long long)number);
    _cleanup_(fs_closep) int fd = io_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0 || !is_as_written(fd))
        return r->lost(r->arg, number, e);
    struct source *s = mem_alloc(sizeof(*s));
    s->fd = fd;
    int rc = tell_changes(s, number, r, e);
    free(s);
    return rc;
}

int tracking_changes_read(const char *dir, int64_t from, int64_t to,
                          const struct tracking_reader *r, struct err *e)
{
    int dirfd;

    if (fs_open_dir(dir, &dirfd, e) < 0)
        return -1;
    int rc = 0;
    for (int64_t n = from; rc == 0 && n <= to; n++)
        rc = tell(dirfd, n, r, e);
    fs_closep(&dirfd);
    return rc;
}
