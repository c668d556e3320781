/* io.c — the seam as the product has it: system calls, nothing added. */
#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int io_open(int dirfd, const char *path, int flags, mode_t mode)
{
    return openat(dirfd, path, flags | O_CLOEXEC, mode);
}

int io_openat2(int dirfd, const char *path, const struct open_how *how)
{
    return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

int io_close(int fd)
{
    return close(fd);
}

ssize_t io_read(int fd, void *data, size_t len)
{
    return read(fd, data, len);
}

ssize_t io_pread(int fd, void *data, size_t len, off_t offset)
{
    return pread(fd, data, len, offset);
}

ssize_t io_write(int fd, const void *data, size_t len)
{
    return write(fd, data, len);
}

ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite(fd, data, len, offset);
}

int io_fsync(int fd)
{
    return fsync(fd);
}

int io_fdatasync(int fd)
{
    return fdatasync(fd);
}

int io_syncfs(int fd)
{
    return syncfs(fd);
}

int io_sync_range(int fd, off_t offset, off_t len)
{
    return sync_file_range(fd, offset, len,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                               SYNC_FILE_RANGE_WAIT_AFTER);
}

int io_write_behind(int fd, off_t offset, off_t len)
{
    return sync_file_range(fd, offset, len, SYNC_FILE_RANGE_WRITE);
}

int io_fadvise(int fd, off_t offset, off_t len, int advice)
{
    return posix_fadvise(fd, offset, len, advice);
}

int io_truncate(int fd, off_t len)
{
    return ftruncate(fd, len);
}

int io_rename(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned flags)
{
    return (int)syscall(SYS_renameat2, olddir, oldpath, newdir, newpath, flags);
}

int io_unlink(int dirfd, const char *path, int flags)
{
    return unlinkat(dirfd, path, flags);
}

int io_mkdir(int dirfd, const char *path, mode_t mode)
{
    return mkdirat(dirfd, path, mode);
}

int io_symlink(const char *target, int dirfd, const char *path)
{
    return symlinkat(target, dirfd, path);
}

int io_link(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)
{
    return linkat(olddir, oldpath, newdir, newpath, flags);
}

int io_mknod(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    return mknodat(dirfd, path, mode, dev);
}

int io_fchmod(int fd, mode_t mode)
{
    return fchmod(fd, mode);
}

int io_chmod(int dirfd, const char *path, mode_t mode)
{
    return fchmodat(dirfd, path, mode, 0);
}

int io_chown(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
    return fchownat(dirfd, path, uid, gid, flags);
}

int io_utimens(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    return path == NULL ? futimens(dirfd, times) : utimensat(dirfd, path, times, flags);
}

int io_setxattr(int fd, const char *name, const void *value, size_t size)
{
    return fsetxattr(fd, name, value, size, 0);
}

int io_removexattr(int fd, const char *name)
{
    return fremovexattr(fd, name);
}

ssize_t io_listxattr(int fd, char *names, size_t size)
{
    return flistxattr(fd, names, size);
}

ssize_t io_getxattr(int fd, const char *name, void *value, size_t size)
{
    return fgetxattr(fd, name, value, size);
}

off_t io_seek(int fd, off_t offset, int whence)
{
    return lseek(fd, offset, whence);
}

int io_flock(int fd, int operation)
{
    return flock(fd, operation);
}

int io_stat(int dirfd, const char *path, struct stat *st, int flags)
{
    return fstatat(dirfd, path, st, flags);
}

int io_fstat(int fd, struct stat *st)
{
    return fstat(fd, st);
}

int io_statvfs(int fd, struct statvfs *st)
{
    return fstatvfs(fd, st);
}

int io_statfs(int fd, struct statfs *st)
{
    return fstatfs(fd, st);
}

DIR *io_opendir(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

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
    return getdents64(fd, out, size);
}

int io_closedir(DIR *dir)
{
    return closedir(dir);
}

ssize_t io_readlink(int dirfd, const char *path, char *out, size_t size)
{
    return readlinkat(dirfd, path, out, size);
}

int io_socket(int domain, int type, int protocol)
{
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

int io_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return connect(fd, addr, len);
}

int io_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return bind(fd, addr, len);
}

ssize_t io_send(int fd, const void *data, size_t len, int flags)
{
    return send(fd, data, len, flags | MSG_NOSIGNAL);
}

ssize_t io_recv(int fd, void *data, size_t len, int flags)
{
    return recv(fd, data, len, flags);
}

int io_pidfd_open(pid_t pid)
{
    return pidfd_open(pid, 0); /* close-on-exec by itself */
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
