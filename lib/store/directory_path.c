/* directory_path.c — finding the way below the root, and saying what stood in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/directory.h"

static const char *advice(int errnum)
{
    switch (errnum) {
    case ENOSPC:
        return "free some space there, or keep fewer sets";
    case EDQUOT:
        return "the quota is used up: raise it, or keep fewer sets";
    case EROFS:
        return "mounted read-only: see dmesg for errors, then mount -o remount,rw";
    case EACCES:
    case EPERM:
        return "the destination must belong to the user that makes the backups: see chown(1)";
    case EIO:
        return "the medium may be failing: see dmesg and smartctl";
    case ELOOP:
        return "a symbolic link stands inside the destination and is not followed: remove it";
    case ESTALE:
    case ENOTCONN:
    case ENODEV:
    case EHOSTDOWN:
    case ETIMEDOUT:
        return "the file system has gone away: mount it again";
    case ENAMETOOLONG:
        return "this file system allows only shorter names";
    case EMFILE:
    case ENFILE:
        return "too many open files: raise LimitNOFILE";
    default:
        return NULL;
    }
}

/* ERR_IO says that the medium fails. That nobody lets us look is another matter. */
static enum err_code code_of(int errnum)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return ERR_LIMIT;
    case ESTALE:
    case ENOTCONN:
    case ENODEV:
    case EHOSTDOWN:
    case ETIMEDOUT:
        return ERR_UNAVAILABLE;
    case ELOOP:
        return ERR_REFUSED;
    default:
        return ERR_IO;
    }
}

int directory_error(const struct directory *d, int errnum, const char *doing, const char *name,
                    struct err *e)
{
    _cleanup_free_ char *shown = name == NULL ? NULL : str_printable(name, strlen(name));
    const char *what = advice(errnum);

    (void)err_sys(e, code_of(errnum), errnum, "%s%s%s at %s", doing, shown == NULL ? "" : " ",
                  shown == NULL ? "" : shown, d->base.place);
    size_t used = e == NULL ? 0 : strlen(e->text);
    if (what != NULL && e != NULL)
        (void)snprintf(e->text + used, sizeof(e->text) - used, " (%s)", what);
    return -1;
}

/* Where the kernel has no openat2, or a sandbox forbids it: part by part. */
static int open_by_parts(int root, const char *path, int flags)
{
    _cleanup_free_ char *copy = mem_strdup(path);
    char *save = NULL, *part = strtok_r(copy, "/", &save);
    int at = root;

    while (part != NULL) {
        char *next = strtok_r(NULL, "/", &save);
        int how = next != NULL ? O_RDONLY | O_DIRECTORY : flags;
        int fd = io_open(at, part, how | O_NOFOLLOW, 0);
        int failure = errno;
        /* A link met on the way is "not a directory" here, and a loop to openat2. */
        struct stat st;
        if (fd < 0 && failure == ENOTDIR && io_stat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(st.st_mode))
            failure = ELOOP;
        if (at != root)
            (void)io_close(at);
        if (fd < 0) {
            errno = failure;
            return -1;
        }
        at = fd;
        part = next;
    }
    return at;
}

bool directory_lacks(int errnum)
{
    return errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EINVAL || errnum == EPERM;
}

int directory_sync(int fd)
{
    if (io_fsync(fd) == 0 || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
        return 0;
    return -1;
}

static int open_below(const struct directory *d, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    if (path[0] == '\0')
        return io_open(d->root, ".", flags | O_DIRECTORY, 0);
    int fd = io_openat2(d->root, path, &how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open_by_parts(d->root, path, flags);
    return fd;
}

int directory_open(const struct directory *d, const char *path, int flags)
{
    int fd = -1;

    for (int i = 0; i < DIRECTORY_TRIES; i++) {
        fd = open_below(d, path, flags);
        if (fd >= 0 || errno != ESTALE)
            break;
    }
    return fd;
}

int directory_open_parent(const struct directory *d, const char *name, const char **ret_base)
{
    const char *slash = strrchr(name, '/');
    _cleanup_free_ char *folder =
        slash == NULL ? mem_strdup("") : mem_strndup(name, (size_t)(slash - name));

    *ret_base = slash == NULL ? name : slash + 1;
    return directory_open(d, folder, O_RDONLY | O_DIRECTORY);
}

int directory_set_mode(int fd, const struct stat *st, mode_t mode)
{
    if ((st->st_mode & 0777) == mode || io_fchmod(fd, mode) == 0 || directory_lacks(errno))
        return 0;
    return -1;
}

int directory_make_folder(int dirfd, const char *name)
{
    bool made = io_mkdir(dirfd, name, FOLDER_MODE) == 0;
    struct stat st;

    if (!made && errno != EEXIST)
        return -1;
    int fd = io_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0 && errno == ENOTDIR && io_stat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        errno = ELOOP;
    if (fd < 0 || !made)
        return fd;
    if (io_fstat(fd, &st) == 0 && directory_set_mode(fd, &st, FOLDER_MODE) == 0)
        return fd;
    fs_closep(&fd);
    return -1;
}

int directory_make_parent(const struct directory *d, const char *name, int *ret_fd, struct err *e)
{
    const char *slash = strrchr(name, '/');
    _cleanup_free_ char *copy = mem_strndup(name, slash == NULL ? 0 : (size_t)(slash - name));
    char *save = NULL;
    int fd = directory_open(d, "", O_RDONLY);

    for (char *part = strtok_r(copy, "/", &save); part != NULL && fd >= 0;
         part = strtok_r(NULL, "/", &save)) {
        _cleanup_(fs_closep) int above = fd;
        fd = directory_make_folder(above, part);
        /* Also when it stood there: whoever made it may have died before this. */
        if (fd >= 0 && directory_sync(above) != 0)
            fs_closep(&fd);
    }
    *ret_fd = fd;
    return fd >= 0 ? 0 : directory_error(d, errno, "make the folder of", name, e);
}
