/* A file can change without its times telling: when it is written again within the same tick of the
 * clock that stamped them. So times that are no older than the start of the run that read it prove
 * nothing, and "no older" is meant with room for coarse stamps, and, where a file system is served by another
 * machine, for that one's clock. */
#include "lib/repository/tracking_same.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/mem.h"
#include "lib/repository/tracking_cursor.h"

#define LUSTRE_MAGIC 0x0bd00bd0 /* not in the kernel's own list */

enum { MARGIN_S = 2, MARGIN_SERVED_S = 600 }; /* FAT stamps to two seconds */

struct tracking_same {
    struct tracking_cursor *cursor;
    const struct tracking_artifact *artifact;
    uint64_t device; /* of the root now */
    bool served;
    int64_t then_s, now_s; /* the starts of the two runs */
    size_t spoiled_at;
    bool more; /* the entry found last may have further references */
};

static bool is_served(const struct statfs *fs)
{
    switch ((unsigned)fs->f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case V9FS_MAGIC:
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CEPH_SUPER_MAGIC:
    case OCFS2_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
    case LUSTRE_MAGIC:
        return true;
    default:
        return false;
    }
}

struct tracking_same *tracking_same_new(int list, const struct tracking_artifact *artifact,
                                        const struct tracking_head *past,
                                        const struct tracking_head *now, uint64_t device,
                                        const struct statfs *fs)
{
    struct tracking_same *s = mem_alloc(sizeof(*s));

    s->cursor = tracking_cursor_new(list);
    s->artifact = artifact;
    s->device = device;
    s->served = is_served(fs);
    s->then_s = past->started.us / 1000000;
    s->now_s = now->started.us / 1000000;
    return s;
}

void tracking_same_free(struct tracking_same *s)
{
    if (s == NULL)
        return;
    tracking_cursor_free(s->cursor);
    free(s);
}

/* Here a time from the future proves something again, since nobody can have stamped with it after
 * the run; unless the clock has been set back. */
static bool proves_nothing(const struct tracking_same *s, int64_t time_s, bool served)
{
    if (time_s < s->then_s - (served ? MARGIN_SERVED_S : MARGIN_S))
        return false;
    return served || s->then_s > s->now_s || time_s <= s->now_s + MARGIN_S;
}

/* Both come in the order of walks. */
static bool is_spoiled(struct tracking_same *s, const char *path)
{
    const struct strlist *spoiled = &s->artifact->spoiled;

    while (s->spoiled_at < spoiled->count &&
           list_path_compare(spoiled->items[s->spoiled_at], path) < 0)
        s->spoiled_at++;
    return s->spoiled_at < spoiled->count && str_equal(spoiled->items[s->spoiled_at], path);
}

static char type_of(mode_t mode)
{
    return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : '\0';
}

static bool is_same(struct tracking_same *s, const struct list_entry *x, const struct stat *st)
{
    uint64_t device = x->device == 0 ? s->device : x->device;
    bool served = s->served || x->device != 0; /* of another one it is not known what it is */

    return x->type == type_of(st->st_mode) &&
           (x->type == 'd' || x->size == (uint64_t)st->st_size) &&
           x->mtime_s == st->st_mtim.tv_sec && x->mtime_ns == (uint32_t)st->st_mtim.tv_nsec &&
           x->ctime_s == st->st_ctim.tv_sec && x->ctime_ns == (uint32_t)st->st_ctim.tv_nsec &&
           x->inode == st->st_ino && device == st->st_dev &&
           !proves_nothing(s, x->mtime_s, served) && !proves_nothing(s, x->ctime_s, served) &&
           !is_spoiled(s, x->path);
}

int tracking_same_find(struct tracking_same *s, const char *path, const struct stat *st,
                       const struct list_entry **ret, bool *ret_same, struct err *e)
{
    const struct list_entry *x;
    int rc, order = -1;

    s->more = false;
    while ((rc = tracking_cursor_peek_entry(s->cursor, &x, e)) == 0 &&
           (order = list_path_compare(x->path, path)) < 0)
        tracking_cursor_take(s->cursor);
    if (rc != 0 || order > 0)
        return rc < 0 ? -1 : 1;
    tracking_cursor_take(s->cursor);
    s->more = true;
    *ret = x;
    *ret_same = is_same(s, x, st);
    return 0;
}

int tracking_same_more(struct tracking_same *s, const struct chunk_ref **ret, size_t *ret_count,
                       struct err *e)
{
    const struct list_record *record;

    if (!s->more)
        return 1;
    int rc = tracking_cursor_peek(s->cursor, &record, e);
    if (rc < 0)
        return -1;
    if (rc == 1 || record->type != LIST_CONTENT) {
        s->more = false;
        return 1;
    }
    tracking_cursor_take(s->cursor);
    *ret = record->refs;
    *ret_count = record->ref_count;
    return 0;
}
