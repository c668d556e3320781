/* tree_measure.c — how much lies in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/str.h"
#include "lib/tree/tree_staging.h"
#include "lib/tree/tree_swap.h"

static bool does_not_count(const char *name)
{
    return str_starts(name, TREE_STAGING_PREFIX) || strcmp(name, "lost+found") == 0;
}

int tree_staging_measure(int parent, const char *name, bool top, struct tree_size *ret,
                         struct err *e)
{
    DIR *dir = io_opendir(parent, name);
    struct dirent *entry;
    struct stat st;
    int rc = 0;

    if (dir == NULL)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "list %s", name);
    while (rc == 0 && (entry = io_readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (top && does_not_count(entry->d_name)) ||
            io_stat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        ret->bytes += (uint64_t)st.st_blocks * 512;
        ret->entries++;
        ret->files += !S_ISDIR(st.st_mode);
        if (S_ISDIR(st.st_mode))
            rc = tree_staging_measure(dirfd(dir), entry->d_name, false, ret, e);
    }
    (void)io_closedir(dir);
    return rc;
}

int tree_swap_measure(const struct tree_swap_spec *spec, uint64_t *ret_entries, uint64_t *ret_bytes,
                      struct err *e)
{
    _cleanup_(fs_closep) int target = -1;
    struct tree_size size = {0};
    struct stat st;

    *ret_entries = *ret_bytes = 0;
    if (fs_open_dir(spec->target, &target, e) < 0)
        return -1;
    if (spec->single == NULL) {
        if (tree_staging_measure(target, ".", true, &size, e) < 0)
            return -1;
        *ret_entries = size.entries;
        *ret_bytes = size.bytes;
        return 0;
    }
    if (io_stat(target, spec->single, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        *ret_entries = 1;
        *ret_bytes = (uint64_t)st.st_size;
    }
    return 0;
}
