/* io.h — the seam to the kernel: every file, socket and random call of lib/, daemon/ and cli/.
 *
 * Each function is the system call of that name: same result, same errno, EINTR included
 * (fs.h has the forms that loop). The product links io.c, which adds nothing. Tests link
 * tests/lib/seam_io.c in its place, which counts the calls that change something, fails or kills
 * at call N, cuts writes short, and logs writes so that a power loss can be replayed.
 * Calls marked (C) change something durable and are counted. All may block. */
#pragma once

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "lib/base/err.h"

int io_open(int dirfd, const char *path, int flags, mode_t mode); /* (C) with O_CREAT, O_TRUNC */
int io_openat2(int dirfd, const char *path, const struct open_how *how); /* (C) likewise */
int io_close(int fd);
ssize_t io_read(int fd, void *data, size_t len);
ssize_t io_pread(int fd, void *data, size_t len, off_t offset);
ssize_t io_write(int fd, const void *data, size_t len);                /* (C) on files */
ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset); /* (C) */
int io_fsync(int fd);                                                  /* (C) */
int io_fdatasync(int fd);                                              /* (C) */
int io_syncfs(int fd);                                                 /* (C) */
int io_sync_range(int fd, off_t offset, off_t len); /* write out and wait; no durability promise */
int io_write_behind(int fd, off_t offset, off_t len);        /* begin to write out, do not wait */
int io_fadvise(int fd, off_t offset, off_t len, int advice); /* posix_fadvise's result */
int io_truncate(int fd, off_t len);                          /* (C) */
int io_rename(int olddir, const char *oldpath, int newdir, const char *newpath,
              unsigned flags);                                   /* (C) renameat2 */
int io_unlink(int dirfd, const char *path, int flags);           /* (C) */
int io_mkdir(int dirfd, const char *path, mode_t mode);          /* (C) */
int io_symlink(const char *target, int dirfd, const char *path); /* (C) */
int io_link(int olddir, const char *oldpath, int newdir, const char *newpath, int flags); /* (C) */
int io_mknod(int dirfd, const char *path, mode_t mode, dev_t dev);                        /* (C) */
int io_fchmod(int fd, mode_t mode);                                                       /* (C) */
int io_chmod(int dirfd, const char *path, mode_t mode); /* (C) fchmodat, follows links */
int io_chown(int dirfd, const char *path, uid_t uid, gid_t gid, int flags); /* (C) fchownat */
/* (C) path NULL: dirfd itself */
int io_utimens(int dirfd, const char *path, const struct timespec times[2], int flags);
int io_setxattr(int fd, const char *name, const void *value, size_t size); /* (C) fsetxattr */
int io_removexattr(int fd, const char *name);                              /* (C) fremovexattr */
ssize_t io_listxattr(int fd, char *names, size_t size);                    /* flistxattr */
ssize_t io_getxattr(int fd, const char *name, void *value, size_t size);   /* fgetxattr */
off_t io_seek(int fd, off_t offset, int whence);                           /* lseek */
int io_flock(int fd, int operation);
int io_stat(int dirfd, const char *path, struct stat *st, int flags); /* fstatat */
int io_fstat(int fd, struct stat *st);
int io_statvfs(int fd, struct statvfs *st);
int io_statfs(int fd, struct statfs *st);     /* fstatfs: the file system's type */
DIR *io_opendir(int dirfd, const char *path); /* openat + fdopendir; NULL and errno */
struct dirent *io_readdir(DIR *dir);          /* NULL at the end, or with errno != 0 */
int io_closedir(DIR *dir);
ssize_t io_getdents(int fd, void *out, size_t size); /* getdents64: struct dirent64 after another */
ssize_t io_readlink(int dirfd, const char *path, char *out, size_t size);

int io_socket(int domain, int type, int protocol);
int io_connect(int fd, const struct sockaddr *addr, socklen_t len);
int io_bind(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t io_send(int fd, const void *data, size_t len, int flags);
ssize_t io_recv(int fd, void *data, size_t len, int flags);

int io_pidfd_open(pid_t pid);          /* readable when the process has ended */
int io_random(void *data, size_t len); /* getrandom, whole; -1 and errno */
