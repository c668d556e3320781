/* Names are kept, not stats: of those only a block at a time, so that a folder of millions of files costs
 * what its names do. */
#include "lib/tree/tree_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_read.h"

enum { BLOCK = 32768, STATS = 256 };

void tree_scanner_deinit(struct tree_scanner *s)
{
    free(s->path);
    free(s->block);
}

int tree_scan_open(struct tree_scanner *s, int dirfd, const char *name, int flags)
{
    flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    if (!s->plain_open) {
        int fd = io_open(dirfd, name, flags | O_NOATIME, 0);
        if (fd >= 0 || errno != EPERM)
            return fd;
        s->plain_open = true; /* not the owner: it will hardly be otherwise for the next */
    }
    return io_open(dirfd, name, flags, 0);
}

struct tree_scan *tree_scan_new_root(int fd, const struct stat *st)
{
    struct tree_scan *f = mem_alloc(sizeof(*f));

    *f = (struct tree_scan){.fd = fd, .st = *st, .names = BUF_INIT(UINT32_MAX)};
    return f;
}

struct tree_scan *tree_scan_new(struct tree_scan *parent, size_t index)
{
    struct tree_scan *f = mem_alloc(sizeof(*f));
    size_t name_len = strlen(tree_scan_name(parent, index));

    *f = (struct tree_scan){
        .parent = parent,
        .index = index,
        .fd = -1,
        .path_len = parent->path_len + (parent->path_len > 0) + name_len,
        .depth = parent->depth + 1,
        .names = BUF_INIT(UINT32_MAX),
    };
    return f;
}

void tree_scan_free(struct tree_scan *f)
{
    if (f == NULL)
        return;
    for (struct tree_scan *c = f->first, *next; c != NULL; c = next) {
        next = c->next;
        tree_scan_free(c);
    }
    fs_closep(&f->fd);
    buf_deinit(&f->names);
    free(f->entries);
    free(f->stats);
    free(f);
}

static void make_room(struct tree_scanner *s, size_t len)
{
    if (len <= s->path_cap)
        return;
    s->path_cap = len * 2;
    s->path = mem_resize(s->path, s->path_cap);
}

/* The folder's path into s->path. */
static void write_path(struct tree_scanner *s, const struct tree_scan *f)
{
    make_room(s, f->path_len + 1);
    for (; f->parent != NULL; f = f->parent) {
        const char *name = tree_scan_name(f->parent, f->index);
        size_t len = strlen(name);
        memcpy(s->path + f->path_len - len, name, len);
        if (f->path_len > len)
            s->path[f->path_len - len - 1] = '/';
    }
}

/* One entry of the listing, with s->path the folder's: kept if it belongs to the source. */
static int take_entry(struct tree_scanner *s, struct tree_scan *f, const struct dirent64 *entry)
{
    size_t len = strlen(entry->d_name), at = f->path_len;
    unsigned char type = entry->d_type;
    struct stat st;

    if (type == DT_UNKNOWN && io_stat(f->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        type = (unsigned char)IFTODT(st.st_mode);
    make_room(s, at + 1 + len + 1);
    if (at > 0)
        s->path[at++] = '/';
    memcpy(s->path + at, entry->d_name, len + 1);
    enum tree_verdict verdict = tree_rules_judge(s->rules, s->path, type == DT_DIR, f->inside);
    if (verdict == TREE_SKIP)
        return 0;
    if ((f->count & (f->count - 1)) == 0) /* at every power of two */
        f->entries =
            mem_resize_array(f->entries, f->count == 0 ? 1 : f->count * 2, sizeof(*f->entries));
    f->entries[f->count++] = (struct tree_scan_entry){
        .name = (uint32_t)f->names.len, .type = type, .verdict = (uint8_t)verdict};
    f->folder_count += type == DT_DIR;
    return buf_append(&f->names, entry->d_name, len + 1, NULL);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int compare_entries(const void *a, const void *b, void *names)
{
    const struct tree_scan_entry *x = a, *y = b;

    return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

/* A folder that cannot be listed to its end is a problem; what was seen is taken. */
static void list(struct tree_scanner *s, struct tree_scan *f)
{
    ssize_t got;

    if (s->block == NULL)
        s->block = mem_alloc(BLOCK);
    write_path(s, f);
    while (f->errnum == 0 && (got = io_getdents(f->fd, s->block, BLOCK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            f->errnum = errno;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(s->block + at);
            if (!is_dots(entry->d_name) && take_entry(s, f, entry) < 0)
                f->errnum = EOVERFLOW;
            at += entry->d_reclen;
        }
    }
    if (f->count > 1)
        qsort_r(f->entries, f->count, sizeof(*f->entries), compare_entries, f->names.data);
    f->folders_left = f->folder_count;
}

static void stat_block(struct tree_scan *f, size_t from)
{
    size_t count = f->count - from < STATS ? f->count - from : STATS;

    if (f->stats == NULL)
        f->stats = mem_alloc(count * sizeof(*f->stats));
    f->stats_from = from;
    f->stats_count = count;
    for (size_t i = 0; i < count; i++) {
        struct tree_stat *one = &f->stats[i];
        if (f->entries[from + i].type == DT_DIR)
            continue;
        int rc = io_stat(f->fd, tree_scan_name(f, from + i), &one->st, AT_SYMLINK_NOFOLLOW);
        one->errnum = rc == 0 ? 0 : errno;
    }
}

const struct tree_stat *tree_scan_stat(struct tree_scan *f, size_t index)
{
    if (index >= f->stats_from + f->stats_count)
        stat_block(f, index);
    return &f->stats[index - f->stats_from];
}

static int open_folder(struct tree_scanner *s, struct tree_scan *f)
{
    const struct tree_scan *parent = f->parent;

    f->inside = parent->inside || (parent->entries[f->index].verdict == TREE_TAKE &&
                                   tree_rules_has_include(s->rules));
    f->fd = tree_scan_open(s, parent->fd, tree_scan_name(parent, f->index), O_DIRECTORY);
    if (f->fd < 0 || io_fstat(f->fd, &f->st) != 0) {
        f->found = TREE_SCAN_NOT_OPENED;
        f->errnum = errno;
        return -1;
    }
    if (f->depth > TREE_DEPTH_MAX)
        f->found = TREE_SCAN_TOO_DEEP;
    else if (s->one_file_system && f->st.st_dev != s->device)
        f->found = TREE_SCAN_MOUNTED;
    return f->found == TREE_SCAN_LISTED ? 0 : -1;
}

void tree_scan_run(struct tree_scanner *s, struct tree_scan *f)
{
    f->found = TREE_SCAN_LISTED;
    f->errnum = 0;
    if (f->parent != NULL && open_folder(s, f) < 0)
        return;
    list(s, f);
    if (f->count > f->folder_count)
        stat_block(f, 0);
}
