/* tracking_changes.c — the happy path is: two lists in the order of walks, read side by side; what
 * only one of them has was added or removed, what both have may have changed. */
#include "lib/repository/tracking_changes.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/repository/seal.h"
#include "lib/repository/tracking_cursor.h"
#include "lib/repository/tracking_parts.h"

enum { FLUSH = 64 << 10 };

struct writer {
    int fd;
    struct buf out;
    EVP_MD_CTX *digest;
    uint64_t count;
};

static int flush(struct writer *w, struct err *e)
{
    if (EVP_DigestUpdate(w->digest, w->out.data, w->out.len) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (fs_write_all(w->fd, w->out.data, w->out.len, e) < 0)
        return -1;
    buf_clear(&w->out);
    return 0;
}

static int put_header(struct writer *w, const struct tracking_summary *s, struct err *e)
{
    _cleanup_json_ json_t *json =
        json_pack("{s:I, s:s, s:I, s:b}", "number", (json_int_t)s->number, "id", s->id, "started",
                  (json_int_t)s->started.us, "compared", s->compared);
    struct buf text = BUF_INIT(TRACKING_HEADER_MAX);
    int rc = json_write(json, &text, e);
    uint32_t len = htole32((uint32_t)text.len);

    if (rc == 0)
        rc = buf_append(&w->out, TRACKING_CHANGES_MAGIC, 8, e) < 0 ||
                     buf_append(&w->out, &len, sizeof(len), e) < 0 ||
                     buf_append(&w->out, text.data, text.len, e) < 0
                 ? -1
                 : 0;
    buf_deinit(&text);
    return rc;
}

static int put_change(struct writer *w, enum tracking_kind kind, const struct list_entry *x,
                      struct err *e)
{
    size_t len = strlen(x->path);
    const struct tracking_record r = {
        .kind = (uint8_t)kind,
        .type = (uint8_t)x->type,
        .path_len = htole32((uint32_t)len),
        .size = htole64(x->size),
        .inode = htole64(x->inode),
        .mtime_s = (int64_t)htole64((uint64_t)x->mtime_s),
        .mtime_ns = htole32(x->mtime_ns),
        .ctime_s = (int64_t)htole64((uint64_t)x->ctime_s),
        .ctime_ns = htole32(x->ctime_ns),
    };

    w->count++;
    if (buf_append(&w->out, &r, sizeof(r), e) < 0 || buf_append(&w->out, x->path, len, e) < 0)
        return -1;
    return w->out.len < FLUSH ? 0 : flush(w, e);
}

static bool is_changed(const struct list_entry *a, const struct list_entry *b)
{
    if (a->type != b->type || a->mode != b->mode || a->uid != b->uid || a->gid != b->gid)
        return true;
    if (a->type == 'd')
        return false;
    return a->size != b->size || a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns ||
           a->ctime_s != b->ctime_s || a->ctime_ns != b->ctime_ns || a->inode != b->inode ||
           a->rdev != b->rdev || strcmp(a->link, b->link) != 0;
}

static int compare(struct writer *w, struct tracking_cursor *old, struct tracking_cursor *new,
                   struct err *e)
{
    const struct list_entry *a = NULL, *b = NULL;

    for (;;) {
        int ra = old == NULL ? 1 : tracking_cursor_peek_entry(old, &a, e);
        int rb = ra < 0 ? -1 : tracking_cursor_peek_entry(new, &b, e);
        if (rb < 0 || (ra == 1 && rb == 1))
            return rb < 0 ? -1 : 0;
        int order = ra == 1 ? 1 : rb == 1 ? -1 : list_path_compare(a->path, b->path);
        int rc = 0;
        if (order < 0)
            rc = put_change(w, TRACKING_REMOVED, a, e);
        else if (order > 0 && old != NULL)
            rc = put_change(w, TRACKING_ADDED, b, e);
        else if (order == 0 && is_changed(a, b))
            rc = put_change(w, TRACKING_CHANGED, b, e);
        if (rc < 0)
            return -1;
        if (order <= 0)
            tracking_cursor_take(old);
        if (order >= 0)
            tracking_cursor_take(new);
    }
}

static int put_end(struct writer *w, struct err *e)
{
    uint64_t count = htole64(w->count);
    uint8_t hash[SEAL_HASH_LEN];

    if (buf_append(&w->out, "", 1, e) < 0 || buf_append(&w->out, &count, sizeof(count), e) < 0 ||
        flush(w, e) < 0)
        return -1;
    if (EVP_DigestFinal_ex(w->digest, hash, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (fs_write_all(w->fd, hash, sizeof(hash), e) < 0)
        return -1;
    return io_fsync(w->fd) == 0 ? 0 : err_sys(e, ERR_IO, errno, "fsync");
}

static int write_records(struct writer *w, int old, int new, struct err *e)
{
    struct tracking_cursor *a = old < 0 ? NULL : tracking_cursor_new(old);
    struct tracking_cursor *b = tracking_cursor_new(new);
    int rc = compare(w, a, b, e);

    tracking_cursor_free(a);
    tracking_cursor_free(b);
    return rc;
}

/* new -1: there are no records. */
static int write_file(int dirfd, const struct tracking_summary *s, int old, int new, struct err *e)
{
    struct writer w = {.out = BUF_INIT(2 * FLUSH + TRACKING_HEADER_MAX + LIST_PATH_MAX)};
    char name[64];
    int rc;

    (void)snprintf(name, sizeof(name), "%lld" TRACKING_CHANGES_SUFFIX, (long long)s->number);
    w.fd = io_open(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (w.fd < 0)
        return err_sys(e, ERR_IO, errno, "create %s", name);
    w.digest = EVP_MD_CTX_new();
    if (w.digest == NULL || EVP_DigestInit_ex(w.digest, EVP_sha256(), NULL) != 1)
        rc = err_set(e, ERR_INTERNAL, "SHA-256 cannot be had");
    else
        rc = put_header(&w, s, e);
    if (rc == 0 && new >= 0)
        rc = write_records(&w, old, new, e);
    if (rc == 0)
        rc = put_end(&w, e);
    if (rc < 0)
        (void)err_wrap(e, "%s", name);
    EVP_MD_CTX_free(w.digest);
    buf_deinit(&w.out);
    fs_closep(&w.fd);
    return rc;
}

int tracking_changes_write(int dirfd, const struct tracking_summary *s, int old, int new,
                           struct err *e)
{
    return write_file(dirfd, s, old, new, e);
}

int tracking_changes_write_none(int dirfd, const struct tracking_summary *s, struct err *e)
{
    return write_file(dirfd, s, -1, -1, e);
}
