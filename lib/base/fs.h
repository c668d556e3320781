/* fs.h — whole operations on files, built on the seam: loops over EINTR and short counts, whole
 * files, and the one way to make a file durable under its name. All may block. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

int must_check fs_write_all(int fd, const void *data, size_t len, struct err *e);
/* Read until len bytes or end of file; *ret_len says how many. */
int must_check fs_read_full(int fd, void *data, size_t len, size_t *ret_len, struct err *e);
int must_check fs_pread_full(int fd, void *data, size_t len, int64_t offset, size_t *ret_len,
                             struct err *e);

/* The whole file into out, at most out->max bytes (ERR_LIMIT). ERR_NOT_FOUND if there is none. */
int must_check fs_read_file(int dirfd, const char *path, struct buf *out, struct err *e);

/* Replace `name` in dirfd by these bytes: temporary beside it, write, fsync, rename, fsync of the
 * directory. After a crash either the old or the new bytes are there. `name` has no slash. */
int must_check fs_replace_file(int dirfd, const char *name, const void *data, size_t len,
                               mode_t mode, struct err *e);

/* mkdir -p below dirfd with fsync of each parent that changed. Existing directories are fine. */
int must_check fs_make_dirs(int dirfd, const char *path, mode_t mode, struct err *e);

/* Directory at an absolute path: opened O_DIRECTORY, fd returned in *ret. */
int must_check fs_open_dir(const char *path, int *ret_fd, struct err *e);
int must_check fs_sync_dir(int dirfd, const char *path,
                           struct err *e); /* path "." for dirfd itself */

/* rm -rf of `name` in dirfd, following nothing. A missing one is fine. */
int must_check fs_remove_tree(int dirfd, const char *name, struct err *e);

void fs_closep(int *fd); /* for _cleanup_(fs_closep) int fd = -1 */

/* Hand over a descriptor: the variable becomes -1, the value goes on. */
int fs_take_fd(int *fd);
