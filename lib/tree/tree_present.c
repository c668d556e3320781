#include "lib/tree/tree_present.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"

/* The entry itself, whatever it is: nothing happens to it. A path of more than PATH_MAX is not there. */
static int open_entry(int root, const char *path, struct stat *st)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = io_openat2(root, path, &how);

    if (fd >= 0 && io_fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    fs_closep(&fd);
    return -1;
}

/* By the descriptor, not by the name: what was looked at is what is opened. */
int tree_present_open(int root, const char *path, struct stat *ret)
{
    _cleanup_(fs_closep) int entry = open_entry(root, path, ret);
    char self[32];

    if (entry < 0)
        return -1;
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", entry);
    return io_open(AT_FDCWD, self, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
}

bool tree_present_stat(int root, const char *path, struct stat *ret)
{
    _cleanup_(fs_closep) int entry = open_entry(root, path, ret);

    return entry >= 0;
}

bool tree_present_read(int fd, uint64_t offset, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = io_pread(fd, (uint8_t *)data + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool tree_present_unchanged(int fd, const struct stat *st)
{
    struct stat now;

    return io_fstat(fd, &now) == 0 && now.st_size == st->st_size &&
           now.st_ctim.tv_sec == st->st_ctim.tv_sec && now.st_ctim.tv_nsec == st->st_ctim.tv_nsec;
}

static bool same_attributes(int fd, const struct tree_attrs *want)
{
    struct tree_attrs have = {0};
    bool same = tree_attrs_read(fd, &have, NULL) == 0 && have.count == want->count;

    for (size_t i = 0; same && i < want->count; i++)
        same = strcmp(have.items[i].name, want->items[i].name) == 0 &&
               have.items[i].len == want->items[i].len &&
               (want->items[i].len == 0 ||
                memcmp(have.items[i].value, want->items[i].value, want->items[i].len) == 0);
    tree_attrs_deinit(&have);
    return same;
}

bool tree_present_same(int fd, const struct stat *st, const struct tree_member *want, size_t names,
                       bool privileged, struct tree_ids *ids)
{
    if (st->st_size != want->st.st_size || st->st_nlink != names ||
        (st->st_mode & 07777) != (want->st.st_mode & 07777) ||
        st->st_mtim.tv_sec != want->st.st_mtim.tv_sec ||
        st->st_mtim.tv_nsec != want->st.st_mtim.tv_nsec)
        return false;
    if (st->st_uid != tree_ids_user(ids, want->user, want->st.st_uid) &&
        (privileged || st->st_uid != geteuid()))
        return false;
    if (st->st_gid != tree_ids_group(ids, want->group, want->st.st_gid) &&
        (privileged || st->st_gid != getegid()))
        return false;
    return same_attributes(fd, want->attrs);
}
