/* seam_io.c — io.h for tests: each call asks seam_fault.c what to do, then tells seam_log.c. */
#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/lib/seam_state.h"

enum { QUIET = 0, COUNTED = 1 };

/* Take a turn; when it is to fail, errno is set and true returned. */
static bool fails(const char *call, bool counted)
{
    struct seam_turn turn = seam_turn_take(call, counted, 0);

    if (turn.errnum != 0)
        errno = turn.errnum;
    return turn.errnum != 0;
}

/* Make the call under the log's lock; if it works and the log is on, record it. */
#define LOGGED(call, ...)                                                                          \
    ({                                                                                             \
        seam_log_lock();                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ >= 0 && seam_log_on()) {                                                           \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        seam_log_unlock();                                                                         \
        rc_;                                                                                       \
    })

/* A new name in a folder: a file, folder, link. */
static void record_name(enum seam_record_kind kind, int dirfd, const char *path, const char *data)
{
    const char *base;
    uint64_t dir = seam_parent_ino(dirfd, path, &base);

    seam_log_put((struct seam_record){.kind = kind,
                                      .dir = dir,
                                      .ino = seam_ino(dirfd, path),
                                      .data_len = data == NULL ? 0 : (uint32_t)strlen(data)},
                 base, NULL, data);
}

static void record_rename(int olddir, const char *oldpath, int newdir, const char *newpath,
                          unsigned flags)
{
    const char *oldbase, *newbase;
    uint64_t from = seam_parent_ino(olddir, oldpath, &oldbase);
    uint64_t to = seam_parent_ino(newdir, newpath, &newbase);

    seam_log_put((struct seam_record){.kind = SEAM_RENAME,
                                      .dir = from,
                                      .dir2 = to,
                                      .exchange = (flags & RENAME_EXCHANGE) != 0},
                 oldbase, newbase, NULL);
}

static void record_unlink(uint64_t dir, const char *base)
{
    seam_log_put((struct seam_record){.kind = SEAM_UNLINK, .dir = dir}, base, NULL, NULL);
}

static void record_fd(enum seam_record_kind kind, int fd, uint64_t offset)
{
    bool is_file;
    uint64_t ino = seam_fd_ino(fd, &is_file);

    seam_log_put((struct seam_record){.kind = kind, .ino = ino, .offset = offset}, NULL, NULL,
                 NULL);
}

/* After an open that may have made the file, or emptied it. */
static void record_open(int dirfd, const char *path, int fd, uint64_t flags, bool was_there)
{
    if ((flags & O_CREAT) != 0 && !was_there)
        record_name(SEAM_CREATE, dirfd, path, NULL);
    else if ((flags & O_TRUNC) != 0)
        record_fd(SEAM_TRUNCATE, fd, 0);
}

static bool changes(uint64_t flags)
{
    return (flags & (O_CREAT | O_TRUNC)) != 0;
}

int io_open(int dirfd, const char *path, int flags, mode_t mode)
{
    uint64_t how = (uint64_t)(unsigned)flags;

    if (fails("open", changes(how)))
        return -1;
    if (!changes(how))
        return openat(dirfd, path, flags | O_CLOEXEC, mode);
    bool was_there = seam_ino(dirfd, path) != 0;
    return LOGGED(openat(dirfd, path, flags | O_CLOEXEC, mode),
                  record_open(dirfd, path, rc_, how, was_there));
}

int io_openat2(int dirfd, const char *path, const struct open_how *how)
{
    if (fails("openat2", changes(how->flags)))
        return -1;
    if (!changes(how->flags))
        return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
    bool was_there = seam_ino(dirfd, path) != 0;
    return LOGGED((int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how)),
                  record_open(dirfd, path, rc_, how->flags, was_there));
}

int io_close(int fd)
{
    return close(fd);
}

ssize_t io_read(int fd, void *data, size_t len)
{
    struct seam_turn turn = seam_turn_take("read", QUIET, len);

    if (turn.errnum != 0) {
        errno = turn.errnum;
        return -1;
    }
    return read(fd, data, turn.limit);
}

ssize_t io_pread(int fd, void *data, size_t len, off_t offset)
{
    struct seam_turn turn = seam_turn_take("pread", QUIET, len);

    if (turn.errnum != 0) {
        errno = turn.errnum;
        return -1;
    }
    return pread(fd, data, turn.limit, offset);
}

/* Write at an offset, or at the file's own for -1, and record where it went. */
static ssize_t write_logged(int fd, const void *data, size_t len, off_t offset, bool is_file)
{
    seam_log_lock();
    ssize_t n = offset < 0 ? write(fd, data, len) : pwrite(fd, data, len, offset);
    if (n > 0 && is_file && seam_log_on()) {
        bool ignored;
        /* behind the write: with O_APPEND the place is known only then */
        off_t end = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset + n;
        seam_log_put((struct seam_record){.kind = SEAM_WRITE,
                                          .ino = seam_fd_ino(fd, &ignored),
                                          .offset = (uint64_t)(end - n),
                                          .data_len = (uint32_t)n},
                     NULL, NULL, data);
    }
    seam_log_unlock();
    return n;
}

static ssize_t write_turn(const char *call, int fd, const void *data, size_t len, off_t offset)
{
    bool is_file;
    (void)seam_fd_ino(fd, &is_file);
    struct seam_turn turn = seam_turn_take(call, is_file, len);
    _Alignas(4096) unsigned char wrong[4096]; /* a page, as O_DIRECT wants it */

    if (turn.errnum != 0) {
        errno = turn.errnum;
        return -1;
    }
    if (turn.flip && len > 0) {
        turn.limit = turn.limit < sizeof(wrong) ? turn.limit : sizeof(wrong);
        memcpy(wrong, data, turn.limit);
        wrong[turn.limit / 2] ^= 4;
        data = wrong;
    }
    ssize_t n = write_logged(fd, data, turn.limit, offset, is_file);
    if (turn.die)
        seam_die();
    return n;
}

ssize_t io_write(int fd, const void *data, size_t len)
{
    return write_turn("write", fd, data, len, -1);
}

ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return write_turn("pwrite", fd, data, len, offset);
}

int io_fsync(int fd)
{
    if (fails("fsync", COUNTED))
        return -1;
    return seam_lies() ? 0 : LOGGED(fsync(fd), record_fd(SEAM_FSYNC, fd, 0));
}

int io_fdatasync(int fd)
{
    if (fails("fdatasync", COUNTED))
        return -1;
    return seam_lies() ? 0 : LOGGED(fdatasync(fd), record_fd(SEAM_FSYNC, fd, 0));
}

int io_syncfs(int fd)
{
    if (fails("syncfs", COUNTED))
        return -1;
    return seam_lies() ? 0 : LOGGED(syncfs(fd), record_fd(SEAM_SYNCFS, fd, 0));
}

int io_sync_range(int fd, off_t offset, off_t len)
{
    if (fails("sync_range", QUIET))
        return -1;
    return sync_file_range(fd, offset, len,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                               SYNC_FILE_RANGE_WAIT_AFTER);
}

int io_write_behind(int fd, off_t offset, off_t len)
{
    if (fails("write_behind", QUIET))
        return -1;
    return sync_file_range(fd, offset, len, SYNC_FILE_RANGE_WRITE);
}

int io_fadvise(int fd, off_t offset, off_t len, int advice)
{
    return posix_fadvise(fd, offset, len, advice);
}

int io_truncate(int fd, off_t len)
{
    if (fails("truncate", COUNTED))
        return -1;
    return LOGGED(ftruncate(fd, len), record_fd(SEAM_TRUNCATE, fd, (uint64_t)len));
}

int io_rename(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned flags)
{
    /* two names: one for the plain form, so that a test can take away the flags alone */
    if (fails(flags == 0 ? "rename" : "renameat2", COUNTED))
        return -1;
    return LOGGED((int)syscall(SYS_renameat2, olddir, oldpath, newdir, newpath, flags),
                  record_rename(olddir, oldpath, newdir, newpath, flags));
}

int io_unlink(int dirfd, const char *path, int flags)
{
    const char *base;

    if (fails(flags == 0 ? "unlink" : "rmdir", COUNTED))
        return -1;
    uint64_t dir = seam_parent_ino(dirfd, path, &base);
    return LOGGED(unlinkat(dirfd, path, flags), record_unlink(dir, base));
}

int io_mkdir(int dirfd, const char *path, mode_t mode)
{
    if (fails("mkdir", COUNTED))
        return -1;
    return LOGGED(mkdirat(dirfd, path, mode), record_name(SEAM_MKDIR, dirfd, path, NULL));
}

int io_symlink(const char *target, int dirfd, const char *path)
{
    if (fails("symlink", COUNTED))
        return -1;
    return LOGGED(symlinkat(target, dirfd, path), record_name(SEAM_SYMLINK, dirfd, path, target));
}

int io_link(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)
{
    if (fails("link", COUNTED))
        return -1;
    return LOGGED(linkat(olddir, oldpath, newdir, newpath, flags),
                  record_name(SEAM_LINK, newdir, newpath, NULL));
}

int io_mknod(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    return fails("mknod", COUNTED) ? -1 : mknodat(dirfd, path, mode, dev);
}

int io_fchmod(int fd, mode_t mode)
{
    return fails("fchmod", COUNTED) ? -1 : fchmod(fd, mode);
}

int io_chmod(int dirfd, const char *path, mode_t mode)
{
    return fails("chmod", COUNTED) ? -1 : fchmodat(dirfd, path, mode, 0);
}

int io_chown(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
    return fails("chown", COUNTED) ? -1 : fchownat(dirfd, path, uid, gid, flags);
}

int io_utimens(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    if (fails("utimens", COUNTED))
        return -1;
    return path == NULL ? futimens(dirfd, times) : utimensat(dirfd, path, times, flags);
}

int io_setxattr(int fd, const char *name, const void *value, size_t size)
{
    return fails("setxattr", COUNTED) ? -1 : fsetxattr(fd, name, value, size, 0);
}

int io_removexattr(int fd, const char *name)
{
    return fails("removexattr", COUNTED) ? -1 : fremovexattr(fd, name);
}

ssize_t io_listxattr(int fd, char *names, size_t size)
{
    return fails("listxattr", QUIET) ? -1 : flistxattr(fd, names, size);
}

ssize_t io_getxattr(int fd, const char *name, void *value, size_t size)
{
    return fails("getxattr", QUIET) ? -1 : fgetxattr(fd, name, value, size);
}

off_t io_seek(int fd, off_t offset, int whence)
{
    return lseek(fd, offset, whence);
}

int io_flock(int fd, int operation)
{
    return fails("flock", QUIET) ? -1 : flock(fd, operation);
}

int io_stat(int dirfd, const char *path, struct stat *st, int flags)
{
    return fails("stat", QUIET) ? -1 : fstatat(dirfd, path, st, flags);
}

int io_fstat(int fd, struct stat *st)
{
    return fails("fstat", QUIET) ? -1 : fstat(fd, st);
}

int io_statvfs(int fd, struct statvfs *st)
{
    return fails("statvfs", QUIET) ? -1 : fstatvfs(fd, st);
}

int io_statfs(int fd, struct statfs *st)
{
    return fails("statfs", QUIET) ? -1 : fstatfs(fd, st);
}

DIR *io_opendir(int dirfd, const char *path)
{
    int fd = fails("opendir", QUIET)
                 ? -1
                 : openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        (void)close(fd);
    return dir;
}

struct dirent *io_readdir(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

ssize_t io_getdents(int fd, void *out, size_t size)
{
    return fails("getdents", QUIET) ? -1 : getdents64(fd, out, size);
}

int io_closedir(DIR *dir)
{
    return closedir(dir);
}

ssize_t io_readlink(int dirfd, const char *path, char *out, size_t size)
{
    return fails("readlink", QUIET) ? -1 : readlinkat(dirfd, path, out, size);
}

int io_socket(int domain, int type, int protocol)
{
    return fails("socket", QUIET) ? -1 : socket(domain, type | SOCK_CLOEXEC, protocol);
}

int io_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return fails("connect", QUIET) ? -1 : connect(fd, addr, len);
}

int io_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return fails("bind", QUIET) ? -1 : bind(fd, addr, len);
}

ssize_t io_send(int fd, const void *data, size_t len, int flags)
{
    return fails("send", QUIET) ? -1 : send(fd, data, len, flags | MSG_NOSIGNAL);
}

ssize_t io_recv(int fd, void *data, size_t len, int flags)
{
    return fails("recv", QUIET) ? -1 : recv(fd, data, len, flags);
}

int io_pidfd_open(pid_t pid)
{
    return fails("pidfd_open", QUIET) ? -1 : pidfd_open(pid, 0);
}

int io_random(void *data, size_t len)
{
    unsigned char *p = data;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}
