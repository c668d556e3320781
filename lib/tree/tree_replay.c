#include "lib/tree/tree_replay.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/mem.h"
#include "lib/tree/tree_attr.h"

struct replay {
    const struct tree_visitor *visitor;
    struct tree_untar *tar;
    struct tree_attrs attrs;
    struct tree_extent *extents;
    size_t extent_room;
    char *before;   /* the path of the member before */
    uint8_t *whole; /* TREE_WHOLE_MAX bytes */
    uint64_t done;  /* of all content */
};

static int give(struct replay *r, const char *path, const void *data, size_t len, struct err *e)
{
    if (len == 0)
        return 0;
    r->done += len;
    if (r->visitor->data(r->visitor->arg, data, len, e) < 0)
        return -1;
    return r->visitor->progress(r->visitor->arg, path, r->done, e);
}

static int give_zeros(struct replay *r, const char *path, uint64_t count, struct err *e)
{
    memset(r->whole, 0, count < TREE_WHOLE_MAX ? (size_t)count : TREE_WHOLE_MAX);
    while (count > 0) {
        size_t len = count < TREE_WHOLE_MAX ? (size_t)count : TREE_WHOLE_MAX;
        if (give(r, path, r->whole, len, e) < 0)
            return -1;
        count -= len;
    }
    return 0;
}

/* Runs come in order; what lies between them, and behind the last, are zeros. */
static int replay_content(struct replay *r, const struct tree_untar_member *m, struct err *e)
{
    const bool small = m->size <= TREE_WHOLE_MAX;
    const void *data;
    uint64_t at = 0;
    int64_t offset;
    size_t len;
    int rc;

    if (small)
        memset(r->whole, 0, (size_t)m->size);
    while ((rc = tree_untar_data(r->tar, &data, &len, &offset, e)) == 0) {
        if (offset < (int64_t)at || offset > m->size || (int64_t)len > m->size - offset)
            return err_set(e, ERR_FORMAT, "member %s: its data is out of order", m->path);
        if (small)
            memcpy(r->whole + offset, data, len);
        else if (give_zeros(r, m->path, (uint64_t)offset - at, e) < 0 ||
                 give(r, m->path, data, len, e) < 0)
            return -1;
        at = (uint64_t)offset + len;
    }
    if (rc < 0)
        return -1;
    return small ? give(r, m->path, r->whole, (size_t)m->size, e)
                 : give_zeros(r, m->path, (uint64_t)m->size - at, e);
}

static size_t read_extents(struct replay *r, const struct tree_untar_member *m)
{
    la_int64_t offset, length;
    size_t count = 0;

    if (archive_entry_sparse_reset(m->entry) == 0)
        return 0;
    while (archive_entry_sparse_next(m->entry, &offset, &length) == ARCHIVE_OK) {
        if (count == r->extent_room) {
            r->extent_room = r->extent_room == 0 ? 16 : r->extent_room * 2;
            r->extents = mem_resize_array(r->extents, r->extent_room, sizeof(*r->extents));
        }
        if (length > 0)
            r->extents[count++] = (struct tree_extent){offset, length};
    }
    return count;
}

static struct stat stat_of(const struct tree_untar_member *m)
{
    struct stat st = {
        .st_mode = m->hardlink != NULL ? S_IFREG | (m->mode & 07777) : m->mode,
        .st_uid = (uid_t)archive_entry_uid(m->entry),
        .st_gid = (gid_t)archive_entry_gid(m->entry),
        .st_size = S_ISREG(m->mode) && m->hardlink == NULL ? m->size : 0,
        .st_nlink = 1,
        .st_mtim = {.tv_sec = m->mtime_s, .tv_nsec = m->mtime_ns},
    };

    if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
        st.st_rdev = makedev((unsigned)archive_entry_rdevmajor(m->entry),
                             (unsigned)archive_entry_rdevminor(m->entry));
    return st;
}

static int replay_member(struct replay *r, const struct tree_untar_member *m, struct err *e)
{
    const bool root = m->path[0] == '\0';
    _cleanup_free_ char *path =
        mem_printf("%s%s", root ? "." : m->path, S_ISDIR(m->mode) ? "/" : "");
    struct tree_member member = {
        .path = path,
        .st = stat_of(m),
        .link = m->hardlink != NULL ? m->hardlink : m->symlink,
        .hard = m->hardlink != NULL,
        .again = r->before != NULL && strcmp(r->before, path) == 0,
        .attrs = &r->attrs,
    };

    if (tree_attr_from_entry(m->entry, &r->attrs, e) < 0)
        return err_wrap(e, "member %s", path);
    member.extent_count = member.hard ? 0 : read_extents(r, m);
    member.extents = member.extent_count > 0 ? r->extents : NULL;
    if (r->visitor->member(r->visitor->arg, &member, e) < 0)
        return -1;
    free(r->before);
    r->before = TAKE(path);
    return !member.hard && S_ISREG(m->mode) ? replay_content(r, m, e) : 0;
}

int tree_replay(tree_source *source, void *source_arg, const struct tree_visitor *v, struct err *e)
{
    struct replay r = {.visitor = v};
    struct tree_untar_member m;

    int rc = tree_untar_open(&r.tar, source, source_arg, e);
    r.whole = mem_alloc(TREE_WHOLE_MAX);
    while (rc == 0 && (rc = tree_untar_next(r.tar, &m, e)) == 0)
        rc = replay_member(&r, &m, e);
    tree_untar_free(r.tar);
    tree_attrs_deinit(&r.attrs);
    free(r.extents);
    free(r.before);
    free(r.whole);
    return rc < 0 ? -1 : 0;
}
