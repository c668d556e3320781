#include "lib/tree/tree_rename.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "lib/base/io.h"

int tree_side_look(struct tree_side *ret, struct err *e)
{
    struct stat st;

    if (io_stat(ret->fd, ret->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        ret->inode = st.st_ino;
    else if (errno == ENOENT)
        ret->inode = 0;
    else
        return err_sys(e, ERR_IO, errno, "stat");
    return 0;
}

static int rename_error(int errnum, struct err *e)
{
    if (errnum == EBUSY)
        return err_set(e, ERR_REFUSED,
                       "it is a mount point, which cannot be exchanged: unmount it, or restore "
                       "with --target into a new folder");
    if (errnum == EXDEV || errnum == EINVAL || errnum == ENOSYS)
        return err_set(e, ERR_REFUSED,
                       "this file system cannot exchange it (%s): restore with --target into a "
                       "new folder and move it yourself",
                       strerror(errnum));
    return err_sys(e, ERR_IO, errnum, "exchange");
}

/* What file systems answer that know no flags of renameat2. */
static bool knows_no_flags(int errnum)
{
    return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}

int tree_rename_move(const struct tree_side *from, const struct tree_side *to, struct err *e)
{
    struct stat st;

    if (io_rename(from->fd, from->name, to->fd, to->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (!knows_no_flags(errno))
        return rename_error(errno, e);
    /* we look, and then rename: what somebody makes there in between would be replaced */
    if (io_stat(to->fd, to->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return rename_error(EEXIST, e);
    if (errno != ENOENT || io_rename(from->fd, from->name, to->fd, to->name, 0) != 0)
        return rename_error(errno, e);
    return 0;
}

/* Killed in between, tree_exchange_back finds its way by the inodes in the three places. */
static int swap_over(const struct tree_side *target, const struct tree_side *fresh,
                     const struct tree_side *aside, struct err *e)
{
    if (tree_rename_move(target, aside, e) < 0 || tree_rename_move(fresh, target, e) < 0)
        return -1;
    return tree_rename_move(aside, fresh, e);
}

int tree_rename_swap(const struct tree_side *target, const struct tree_side *fresh,
                     const struct tree_side *aside, struct err *e)
{
    if (target->inode == 0)
        return fresh->inode != 0 ? tree_rename_move(fresh, target, e) : 0;
    if (fresh->inode == 0)
        return tree_rename_move(target, fresh, e);
    if (io_rename(fresh->fd, fresh->name, target->fd, target->name, RENAME_EXCHANGE) == 0)
        return 0;
    return knows_no_flags(errno) ? swap_over(target, fresh, aside, e) : rename_error(errno, e);
}

bool tree_rename_can_exchange(int folder)
{
    bool can = true;
    int a = io_open(folder, "a", O_WRONLY | O_CREAT | O_EXCL, 0600);
    int b = io_open(folder, "b", O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (a >= 0 && b >= 0)
        can = io_rename(folder, "a", folder, "b", RENAME_EXCHANGE) == 0 || !knows_no_flags(errno);
    if (a >= 0)
        (void)io_close(a);
    if (b >= 0)
        (void)io_close(b);
    return can;
}
