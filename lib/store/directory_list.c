/* directory_list.c — the folders of a directory for walk.h; and the sweeping of what never became an
 * object. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/directory.h"
#include "lib/store/walk.h"

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

/* 1: a folder that is not ours to read or has gone, or a link in its place. */
static int open_folder(const struct directory *d, const char *path, DIR **ret, struct err *e)
{
    _cleanup_free_ char *trimmed =
        mem_strndup(path, strlen(path) - (path[0] == '\0' ? 0 : 1)); /* without the '/' */
    _cleanup_(fs_closep) int fd = directory_open(d, trimmed, O_RDONLY | O_DIRECTORY);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 1;
    /* The root of a file system has one that only root reads. */
    if (fd < 0 && errno == EACCES && strcmp(trimmed, "lost+found") == 0)
        return 1;
    if (fd < 0 || (*ret = io_opendir(fd, ".")) == NULL)
        return directory_error(d, errno, "list", path, e);
    return 0;
}

/* What a network file system leaves in the place of a file that was deleted while it was open. */
static bool is_shadow(const char *name)
{
    return str_starts(name, ".nfs") || str_starts(name, ".fuse_hidden") ||
           str_starts(name, ".smbdelete");
}

static int read_entry(const struct directory *d, struct walk *w, const char *path, DIR *dir,
                      const struct dirent *entry, struct err *e)
{
    char kind = kind_of(dirfd(dir), entry);
    struct walk_entry *add = kind == 0 || is_shadow(entry->d_name)
                                 ? NULL
                                 : walk_add(w, path, entry->d_name, kind == 'd');
    struct stat st;

    if (add == NULL || kind == 'd')
        return 0;
    if (io_stat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            return directory_error(d, errno, "stat", add->name, e);
        walk_drop(w); /* deleted since */
        return 0;
    }
    add->size = (uint64_t)st.st_size;
    add->modified.us = st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000;
    return 0;
}

static int read_folder(void *arg, struct walk *w, const char *path, struct err *e)
{
    const struct directory *d = arg;
    _cleanup_(closedirp) DIR *dir = NULL;
    struct dirent *entry;
    int rc = open_folder(d, path, &dir, e);

    if (dir == NULL)
        return rc;
    while ((entry = io_readdir(dir)) != NULL)
        if (read_entry(d, w, path, dir, entry, e) < 0)
            return -1;
    return errno == 0 ? 0 : directory_error(d, errno, "list", path, e);
}

int directory_list(struct store *s, const char *prefix, bool fold, const char *after,
                   struct store_object *out, size_t max, size_t *ret_count, struct err *e)
{
    return walk_list(read_folder, directory_of(s), prefix, fold, after, out, max, ret_count, e);
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
