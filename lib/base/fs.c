#include "lib/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

void fs_closep(int *fd)
{
    if (*fd >= 0)
        (void)io_close(*fd); /* of a descriptor whose data no longer matters */
    *fd = -1;
}

int fs_take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

int fs_write_all(int fd, const void *data, size_t len, struct err *e)
{
    const uint8_t *p = data;

    while (len > 0) {
        ssize_t n = io_write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "write");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* From *offset, or with NULL from where the descriptor stands. */
static int read_full(int fd, void *data, size_t len, const int64_t *offset, size_t *ret_len,
                     struct err *e)
{
    uint8_t *p = data;
    size_t done = 0;

    while (done < len) {
        ssize_t n = offset == NULL
                        ? io_read(fd, p + done, len - done)
                        : io_pread(fd, p + done, len - done, (off_t)*offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "read");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_len = done;
    return 0;
}

int fs_read_full(int fd, void *data, size_t len, size_t *ret_len, struct err *e)
{
    return read_full(fd, data, len, NULL, ret_len, e);
}

int fs_pread_full(int fd, void *data, size_t len, int64_t offset, size_t *ret_len, struct err *e)
{
    return read_full(fd, data, len, &offset, ret_len, e);
}

int fs_read_file(int dirfd, const char *path, struct buf *out, struct err *e)
{
    _cleanup_(fs_closep) int fd = io_open(dirfd, path, O_RDONLY | O_NOCTTY, 0);

    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", path);
    for (;;) {
        char chunk[8192];
        size_t got;
        if (fs_read_full(fd, chunk, sizeof(chunk), &got, e) < 0)
            return err_wrap(e, "%s", path);
        int rc = buf_append(out, chunk, got, e);
        mem_wipe(chunk, sizeof(chunk)); /* the file may hold a key */
        if (rc < 0)
            return err_wrap(e, "%s", path);
        if (got < sizeof(chunk))
            return 0;
    }
}

int fs_sync_dir(int dirfd, const char *path, struct err *e)
{
    _cleanup_(fs_closep) int fd = io_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0 || io_fsync(fd) != 0)
        return err_sys(e, ERR_IO, errno, "fsync of directory %s", path);
    return 0;
}

int fs_replace_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                    struct err *e)
{
    char temporary[300];
    uint8_t tag[6];
    char hex[13];

    if (io_random(tag, sizeof(tag)) != 0)
        return err_sys(e, ERR_IO, errno, "random bytes");
    hex_encode(tag, sizeof(tag), hex);
    (void)snprintf(temporary, sizeof(temporary), ".%.255s.%s", name, hex);
    _cleanup_(fs_closep) int fd =
        io_open(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "create %s", name);
    if (fs_write_all(fd, data, len, e) < 0) {
        (void)err_wrap(e, "%s", name);
        goto fail;
    }
    if (io_fsync(fd) != 0) {
        (void)err_sys(e, ERR_IO, errno, "fsync of %s", name);
        goto fail;
    }
    if (io_close(fs_take_fd(&fd)) != 0 || io_rename(dirfd, temporary, dirfd, name, 0) != 0) {
        (void)err_sys(e, ERR_IO, errno, "rename to %s", name);
        goto fail;
    }
    return fs_sync_dir(dirfd, ".", e);
fail:
    (void)io_unlink(dirfd, temporary, 0); /* the first error is the one to tell */
    return -1;
}

int fs_make_dirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
    _cleanup_free_ char *part = mem_strdup(path);

    for (char *p = part; p != NULL;) {
        char *slash = strchr(p + 1, '/'); /* + 1: an absolute path's root is there */
        if (slash != NULL)
            *slash = '\0';
        if (part[0] != '\0' && io_mkdir(dirfd, part, mode) == 0) {
            char *last = strrchr(part, '/');
            _cleanup_free_ char *parent = last == NULL   ? mem_strdup(".")
                                          : last == part ? mem_strdup("/")
                                                         : mem_strndup(part, (size_t)(last - part));
            if (fs_sync_dir(dirfd, parent, e) < 0)
                return -1;
        } else if (part[0] != '\0' && errno != EEXIST) {
            return err_sys(e, ERR_IO, errno, "create directory %s", part);
        }
        if (slash != NULL)
            *slash = '/';
        p = slash;
    }
    return 0;
}

int fs_open_dir(const char *path, int *ret_fd, struct err *e)
{
    int fd = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open directory %s",
                       path);
    *ret_fd = fd;
    return 0;
}

int fs_remove_tree(int parent, const char *name, struct err *e)
{
    if (io_unlink(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return err_sys(e, ERR_IO, errno, "remove %s", name);
    DIR *dir = io_opendir(parent, name);
    if (dir == NULL)
        return err_sys(e, ERR_IO, errno, "open directory %s", name);
    struct dirent *entry;
    int rc = 0;
    while (rc == 0 && (entry = io_readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = fs_remove_tree(dirfd(dir), entry->d_name, e);
    if (rc == 0 && errno != 0)
        rc = err_sys(e, ERR_IO, errno, "read directory %s", name);
    (void)io_closedir(dir);
    if (rc == 0 && io_unlink(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        rc = err_sys(e, ERR_IO, errno, "remove directory %s", name);
    return rc;
}
