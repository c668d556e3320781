/* directory.c — a directory as a store: opening it, and all calls but put, list and sweep. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/directory.h"

static void directory_close(struct store *s)
{
    fs_closep(&directory_of(s)->root);
    free(s);
}

static int not_found(const struct directory *d, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: there is no %s", d->base.place, name);
}

/* Does this errno say that there is no such object? A file where a folder should be says so too. */
static bool is_absent(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR;
}

/* 1: gone stale, and worth opening anew. */
static int get_once(const struct directory *d, const char *name, uint64_t offset, void *data,
                    size_t len, size_t *ret_len, struct err *e)
{
    struct err why = {0};
    struct stat st;
    /* O_NONBLOCK: a FIFO in the place of an object must not hang us */
    _cleanup_(fs_closep) int fd = directory_open(d, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return is_absent(errno) ? not_found(d, name, e)
                                : directory_error(d, errno, "open", name, e);
    if (io_fstat(fd, &st) != 0) {
        int failure = errno;
        (void)directory_error(d, failure, "stat", name, e);
        return failure == ESTALE ? 1 : -1;
    }
    if (!S_ISREG(st.st_mode))
        return not_found(d, name, e);
    if (fs_pread_full(fd, data, len, (int64_t)offset, ret_len, &why) < 0) {
        (void)directory_error(d, why.errnum, "read", name, e);
        return why.errnum == ESTALE ? 1 : -1;
    }
    return 0;
}

static int directory_get(struct store *s, const char *name, uint64_t offset, void *data, size_t len,
                         size_t *ret_len, struct err *e)
{
    int rc = 1;

    for (int i = 0; i < DIRECTORY_TRIES && rc > 0; i++)
        rc = get_once(directory_of(s), name, offset, data, len, ret_len, e);
    return rc == 0 ? 0 : -1;
}

static int directory_stat(struct store *s, const char *name, struct store_object *ret,
                          struct err *e)
{
    struct directory *d = directory_of(s);
    const char *base;
    struct stat st;
    _cleanup_(fs_closep) int parent = directory_open_parent(d, name, &base);

    if (parent < 0 || io_stat(parent, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return is_absent(errno) ? not_found(d, name, e)
                                : directory_error(d, errno, "stat", name, e);
    if (!S_ISREG(st.st_mode))
        return not_found(d, name, e);
    (void)strncpy(ret->name, name, STORE_NAME_MAX);
    ret->name[STORE_NAME_MAX] = '\0';
    ret->size = (uint64_t)st.st_size;
    ret->modified.us = st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000;
    return 0;
}

/* Remove the folders of a deleted object as far as they are empty. Not a promise, but tidiness:
 * a failure is no failure of the deletion. */
static void prune_folders(struct directory *d, const char *name)
{
    _cleanup_free_ char *path = mem_strdup(name);
    char *slash;

    while ((slash = strrchr(path, '/')) != NULL) {
        const char *base;
        *slash = '\0';
        _cleanup_(fs_closep) int parent = directory_open_parent(d, path, &base);
        if (parent < 0 || io_unlink(parent, base, AT_REMOVEDIR) != 0)
            return;
    }
}

static int directory_delete(struct store *s, const char *name, struct err *e)
{
    struct directory *d = directory_of(s);
    const char *base;
    struct stat st;
    _cleanup_(fs_closep) int parent = directory_open_parent(d, name, &base);

    if (parent < 0 || io_stat(parent, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return is_absent(errno) ? not_found(d, name, e)
                                : directory_error(d, errno, "delete", name, e);
    if (!S_ISREG(st.st_mode))
        return not_found(d, name, e);
    if (io_unlink(parent, base, 0) != 0)
        return is_absent(errno) ? not_found(d, name, e)
                                : directory_error(d, errno, "delete", name, e);
    if (directory_sync(parent) != 0)
        return directory_error(d, errno, "make durable the deletion of", name, e);
    prune_folders(d, name);
    return 0;
}

static int directory_space(struct store *s, struct store_space *ret, struct err *e)
{
    struct directory *d = directory_of(s);
    struct statvfs st;

    if (io_statvfs(d->root, &st) != 0)
        return directory_error(d, errno, "ask for the free space", NULL, e);
    store_space_of_blocks(st.f_frsize, st.f_blocks, st.f_bfree, st.f_bavail, ret);
    ret->free_inodes = st.f_files == 0 ? UINT64_MAX : st.f_favail; /* btrfs has no limit */
    return 0;
}

static bool points_already(int parent, const char *base, const char *target)
{
    char found[STORE_NAME_MAX + 2];
    ssize_t n = io_readlink(parent, base, found, sizeof(found) - 1);

    if (n < 0)
        return false;
    found[n] = '\0';
    return strcmp(found, target) == 0;
}

static int directory_point(struct store *s, const char *name, const char *target, struct err *e)
{
    struct directory *d = directory_of(s);
    char temporary[33];
    _cleanup_(fs_closep) int parent = -1;
    _cleanup_(fs_closep) int incoming = directory_make_folder(d->root, INCOMING_DIR);

    if (incoming < 0 || folder_temporary_name(temporary) != 0)
        return directory_error(d, errno, "point", name, e);
    if (directory_make_parent(d, name, &parent, e) < 0)
        return -1;
    const char *slash = strrchr(name, '/'), *base = slash == NULL ? name : slash + 1;
    if (points_already(parent, base, target))
        return 0;
    if (io_symlink(target, incoming, temporary) != 0) {
        if (directory_lacks(errno))
            return 0; /* this file system has no links, and nothing needs them */
        return directory_error(d, errno, "point", name, e);
    }
    if (io_rename(incoming, temporary, parent, base, 0) != 0 || directory_sync(parent) != 0) {
        int failure = errno;
        (void)io_unlink(incoming, temporary, 0); /* what is left over, sweep removes */
        return directory_error(d, failure, "point", name, e);
    }
    return 0;
}

static char *directory_local_path(struct store *s, const char *name)
{
    return mem_printf("%s/%s", s->place, name);
}

static const struct store_ops directory_ops = {
    .close = directory_close,
    .put_begin = directory_put_begin,
    .put_write = directory_put_write,
    .put_seal = directory_put_seal,
    .put_commit = directory_put_commit,
    .put_free = directory_put_free,
    .get = directory_get,
    .list = directory_list,
    .stat = directory_stat,
    .delete = directory_delete,
    .space = directory_space,
    .sweep = directory_sweep,
    .point = directory_point,
    .local_path = directory_local_path,
};

int store_open_directory(const char *path, bool create, struct store **ret, struct err *e)
{
    if (create && fs_make_dirs(AT_FDCWD, path, FOLDER_MODE, e) < 0)
        return err_wrap(e, "%s", path);
    int root = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (root < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND,
                       "%s: no such directory (mount it, or create it with mkdir -p)", path);
    if (root < 0 && errno == ENOTDIR)
        return err_set(e, ERR_CONFIG, "%s: not a directory (name another path)", path);
    struct directory here = {.base.place = (char *)path};
    if (root < 0)
        return directory_error(&here, errno, "open the destination", NULL, e);
    struct directory *d = mem_alloc(sizeof(*d));
    d->base = (struct store){.ops = &directory_ops, .place = mem_strdup(path)};
    d->root = root;
    *ret = &d->base;
    return 0;
}
