/* directory_list.c — objects in byte order, a page at a time; and the sweeping of what never became
 * one.
 *
 * A folder sorts as its name with '/' behind, so that walking each folder in that order gives the
 * byte order of whole names. Each page walks again from the top, but enters only folders
 * that can hold names behind `after`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/directory.h"

struct page {
    struct directory *directory;
    const char *prefix, *after;
    bool fold;
    struct store_object *out;
    size_t max, count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        (void)io_closedir(*dir);
}

/* 'd' for a folder, 'f' for a file, 0 for anything else and what has gone. */
static char kind_of(int dirfd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type == DT_DIR)
        return 'd';
    if (entry->d_type == DT_REG)
        return 'f';
    if (entry->d_type != DT_UNKNOWN || io_stat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : 0;
}

/* The entries of one folder as whole names, folders with '/' behind, sorted. `path` is "" or ends
 * in '/'. Names that no object can have (too long in all) are left out. */
static int read_folder(struct page *page, const char *path, DIR *dir, struct strlist *ret,
                       struct err *e)
{
    struct dirent *entry;

    while ((entry = io_readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (path[0] == '\0' && strcmp(name, INCOMING_DIR) == 0))
            continue;
        char kind = kind_of(dirfd(dir), entry);
        if (kind != 0 && strlen(path) + strlen(name) < STORE_NAME_MAX)
            strlist_addf(ret, "%s%s%s", path, name, kind == 'd' ? "/" : "");
    }
    if (errno != 0)
        return directory_error(page->directory, errno, "list", path, e);
    if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
    return 0;
}

/* 1: a folder that is not ours to read or has gone; it holds no objects. */
static int open_folder(struct page *page, const char *path, DIR **ret, struct err *e)
{
    _cleanup_free_ char *trimmed =
        mem_strndup(path, strlen(path) - (path[0] == '\0' ? 0 : 1)); /* without the '/' */
    _cleanup_(fs_closep) int fd = directory_open(page->directory, trimmed, O_RDONLY | O_DIRECTORY);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    /* The root of a file system has one that only root reads. */
    if (fd < 0 && errno == EACCES && strcmp(trimmed, "lost+found") == 0)
        return 1;
    if (fd < 0 || (*ret = io_opendir(fd, ".")) == NULL)
        return directory_error(page->directory, errno, "list", path, e);
    return 0;
}

static int walk(struct page *page, const char *path, struct err *e);

/* Is there any object below? A folder that a crash left empty is not a prefix of anything. */
static int holds_objects(struct page *page, const char *path, bool *ret, struct err *e)
{
    struct store_object one;
    struct page probe = {
        .directory = page->directory, .prefix = "", .after = "", .out = &one, .max = 1};

    if (walk(&probe, path, e) < 0)
        return -1;
    *ret = probe.count > 0;
    return 0;
}

static int add_file(struct page *page, DIR *dir, const char *name, struct err *e)
{
    const char *slash = strrchr(name, '/');
    struct stat st;

    if (io_stat(dirfd(dir), slash == NULL ? name : slash + 1, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return 0; /* deleted since */
        return directory_error(page->directory, errno, "stat", name, e);
    }
    struct store_object *o = &page->out[page->count++];
    (void)snprintf(o->name, sizeof(o->name), "%s", name);
    o->size = (uint64_t)st.st_size;
    o->modified.us = st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000;
    return 0;
}

static int add_folder(struct page *page, const char *name, struct err *e)
{
    bool wanted = str_starts(name, page->prefix), any;

    if (!wanted && !str_starts(page->prefix, name))
        return 0;
    if (strcmp(name, page->after) < 0 && !str_starts(page->after, name))
        return 0; /* all below it sorts before `after` */
    if (!page->fold || !wanted || strcmp(name, page->prefix) == 0)
        return walk(page, name, e);
    if (strcmp(name, page->after) <= 0)
        return 0;
    if (holds_objects(page, name, &any, e) < 0)
        return -1;
    if (any) {
        struct store_object *o = &page->out[page->count++];
        *o = (struct store_object){0};
        (void)snprintf(o->name, sizeof(o->name), "%s", name);
    }
    return 0;
}

static int walk(struct page *page, const char *path, struct err *e)
{
    _cleanup_(closedirp) DIR *dir = NULL;
    _cleanup_(strlist_deinit) struct strlist names = {0};
    int rc = open_folder(page, path, &dir, e);

    if (dir == NULL)
        return rc > 0 ? 0 : -1;
    if (read_folder(page, path, dir, &names, e) < 0)
        return -1;
    for (size_t i = 0; i < names.count && page->count < page->max; i++) {
        const char *name = names.items[i];
        if (str_ends(name, "/")) {
            if (add_folder(page, name, e) < 0)
                return -1;
        } else if (str_starts(name, page->prefix) && strcmp(name, page->after) > 0) {
            if (add_file(page, dir, name, e) < 0)
                return -1;
        }
    }
    return 0;
}

int directory_list(struct store *s, const char *prefix, bool fold, const char *after,
                   struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    struct page page = {.directory = directory_of(s),
                        .prefix = prefix,
                        .after = after,
                        .fold = fold,
                        .out = out,
                        .max = max};

    if (walk(&page, "", e) < 0)
        return -1;
    *ret_count = page.count;
    return 0;
}

/* Old enough, and nobody is writing it: a put holds the lock for as long as it lives. */
static bool is_abandoned(int incoming, const char *name, int64_t before_us)
{
    struct stat st;
    _cleanup_(fs_closep) int fd = -1;

    if (io_stat(incoming, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000 > before_us)
        return false;
    if (!S_ISREG(st.st_mode))
        return S_ISLNK(st.st_mode);
    fd = io_open(incoming, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    return fd >= 0 && (io_flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

int directory_sweep(struct store *s, int64_t age_s, size_t *ret_removed, struct err *e)
{
    struct directory *d = directory_of(s);
    int64_t before_us = clock_wall().us - age_s * 1000000;
    _cleanup_(closedirp) DIR *dir = io_opendir(d->root, INCOMING_DIR);
    struct dirent *entry;

    if (dir == NULL && errno == ENOENT)
        return 0;
    if (dir == NULL)
        return directory_error(d, errno, "sweep", NULL, e);
    while ((entry = io_readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || !is_abandoned(dirfd(dir), entry->d_name, before_us))
            continue;
        if (io_unlink(dirfd(dir), entry->d_name, 0) != 0)
            return directory_error(d, errno, "sweep", entry->d_name, e);
        (*ret_removed)++;
    }
    if (errno != 0)
        return directory_error(d, errno, "sweep", NULL, e);
    return 0;
}
